// The NVIDIA devices of a bundle: each by itself, all together, and their hash, which the processor's evidence carries.
import { WardroundError } from '@wardround/protocol/errors';
import type { Evidence } from '../evidence.ts';
import { gpuEvidenceDigest, gpuNonceFor } from '../nvidia/binding.ts';
import type { NvidiaFields } from '../nvidia/inspect.ts';
import { describeNvidia } from '../nvidia/inspect.ts';
import type { NrasReading } from '../nvidia/nras.ts';
import { nvidiaFleetSteps, validateNvidiaFleet } from '../nvidia/fleet.ts';
import { trustedNvidiaRoots } from '../nvidia/roots.ts';
import { nvidiaValidationSteps, validateNvidia } from '../nvidia/validate.ts';
import type { NvidiaAppraisal } from '../nvidia/verify.ts';
import { nvidiaAuthenticitySteps, verifyNvidia } from '../nvidia/verify.ts';
import type { NvidiaRules } from '../policy/nvidia-rules.ts';
import type { Outcome, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { ShownDevice } from './contents.ts';
import type { ProcessorContext } from './processor.ts';
import { derived } from './processor.ts';
import type { Trust } from './vendors.ts';

export interface DevicesContext extends Omit<ProcessorContext, 'expected'> {
  readonly evidence: Evidence;
  /** Hex. */
  readonly siteNonce: string;
  readonly secondOpinions: readonly NrasReading[];
}

export interface Devices {
  readonly authentic: boolean;
  readonly trusts: readonly Outcome<Trust>[];
  /** Of every device. */
  readonly ueids: Outcome<readonly string[]>;
  readonly gpus: readonly string[];
  readonly switches: readonly string[];
  readonly fields: readonly (NvidiaFields | null)[];
  /** Every step that must be `ok`. */
  readonly steps: readonly string[];
}

const none: Devices = {
  authentic: true,
  trusts: [],
  ueids: { name: 'gpu', held: true, value: [] },
  gpus: [],
  switches: [],
  fields: [],
  steps: [],
};

/** Makes `gpu-digest`, every device's steps as `gpu-0/…` and `switch-0/…`, and those about all of them. */
export function verifyDevices(items: readonly ShownDevice[], context: DevicesContext, log: StepLog): Devices {
  const { policy } = context;
  if (items.length === 0 || policy.gpu === 'unused') return { ...none, authentic: items.length === 0 };
  const { nvidia: rules } = policy.gpu;
  log.run('gpu-digest', () => requireDigest(context.evidence));
  // One more than are wanted is enough to refuse: whoever wrote the bundle does not choose how long a site looks at it.
  const looked = items.slice(0, wantedDevices(rules) + 1);
  const named = looked.map((item, index) => ({ item, prefix: prefixOf(items, index) }));
  const appraisals = named.map(({ item, prefix }) => verifyDevice(item, { ...context, rules }, log.within(prefix)));
  validateNvidiaFleet(appraisals, { rules, secondOpinions: context.secondOpinions }, log);
  const ofKind = (kind: 'gpu' | 'switch'): readonly string[] =>
    appraisals.flatMap(({ device }) => (device.held && device.value.kind === kind ? [device.value.ueid] : []));
  return {
    authentic: appraisals.every(({ authentic }) => authentic),
    trusts: appraisals.map(({ chain }) => derived(chain, ({ trust }) => trust.kind)),
    ueids: log.run('devices-named', () => appraisals.map(({ device }) => need(device).ueid)),
    gpus: ofKind('gpu'),
    switches: ofKind('switch'),
    fields: appraisals.map(describeNvidia),
    steps: [
      'gpu-digest',
      ...named.flatMap(({ prefix }) => deviceSteps.map((step) => `${prefix}/${step}`)),
      ...nvidiaFleetSteps,
      'devices-named',
    ],
  };
}

function wantedDevices({ gpus, switches }: NvidiaRules): number {
  return gpus.count + (switches === 'none' ? 0 : switches.count);
}

const deviceSteps = [...nvidiaAuthenticitySteps, ...nvidiaValidationSteps] as const;

/** `gpu-0`, `gpu-1`, `switch-0`: each kind counted by itself, as it is presented. */
function prefixOf(items: readonly ShownDevice[], index: number): string {
  const kind = items[index]?.kind ?? 'gpu';
  const earlier = items.slice(0, index).filter((item) => item.kind === kind).length;
  return `${kind}-${earlier}`;
}

function verifyDevice(
  { kind, report, certificates }: ShownDevice,
  { policy, rules, endorsements, siteNonce, at }: DevicesContext & { readonly rules: NvidiaRules },
  log: StepLog,
): NvidiaAppraisal {
  const appraisal = verifyNvidia(
    {
      kind,
      report,
      certificates,
      rims: endorsements.rims,
      ocsp: endorsements.ocsp,
      nonce: gpuNonceFor(siteNonce),
      at,
      rimValidity: rules.rimValidity,
      roots: trustedNvidiaRoots(policy.simulatedPlatform?.roots),
    },
    log,
  );
  validateNvidia(appraisal, { rules, at }, log);
  return appraisal;
}

/** The processor vouched for a digest; this is the evidence that it is of. */
function requireDigest({ binding, evidence }: Evidence): void {
  const got = gpuEvidenceDigest(evidence);
  if (got === binding.gpuEvidence) return;
  throw new WardroundError('evidence-gpu-digest', 'the devices are not those that the processor vouched for', {
    expected: binding.gpuEvidence,
    got,
    action: 'stop',
  });
}
