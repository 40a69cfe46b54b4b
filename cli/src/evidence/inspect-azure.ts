// `evidence inspect --kind azure-snp|azure-tdx`: a file of an Azure confidential VM: HCL report, hardware evidence, vTPM quote.
import { WardroundError } from '@wardround/protocol/errors';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import type { HclFields } from '@wardround/attestation/azure/inspect';
import { inspectAzureSnp } from '@wardround/attestation/azure/inspect';
import { inspectAzureTdx } from '@wardround/attestation/azure/inspect-tdx';
import { amdRoots } from '@wardround/attestation/roots';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { readBytes } from './files.ts';
import { eventLogOf, nonceOf, tpmFieldLines } from './inspect-tpm.ts';
import { tdxFieldLines } from './inspect-tdx.ts';
import type { InspectKind } from './kinds.ts';
import type { Inputs } from './options.ts';
import { snpFieldLines } from './text.ts';

/** Codes of bytes that are no such evidence at all; whatever can be read and says something wrong gets a verdict. */
const unreadable: ReadonlySet<string> = new Set([
  'azure-evidence-malformed',
  'pem-malformed',
  'pem-too-large',
  'der-malformed',
  'certificate-malformed',
  'crl-malformed',
]);

export const inspectAzureSnpFile: InspectKind = {
  accepts: { needs: [], takes: ['cert', 'chain', 'crl', 'nonce', 'eventLog'], file: 'needed' },
  inspect: async (inputs, at) => {
    const [file, certificates, chain, crls] = await Promise.all([
      fileOf(inputs),
      inputs.all('cert'),
      inputs.all('chain'),
      inputs.all('crl'),
    ]);
    const inspection = inspectAzureSnp({
      evidence: parseAzureEvidence(file),
      certificates: [...certificates, ...chain],
      crls,
      ...(await freshness(inputs)),
      at,
      trustedRoots: amdRoots,
    });
    const { fields } = inspection;
    const says = [
      ...hclLines(fields?.hcl ?? null),
      ...snpFieldLines(fields?.snp ?? null),
      ...tpmFieldLines(fields?.tpm ?? null),
    ];
    return { inspection, says, unreadable };
  },
};

export const inspectAzureTdxFile: InspectKind = {
  accepts: { needs: [], takes: ['collateral', 'crl', 'nonce', 'eventLog'], file: 'needed' },
  inspect: async (inputs, at) => {
    const [file, extraCrls] = await Promise.all([fileOf(inputs), inputs.all('crl')]);
    const inspection = inspectAzureTdx({
      evidence: parseAzureEvidence(file),
      collateral: inputs.has('collateral') ? readCollateralFile(await inputs.bytes('collateral')) : noCollateral,
      extraCrls,
      ...(await freshness(inputs)),
      at,
      trustedRoots: intelRoots,
    });
    const { fields } = inspection;
    const says = [
      ...hclLines(fields?.hcl ?? null),
      ...tdxFieldLines(fields?.tdx ?? null),
      ...tpmFieldLines(fields?.tpm ?? null),
    ];
    return { inspection, says, unreadable };
  },
};

async function fileOf({ file }: Inputs): Promise<Buffer> {
  if (file === undefined) throw new WardroundError('argument-missing', 'the evidence is a file, given as an argument');
  return await readBytes(file);
}

async function freshness(inputs: Inputs): Promise<{
  readonly nonce: Uint8Array | undefined;
  readonly eventLog: Uint8Array | undefined;
}> {
  return { nonce: nonceOf(inputs), eventLog: await eventLogOf(inputs) };
}

function hclLines(fields: HclFields | null): readonly string[] {
  if (fields === null) return [];
  const said = (value: boolean | null): string => (value === null ? 'unknown' : value ? 'yes' : 'no');
  return [
    'the paravisor says',
    `  secure boot  ${said(fields.secureBoot)}`,
    `  console      ${said(fields.consoleEnabled)}`,
    `  vTPM         ${said(fields.tpmEnabled)}`,
    `  machine      ${fields.vmUniqueId ?? 'unknown'}`,
    `  user data    ${fields.userData ?? 'none'}`,
  ];
}
