// `evidence inspect --kind nvidia`: reports of NVIDIA GPUs or switches, with their chains, reference manifests and OCSP answers.
import { WardroundError } from '@wardround/protocol/errors';
import { isEvidenceList, readEvidenceList, readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import type { NvidiaFields, PresentedDevice } from '@wardround/attestation/nvidia/inspect';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { nrasIssuer, type NrasReading, readNras } from '@wardround/attestation/nvidia/nras';
import { believedKeys } from '@wardround/attestation/nvidia/nras-keys';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { hex32 } from './files.ts';
import type { InspectKind } from './kinds.ts';
import { readNrasFiles } from './nras-files.ts';
import type { Inputs } from './options.ts';

/** Codes of bytes that are no report or chain at all. Spoiled manifests and answers get a verdict. */
const unreadable: ReadonlySet<string> = new Set([
  'nvidia-report-size',
  'nvidia-report-header',
  'pem-malformed',
  'pem-too-large',
  'der-malformed',
  'certificate-malformed',
]);

export const inspectNvidiaFiles: InspectKind = {
  accepts: {
    needs: ['report', 'nonce'],
    takes: ['chain', 'cert', 'rim', 'ocsp', 'nrasToken', 'nrasJwks'],
    file: 'none',
  },
  inspect: async (inputs, at) => {
    const [devices, rims, ocsp] = await Promise.all([readDevices(inputs), inputs.all('rim'), inputs.all('ocsp')]);
    const nonce = hex32(inputs.text('nonce').toLowerCase(), '--nonce');
    const secondOpinions = await readOpinions(inputs, { nonce, at });
    const inspection = inspectNvidia({
      devices,
      rims: rims.map((xml) => ({ xml })),
      ocsp,
      nonce,
      at,
      trustedRoots: nvidiaRoots,
      ...(secondOpinions === undefined ? {} : { secondOpinions }),
    });
    const all = inspection.devices ?? [inspection.fields];
    return { inspection, says: all.flatMap(nvidiaFieldLines), unreadable };
  },
};

/** Undefined where neither answer nor keys were given; with one of them alone nothing can be said. */
async function readOpinions(
  inputs: Inputs,
  { nonce, at }: { readonly nonce: string; readonly at: Date },
): Promise<readonly NrasReading[] | undefined> {
  if (!inputs.has('nrasToken') && !inputs.has('nrasJwks')) return undefined;
  const jwks = inputs.has('nrasJwks') ? inputs.text('nrasJwks') : undefined;
  const files = await readNrasFiles({ tokens: inputs.texts('nrasToken'), jwks }, at);
  const sets = files.flatMap((file) => (file.type === 'nrasKeys' ? [file] : []));
  if (sets.length === 0) return [];
  // Typed by the person who asks: whether they are too old is a policy's business.
  const keys = believedKeys(sets, { keys: 'mirrored', maxKeysAgeSeconds: Infinity }, at);
  const answers = [...new Set(files.flatMap((file) => (file.type === 'nras' ? [file.eat] : [])))];
  return await Promise.all(answers.map(async (eat) => await readNras({ eat, keys, issuer: nrasIssuer, nonce, at })));
}

/** One report with its chain (leaf first, in one file or several), or a JSON list of devices that carries both. */
async function readDevices(inputs: Inputs): Promise<readonly PresentedDevice[]> {
  const [report, leaf, chain] = await Promise.all([inputs.bytes('report'), inputs.all('cert'), inputs.all('chain')]);
  const certificates = [...leaf, ...chain];
  if (isEvidenceList(report)) {
    if (certificates.length === 0) return readEvidenceList(report);
    throw new WardroundError('option-foreign', 'a list of devices carries its own chains', { where: '--chain' });
  }
  if (certificates.length > 0) return [{ report: readReportFile(report), certificates }];
  throw new WardroundError('option-missing', 'a report needs its chain', {
    where: '--chain',
    expected: 'the device’s certificates, leaf first',
  });
}

export function nvidiaFieldLines(fields: NvidiaFields | null): readonly string[] {
  if (fields === null) return [];
  const { hwModel, ueid, driverVersion, vbiosVersion, featureFlag, protectedPcie, nonce, rimIds } = fields;
  return [
    'the report says',
    `  model          ${hwModel ?? 'unknown'}`,
    `  device         ${ueid ?? 'unknown'}`,
    `  driver         ${driverVersion ?? 'none'}`,
    `  VBIOS          ${vbiosVersion}`,
    `  feature flag   ${featureFlag ?? 'not said'}`,
    `  protected PCIe ${protectedPcie ?? 'not said'}`,
    `  nonce          ${nonce}`,
    `  measurements   ${fields.measurements.length}`,
    ...(fields.unknownOpaqueTypes.length === 0 ? [] : [`  unknown fields ${fields.unknownOpaqueTypes.join(', ')}`]),
    ...(rimIds === null
      ? []
      : [`  manifests      ${[rimIds.driver, rimIds.vbios].filter((id) => id !== null).join(', ')}`]),
  ];
}
