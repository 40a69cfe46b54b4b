// The verifier (RFC 9334): evidence and endorsements in, a report of named steps out. One verb a line, in the order of the specification.
import { digestOf } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { equalBytes, toHex } from '@wardround/protocol/bytes';
import { reportDataFor } from './binding.ts';
import { requireInstant } from './clock.ts';
import type { Contents, Endorsements, PlatformName } from './composite/contents.ts';
import { readContents, readEndorsements, requireDeclared } from './composite/contents.ts';
import { verifyAzureSnpMachine, verifyAzureTdxMachine } from './composite/azure.ts';
import type { Devices } from './composite/devices.ts';
import { verifyDevices } from './composite/devices.ts';
import { directSnpAuthenticity, verifyDirectSnp } from './composite/direct-snp.ts';
import { verifyDirectTdx } from './composite/direct-tdx.ts';
import { requireMachine } from './composite/machine.ts';
import type { MeasuredCode, Processor, ProcessorContext, ProcessorFields } from './composite/processor.ts';
import { noFields, rulesFor } from './composite/processor.ts';
import type { SecondPath } from './composite/second-path.ts';
import { verifySecondPath } from './composite/second-path.ts';
import { isSimulatedTrust, requireOneSort } from './composite/vendors.ts';
import type { Evidence } from './evidence.ts';
import type { MirroredEndorsement } from './own-endorsement.ts';
import { evidenceDigest } from './evidence.ts';
import type { Limit } from './explain/not-covered.ts';
import { limitsOf } from './explain/not-covered.ts';
import type { NvidiaFields } from './nvidia/inspect.ts';
import type { NrasReading } from './nvidia/nras.ts';
import type { Policy } from './policy/policy.ts';
import type { Weakness } from './policy/weaknesses.ts';
import { policyWeaknesses } from './policy/weaknesses.ts';
import { snpValidationSteps } from './snp/validate.ts';
import type { Step } from './steps.ts';
import { StepLog, allOk, failedSteps, need } from './steps.ts';

export interface Expected {
  /** The nonce that this site chose for this appraisal, hex. */
  readonly nonce: string;
  /** Digest of the `SessionOpen` that the enclave sent. */
  readonly sessionOpenDigest: string;
}

export interface AppraisalInput {
  readonly evidence: Evidence;
  readonly policy: Policy;
  readonly expected: Expected;
  readonly at: Date;
  /** The site's own mirror, judged together with what is in the bundle: leaving a newer list out of a bundle hides nothing. */
  readonly mirror: readonly MirroredEndorsement[];
  /** What NVIDIA's attestation service says of the same devices, read by `readSecondOpinions`; a policy that requires it refuses without. */
  readonly secondOpinions?: readonly NrasReading[];
}

/** What the evidence shows, where it could be read. Only a report that is `accepted` makes it a fact. */
export interface ShownEnclave {
  readonly platform: PlatformName;
  /** For people. */
  readonly hardware: string;
  readonly code: MeasuredCode;
  /** The processor, as a list of machines names it, hex. */
  readonly machine: string;
  /** UEIDs of GPUs, and of switches, decimal. */
  readonly gpus: readonly string[];
  readonly switches: readonly string[];
}

/** JSON-able. `authentic`: the hardware's word is genuine. `accepted`: and every step of the site's policy is `ok`. */
export interface VerificationReport {
  readonly kind: 'EnclaveVerification';
  readonly authentic: boolean;
  readonly accepted: boolean;
  /** True when any chain ends in a simulated root: then nothing is proved about hardware. */
  readonly simulated: boolean;
  readonly at: string;
  readonly evidenceDigest: string;
  readonly policyDigest: string;
  /** What the policy names as weak, whether or not it mattered here. */
  readonly weaknesses: readonly Weakness[];
  readonly steps: readonly Step[];
  readonly enclave: ShownEnclave | null;
  /** Everything that the processor's report says, as `inspect` prints it; a TPM's quote, and each device, in the order of the bundle. */
  readonly fields: ProcessorFields['report'];
  readonly tpm: ProcessorFields['tpm'];
  readonly devices: readonly (NvidiaFields | null)[];
  /** What no acceptance covers. */
  readonly notCovered: readonly Limit[];
}

/** The steps that say whom the evidence was made for. */
const bindingSteps = ['nonce', 'session', 'gpu', 'binding'] as const;

/** Every step for a machine with SEV-SNP and without GPUs, in order; `accepted` needs each of them to be `ok`. */
export const enclaveSteps: readonly string[] = stepsFor(
  { authenticity: directSnpAuthenticity, validation: snpValidationSteps },
  [],
);

function stepsFor({ authenticity, validation }: Processor['steps'], more: readonly string[]): readonly string[] {
  return ['contents', ...authenticity, ...bindingSteps, ...validation, ...more, 'vendors', 'machine'];
}

/**
 * Appraises evidence against a site's policy, at `at`. Never throws for what the evidence holds: a refused report lists every
 * failed step, and `not-evaluated` is never taken for `ok`.
 * @throws WardroundError `clock-invalid`
 */
export function verifyEnclave(input: AppraisalInput): VerificationReport {
  const { evidence, policy, expected } = input;
  const at = requireInstant(input.at);
  const log = new StepLog();
  const contents = log.run('contents', () => readAccepted(input));
  if (!contents.held) {
    for (const name of enclaveSteps.slice(1)) log.run(name, () => need(contents));
    return conclude(input, log, null);
  }
  const context: ProcessorContext = {
    policy,
    endorsements: contents.value.endorsements,
    expected: reportDataFor({
      nonce: expected.nonce,
      sessionOpen: expected.sessionOpenDigest,
      gpuEvidence: evidence.binding.gpuEvidence,
    }),
    at,
  };
  const processor = verifyProcessor(contents.value, context, log);
  log.run('nonce', () => requireNonce(input));
  log.run('session', () => requireSession(input));
  log.run('gpu', () => requireGpu(contents.value, policy));
  log.run('binding', () => requireBinding(processor));
  processor.validate(log);
  const second = verifySecondPath(contents.value.shown, context, log);
  const devices = verifyDevices(
    contents.value.devices,
    {
      ...context,
      evidence,
      siteNonce: expected.nonce,
      secondOpinions: input.secondOpinions ?? [],
    },
    log,
  );
  const trusts = [processor.trust, ...second.trusts, ...devices.trusts];
  log.run('vendors', () => requireOneSort(trusts));
  log.run('machine', (note) =>
    requireMachine({ processor: need(processor.machine), devices: need(devices.ueids) }, { policy, at, note }),
  );
  return conclude(input, log, { processor, second, devices, simulated: trusts.some(isSimulatedTrust) });
}

interface Accepted extends Contents {
  readonly endorsements: Endorsements;
}

/** The bundle can be read, every text of it, as one machine of a sort that the policy has rules for. */
function readAccepted({ evidence, policy, mirror }: AppraisalInput): Accepted {
  const contents = readContents(evidence);
  rulesFor(policy, contents.shown.platform);
  return { ...contents, endorsements: readEndorsements(evidence.endorsements, mirror) };
}

function verifyProcessor({ shown }: Contents, context: ProcessorContext, log: StepLog): Processor {
  switch (shown.platform) {
    case 'sevSnp':
      return verifyDirectSnp(shown, context, log);
    case 'tdx':
      return verifyDirectTdx(shown, context, log);
    case 'azureSnpVtpm':
      return verifyAzureSnpMachine(shown, context, log);
    case 'azureTdxVtpm':
      return verifyAzureTdxMachine(shown, context, log);
  }
}

interface Parts {
  readonly processor: Processor;
  readonly second: SecondPath;
  readonly devices: Devices;
  readonly simulated: boolean;
}

function conclude({ evidence, policy, at }: AppraisalInput, log: StepLog, parts: Parts | null): VerificationReport {
  const { steps } = log;
  const fields = fieldsOf(parts);
  const authentic = parts !== null && [parts.processor, parts.second, parts.devices].every((part) => part.authentic);
  const simulated = parts !== null && parts.simulated;
  const wanted = parts === null ? [] : stepsFor(parts.processor.steps, [...parts.second.steps, ...parts.devices.steps]);
  return {
    kind: 'EnclaveVerification',
    authentic,
    accepted: authentic && allOk(steps, wanted) && failedSteps(steps).length === 0,
    simulated,
    at: at.toISOString(),
    evidenceDigest: evidenceDigest(evidence),
    policyDigest: digestOf('AttestationPolicy', policy),
    weaknesses: policyWeaknesses(policy),
    steps,
    enclave: parts === null ? null : describe(parts),
    fields: fields.report,
    tpm: fields.tpm,
    devices: parts?.devices.fields ?? [],
    notCovered: limitsOf(scopesOf(parts, simulated)),
  };
}

function describe({ processor, devices }: Parts): ShownEnclave | null {
  const { platform, hardware, code, machine } = processor;
  if (!code.held || !machine.held) return null;
  const { gpus, switches } = devices;
  return { platform, hardware, code: code.value, machine: machine.value[0], gpus, switches };
}

function fieldsOf(parts: Parts | null): ProcessorFields {
  if (parts === null) return noFields;
  const { fields } = parts.processor;
  return { ...fields, tpm: fields.tpm ?? parts.second.fields };
}

function scopesOf(parts: Parts | null, simulated: boolean): ReadonlySet<Limit['scope']> {
  const platform = parts?.processor.platform;
  const scopes: readonly (readonly [Limit['scope'], boolean])[] = [
    ['sevSnp', platform === 'sevSnp' || platform === 'azureSnpVtpm'],
    ['tdx', platform === 'tdx' || platform === 'azureTdxVtpm'],
    ['vtpm', fieldsOf(parts).tpm !== null],
    ['gpu', (parts?.devices.fields.length ?? 0) > 0],
    ['simulated', simulated],
  ];
  return new Set(scopes.flatMap(([scope, applies]) => (applies ? [scope] : [])));
}

/** A stale or replayed bundle names an older nonce, or claims ours and fails `binding`. */
function requireNonce({ evidence, expected }: AppraisalInput): void {
  if (evidence.binding.nonce === expected.nonce) return;
  throw new WardroundError('evidence-nonce', 'the evidence answers another nonce', {
    expected: expected.nonce,
    got: evidence.binding.nonce,
  });
}

function requireSession({ evidence, expected }: AppraisalInput): void {
  if (evidence.binding.sessionOpen === expected.sessionOpenDigest) return;
  throw new WardroundError('evidence-session', 'the evidence is bound to another session', {
    expected: expected.sessionOpenDigest,
    got: evidence.binding.sessionOpen,
    action: 'stop',
  });
}

/** A GPU that the policy wants is there; one that it does not want would be machinery that nobody judged. */
function requireGpu(contents: Contents, { gpu }: Policy): void {
  const { devices } = contents;
  if (gpu !== 'unused' && devices.length === 0)
    throw new WardroundError('evidence-gpu-required', 'the policy requires evidence of a GPU', { action: 'stop' });
  if (gpu === 'unused' && devices.length > 0)
    throw new WardroundError('evidence-gpu-unwanted', 'the policy has no rules for GPUs', {
      got: `${devices.length} devices`,
      action: 'stop',
    });
  requireDeclared(contents);
}

/** The hardware signed exactly what this site expects, recomputed from what it expects and not from what the bundle claims. */
function requireBinding({ bound, expected }: Processor): void {
  const got = need(bound);
  if (equalBytes(got, expected)) return;
  throw new WardroundError('evidence-binding', 'the report is not bound to this nonce, session and GPU evidence', {
    expected: toHex(expected),
    got: toHex(got),
    action: 'stop',
  });
}
