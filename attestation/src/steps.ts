// The record of an appraisal: every check is a named step, and a step that was not made says so. Nothing here is a boolean.
import { WardroundError } from '@wardround/protocol/errors';

export type StepStatus = 'ok' | 'failed' | 'not-evaluated';

export interface Step {
  readonly name: string;
  readonly status: StepStatus;
  /** Why it failed or was not made; on an `ok` step, what a reader should know about it. */
  readonly reason?: string;
  /** Stable code of a refusal; present exactly when `status` is `failed`. */
  readonly code?: string;
}

/** What a step proved, or that it did not. */
export type Outcome<T> =
  { readonly name: string; readonly held: true; readonly value: T } | { readonly name: string; readonly held: false };

/** Thrown inside a step to say that it could not be made (never that it failed). */
export class NotEvaluated extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'NotEvaluated';
  }
}

/** The value that an earlier step proved; a step that needs one which did not hold is `not-evaluated`, never `ok`. */
export function need<T>(outcome: Outcome<T>): T {
  if (outcome.held) return outcome.value;
  throw new NotEvaluated(`step ${outcome.name} did not hold`);
}

export type Note = (text: string) => void;

/** Collects steps in the order in which they are made. */
export class StepLog {
  readonly #steps: Step[] = [];
  readonly #passOn: ((step: Step) => void) | undefined;

  constructor(passOn?: (step: Step) => void) {
    this.#passOn = passOn;
  }

  /** A log for one of several devices: it knows its steps by their own names, and this one gets them as `prefix/name`. */
  within(prefix: string): StepLog {
    return new StepLog((step) => this.#add({ ...step, name: `${prefix}/${step.name}` }));
  }

  get steps(): readonly Step[] {
    return [...this.#steps];
  }

  /**
   * Makes one step: `act` returns what it proves or throws. A coded error is a refusal; `NotEvaluated` is neither proof nor
   * refusal; anything else that hostile bytes provoke in a library is a refusal too (fail closed).
   */
  run<T>(name: string, act: (note: Note) => T): Outcome<T> {
    let remark: string | undefined;
    try {
      const value = act((text) => {
        remark = text;
      });
      this.#add(remark === undefined ? { name, status: 'ok' } : { name, status: 'ok', reason: remark });
      return { name, held: true, value };
    } catch (error) {
      this.#add(describeFailure(name, error));
      return { name, held: false };
    }
  }

  #add(step: Step): void {
    this.#steps.push(step);
    this.#passOn?.(step);
  }
}

function describeFailure(name: string, error: unknown): Step {
  if (error instanceof NotEvaluated) return { name, status: 'not-evaluated', reason: error.message };
  if (error instanceof WardroundError) return { name, status: 'failed', reason: error.message, code: error.code };
  const reason = error instanceof Error ? error.message : String(error);
  return { name, status: 'failed', reason: `unexpected: ${reason}`, code: 'attestation-internal' };
}

/** The steps that failed, in order. */
export function failedSteps(steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => step.status === 'failed');
}

/** True only when every named step is present and `ok`, each time that it was made: a second step of that name cannot hide behind the first. */
export function allOk(steps: readonly Step[], names: readonly string[]): boolean {
  return names.every((name) => {
    const made = steps.filter((step) => step.name === name);
    return made.length > 0 && made.every(({ status }) => status === 'ok');
  });
}
