// The verifier (RFC 9334): evidence and endorsements in, a report of named steps out. One verb a line, in the order of the specification.
import { digestOf } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { reportDataFor } from './binding.ts';
import { requireInstant } from './clock.ts';
import type { Evidence } from './evidence.ts';
import { evidenceDigest } from './evidence.ts';
import type { Policy } from './policy/policy.ts';
import type { SnpRules } from './policy/snp-rules.ts';
import type { Weakness } from './policy/weaknesses.ts';
import { policyWeaknesses } from './policy/weaknesses.ts';
import { trustedRoots } from './roots.ts';
import type { SnpFields } from './snp/inspect.ts';
import { describeSnp } from './snp/inspect.ts';
import type { SnpReport } from './snp/report.ts';
import { snpValidationSteps, validateSnp } from './snp/validate.ts';
import { snpAuthenticitySteps, verifySnp } from './snp/verify.ts';
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
  /** The site's own mirror of revocation lists, PEM or DER, judged together with those in the bundle. */
  readonly extraCrls: readonly Uint8Array[];
}

/** JSON-able. `authentic`: the hardware's word is genuine. `accepted`: and every step of the site's policy is `ok`. */
export interface VerificationReport {
  readonly kind: 'EnclaveVerification';
  readonly authentic: boolean;
  readonly accepted: boolean;
  /** True when the chain ends in the simulated root: then nothing is proved about hardware. */
  readonly simulated: boolean;
  readonly at: string;
  readonly evidenceDigest: string;
  readonly policyDigest: string;
  /** What the policy names as weak, whether or not it mattered here. */
  readonly weaknesses: readonly Weakness[];
  readonly steps: readonly Step[];
  readonly fields: SnpFields | null;
}

/** The steps that say whom the evidence was made for. */
const bindingSteps = ['nonce', 'session', 'gpu', 'binding'] as const;

/** Every step of `verifyEnclave`, in order; `accepted` needs each of them to be `ok`. */
export const enclaveSteps: readonly string[] = [
  'contents',
  ...snpAuthenticitySteps,
  'revocation',
  ...bindingSteps,
  ...snpValidationSteps,
];

/**
 * Appraises evidence against a site's policy, at `at`. Never throws for what the evidence holds: a refused report lists every
 * failed step, and `not-evaluated` is never taken for `ok`.
 * @throws WardroundError `clock-invalid`
 */
export function verifyEnclave(input: AppraisalInput): VerificationReport {
  const { evidence, policy } = input;
  const at = requireInstant(input.at);
  const log = new StepLog();
  const contents = log.run('contents', () => readContents(evidence, policy));
  if (!contents.held) {
    for (const name of enclaveSteps.slice(1)) log.run(name, () => need(contents));
    return conclude(input, log, { authentic: false, simulated: false, fields: null });
  }
  const { report, certificates, crls, rules } = contents.value;
  const roots = trustedRoots(policy.simulatedPlatform?.roots);
  const appraisal = verifySnp({ report, certificates, crls: [...crls, ...input.extraCrls], at, roots }, log);
  log.run('nonce', () => requireNonce(input));
  log.run('session', () => requireSession(input));
  log.run('gpu', () => requireGpu(evidence, policy));
  log.run('binding', () => requireBinding(need(appraisal.report), input));
  validateSnp(appraisal, { policy, rules, at }, log);
  const simulated = appraisal.chain.held && appraisal.chain.value.trust.kind === 'simulated';
  return conclude(input, log, { authentic: appraisal.authentic, simulated, fields: describeSnp(appraisal) });
}

type Verdict = Pick<VerificationReport, 'authentic' | 'simulated' | 'fields'>;

function conclude({ evidence, policy, at }: AppraisalInput, log: StepLog, verdict: Verdict): VerificationReport {
  const { steps } = log;
  return {
    kind: 'EnclaveVerification',
    authentic: verdict.authentic,
    accepted: verdict.authentic && allOk(steps, enclaveSteps) && failedSteps(steps).length === 0,
    simulated: verdict.simulated,
    at: at.toISOString(),
    evidenceDigest: evidenceDigest(evidence),
    policyDigest: digestOf('AttestationPolicy', policy),
    weaknesses: policyWeaknesses(policy),
    steps,
    fields: verdict.fields,
  };
}

interface Contents {
  readonly report: Bytes;
  readonly certificates: readonly Bytes[];
  readonly crls: readonly Bytes[];
  readonly rules: SnpRules;
}

/** Exactly one CPU report that we can appraise, and nothing that we cannot: what is not appraised is refused, never ignored. */
function readContents({ binding, evidence, endorsements }: Evidence, { platforms }: Policy): Contents {
  if (binding.carriedBy !== 'cpu') throw unsupported(`a binding carried by ${binding.carriedBy}`);
  const reports: string[] = [];
  for (const item of evidence) {
    if (item.type === 'sevSnp') reports.push(item.report);
    else if (item.type !== 'none') throw unsupported(`evidence of type ${item.type}`);
  }
  const certificates: Bytes[] = [];
  const crls: Bytes[] = [];
  for (const item of endorsements) {
    if (item.type === 'certificate') certificates.push(fromBase64Url(item.der));
    else if (item.type === 'crl') crls.push(fromBase64Url(item.der));
    else throw unsupported(`an endorsement of type ${item.type}`);
  }
  const [report] = reports;
  if (report === undefined || reports.length > 1) {
    throw new WardroundError('evidence-cpu-count', 'not exactly one CPU report', { got: String(reports.length) });
  }
  if (platforms.sevSnp === 'refused')
    throw new WardroundError('evidence-platform-refused', 'the policy refuses SEV-SNP', { action: 'stop' });
  return { report: fromBase64Url(report), certificates, crls, rules: platforms.sevSnp };
}

function unsupported(got: string): WardroundError {
  return new WardroundError('evidence-unsupported', 'evidence that this version cannot appraise', {
    got,
    action: 'stop',
  });
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

/** Absence of a GPU must be said once, and bound. */
function requireGpu({ binding, evidence }: Evidence, { gpu }: Policy): void {
  if (gpu === 'required')
    throw new WardroundError('evidence-gpu-required', 'the policy requires evidence of a GPU', { action: 'stop' });
  const absences = evidence.filter((item) => item.type === 'none').length;
  if (absences === 1 && binding.gpuEvidence === 'none') return;
  throw new WardroundError('evidence-gpu-undeclared', 'the evidence does not say, and bind, that there is no GPU', {
    expected: 'one item of type none, and gpuEvidence none',
    got: `${absences}, and gpuEvidence ${binding.gpuEvidence}`,
  });
}

/** The hardware signed exactly what this site expects, recomputed from what it expects and not from what the bundle claims. */
function requireBinding({ reportData }: SnpReport, { evidence, expected }: AppraisalInput): void {
  const wanted = reportDataFor({
    nonce: expected.nonce,
    sessionOpen: expected.sessionOpenDigest,
    gpuEvidence: evidence.binding.gpuEvidence,
  });
  if (equalBytes(reportData, wanted)) return;
  throw new WardroundError('evidence-binding', 'the report is not bound to this nonce, session and GPU evidence', {
    expected: toHex(wanted),
    got: toHex(reportData),
    action: 'stop',
  });
}
