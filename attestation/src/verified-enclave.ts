// What verification proves. Nothing can be sealed to an enclave without one of these, and only `admitEnclave` makes them.
import { WardroundError } from '@wardround/protocol/errors';
import { requireInstant } from './clock.ts';
import type { Policy } from './policy/policy.ts';
import type { Step } from './steps.ts';
import { failedSteps } from './steps.ts';
import type { PlatformName } from './composite/contents.ts';
import type { MeasuredCode } from './composite/processor.ts';
import type { AppraisalInput, ShownEnclave, VerificationReport } from './verifier.ts';
import { verifyEnclave } from './verifier.ts';

interface EnclaveFacts {
  readonly shown: ShownEnclave;
  readonly simulated: boolean;
  readonly nonce: string;
  readonly sessionOpenDigest: string;
  readonly evidenceDigest: string;
  readonly policyDigest: string;
  readonly verifiedAtMs: number;
  readonly steps: readonly Step[];
}

/** Not exported: whoever does not have it cannot construct a VerifiedEnclave, whatever the compiler was told. */
const token = Symbol('admitted');

/**
 * An enclave that this site verified. What the caller still owes: that it is the session it means (`sessionOpenDigest`), that the
 * appraisal is fresh when it is relied on (`requireFresh`), and that a `simulated` one is shown as such.
 */
export class VerifiedEnclave {
  /** Private to the language, not only to the compiler: an object that merely looks like one has no facts to read. */
  readonly #facts: EnclaveFacts;

  constructor(key: symbol, facts: EnclaveFacts) {
    if (key !== token) {
      throw new WardroundError('enclave-not-verified', 'only the verifier can say that an enclave is verified', {
        action: 'stop',
      });
    }
    this.#facts = facts;
    Object.freeze(this);
  }

  get platform(): PlatformName {
    return this.#facts.shown.platform;
  }

  /** For people: product and such. */
  get hardware(): string {
    return this.#facts.shown.hardware;
  }

  /** NAMED WEAKNESS when true: the evidence is the simulated vendor's and proves nothing about hardware. */
  get simulated(): boolean {
    return this.#facts.simulated;
  }

  /** What the hardware measured, as an `EnclaveRelease` lists it. */
  get code(): MeasuredCode {
    return this.#facts.shown.code;
  }

  /** The processor, as a list of machines names it, hex; all zero for a report signed by a provider's key. */
  get machine(): string {
    return this.#facts.shown.machine;
  }

  /** UEIDs of its GPUs, decimal; empty where it has none. */
  get gpus(): readonly string[] {
    return this.#facts.shown.gpus;
  }

  /** The site's own nonce, hex. */
  get nonce(): string {
    return this.#facts.nonce;
  }

  /** Digest of the `SessionOpen` whose keys are now known to have been born in this enclave. */
  get sessionOpenDigest(): string {
    return this.#facts.sessionOpenDigest;
  }

  get evidenceDigest(): string {
    return this.#facts.evidenceDigest;
  }

  get policyDigest(): string {
    return this.#facts.policyDigest;
  }

  get verifiedAt(): Date {
    return new Date(this.#facts.verifiedAtMs);
  }

  get steps(): readonly Step[] {
    return this.#facts.steps;
  }
}

/** Evidence that was refused. `code` is the first failed step's; `report` has all of them. */
export class EnclaveRefused extends WardroundError {
  readonly report: VerificationReport;

  constructor(report: VerificationReport) {
    const failed = failedSteps(report.steps);
    const what = failed.map(({ name, code, reason }) => `${name} (${code ?? ''}): ${reason ?? ''}`).join('; ');
    super(
      failed[0]?.code ?? 'evidence-not-evaluated',
      `the enclave is refused: ${what === '' ? 'not every step was made' : what}`,
      { action: 'stop' },
    );
    this.name = 'EnclaveRefused';
    this.report = report;
  }
}

/**
 * Verifies an enclave and returns the only thing that a site may seal to.
 * @throws EnclaveRefused (a WardroundError) with the code of the first failed step; its `report` lists every step
 * @throws WardroundError `clock-invalid`
 */
export function admitEnclave(input: AppraisalInput): VerifiedEnclave {
  const report = verifyEnclave(input);
  const { enclave } = report;
  if (!report.accepted || enclave === null) throw new EnclaveRefused(report);
  return new VerifiedEnclave(token, {
    shown: deepFrozen(enclave),
    simulated: report.simulated,
    nonce: input.expected.nonce,
    sessionOpenDigest: input.expected.sessionOpenDigest,
    evidenceDigest: report.evidenceDigest,
    policyDigest: report.policyDigest,
    verifiedAtMs: input.at.getTime(),
    steps: Object.freeze(report.steps.map((step) => Object.freeze({ ...step }))),
  });
}

/** What was verified cannot be edited afterwards. */
function deepFrozen<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) deepFrozen(member);
  return Object.freeze(value);
}

/**
 * The appraisal is not older than the policy allows, and not from the future (a clock that ran back).
 * @throws WardroundError `evidence-too-old`, `evidence-from-future`, `clock-invalid`
 */
export function requireFresh(enclave: VerifiedEnclave, policy: Policy, now: Date): void {
  const ageMs = requireInstant(now).getTime() - enclave.verifiedAt.getTime();
  if (ageMs < 0) {
    throw new WardroundError('evidence-from-future', 'the appraisal is later than now: a clock ran back', {
      got: now.toISOString(),
    });
  }
  if (ageMs > policy.maxEvidenceAgeSeconds * 1000) {
    throw new WardroundError('evidence-too-old', 'the evidence must be asked for again', {
      expected: `at most ${policy.maxEvidenceAgeSeconds} s`,
      got: `${Math.floor(ageMs / 1000)} s`,
      action: 'retry',
    });
  }
}
