// A whole fake NVIDIA for the verifier: a vendor, a GPU, its manifests and OCSP answers, and a policy that accepts it.
import { sha256, toHex } from '@wardround/protocol/bytes';
import type { NvidiaRules } from '@wardround/attestation/policy/nvidia-rules';
import { trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { openRim } from '@wardround/attestation/nvidia/rim/verify';
import type { RimInput } from '@wardround/attestation/nvidia/rim/verify';
import { validateNvidia } from '@wardround/attestation/nvidia/validate';
import type { NvidiaAppraisal, NvidiaEvidence } from '@wardround/attestation/nvidia/verify';
import { verifyNvidia } from '@wardround/attestation/nvidia/verify';
import type { SimulatedNvidiaDevice } from '@wardround/attestation/simulated/nvidia/device';
import type { OcspOptions, SimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import { createSimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import type { Step } from '@wardround/attestation/steps';
import { StepLog } from '@wardround/attestation/steps';

export const at = new Date('2026-11-23T08:00:00.000Z');
export const dayMs = 86_400_000;
export const nonce = '0b'.repeat(32);

export interface NvidiaWorld {
  readonly vendor: SimulatedNvidia;
  readonly gpu: SimulatedNvidiaDevice;
  readonly driverRim: Uint8Array;
  readonly vbiosRim: Uint8Array;
  /** About every certificate but the roots. */
  readonly ocsp: readonly Uint8Array[];
}

export async function makeNvidiaWorld(): Promise<NvidiaWorld> {
  const vendor = await createSimulatedNvidia(at);
  const [gpu, driverRim, vbiosRim] = await Promise.all([
    vendor.issueDevice(),
    vendor.issueRim('driver'),
    vendor.issueRim('vbios'),
  ]);
  const own = { vendor, gpu, driverRim, vbiosRim };
  return { ...own, ocsp: answersFor(vendor, chainsOf(own)) };
}

/** An answer about every certificate but the root, of every chain. */
export function answersFor(
  vendor: SimulatedNvidia,
  chains: readonly (readonly Uint8Array[])[],
  options: OcspOptions = {},
): readonly Uint8Array[] {
  const all = chains.flatMap((chain) => chain.slice(0, -1).map((_, index) => vendor.answer(chain, index, options)));
  return [...new Map(all.map((der) => [toHex(der), der])).values()];
}

export function chainOf(rim: Uint8Array): readonly Uint8Array[] {
  return openRim({ xml: rim }).signature.certificates;
}

/** The chains of the world's own device and manifests. */
export function chainsOf({ gpu, driverRim, vbiosRim }: Omit<NvidiaWorld, 'ocsp'>): readonly (readonly Uint8Array[])[] {
  return [gpu.certificates, chainOf(driverRim), chainOf(vbiosRim)];
}

export type Presented = Partial<NvidiaEvidence>;

export function evidenceOf(world: NvidiaWorld, presented: Presented = {}): NvidiaEvidence {
  return {
    kind: 'gpu',
    report: world.gpu.makeReport({ nonce }),
    certificates: world.gpu.certificates,
    rims: rimsOf(world),
    ocsp: world.ocsp,
    nonce,
    at,
    rimValidity: 'now',
    roots: trustedNvidiaRoots([world.vendor.rootSha256]),
    ...presented,
  };
}

export function rimsOf({ driverRim, vbiosRim }: NvidiaWorld): readonly RimInput[] {
  return [{ xml: driverRim }, { xml: vbiosRim }];
}

export interface Judged {
  readonly appraisal: NvidiaAppraisal;
  readonly steps: readonly Step[];
}

export function appraise(world: NvidiaWorld, presented: Presented = {}): Judged {
  const log = new StepLog();
  return { appraisal: verifyNvidia(evidenceOf(world, presented), log), steps: log.steps };
}

/** The steps of the policy alone. */
export function validate(appraisal: NvidiaAppraisal, rules: NvidiaRules, time = at): readonly Step[] {
  const log = new StepLog();
  validateNvidia(appraisal, { rules, at: time }, log);
  return log.steps;
}

export function failuresOf(steps: readonly Step[]): readonly string[] {
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

/** As strict as the fake world's usual GPU lets it be, with nothing waived. */
export function rulesFor({ gpu }: NvidiaWorld): NvidiaRules {
  return {
    gpus: {
      count: 1,
      architectures: { hopper: 'accepted', blackwell: 'refused' },
      models: ['GH100 A01 GSP BROM'],
      ueids: [ueidOf(gpu)],
      driver: { minimum: '570.124.03', allowed: ['570.124.03'] },
      vbios: { allowed: ['96.00.9F.00.01'] },
      mode: { featureFlags: [0], missingFeatureFlag: 'refused', protectedPcie: 'refused' },
      missingFirmwareIdentity: 'refused',
      acceptedUnknownFields: [],
    },
    switches: 'none',
    rimValidity: 'now',
    ocsp: { maxAgeSeconds: 86_400, nonce: 'notRequired', deviceLeaf: 'required' },
    nras: 'notUsed',
  };
}

export function ueidOf(device: SimulatedNvidiaDevice): string {
  const log = new StepLog();
  const world = { report: device.makeReport({ nonce }), certificates: device.certificates };
  const roots = trustedNvidiaRoots([rootOf(device)]);
  const { device: read } = verifyNvidia({ ...world, rims: [], ocsp: [], at, rimValidity: 'now', roots }, log);
  if (!read.held) throw new Error(JSON.stringify(log.steps));
  return read.value.ueid;
}

function rootOf({ certificates }: SimulatedNvidiaDevice): string {
  const root = certificates.at(-1);
  if (root === undefined) throw new Error('no root');
  return toHex(sha256(root));
}
