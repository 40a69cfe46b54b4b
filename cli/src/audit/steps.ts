// An audit as named steps: each either says what it found, or why it does not hold. The first that does not is the answer.
import { describeError, WardroundError } from '@wardround/protocol/errors';

export interface AuditStep {
  readonly name: string;
  readonly status: 'ok' | 'failed' | 'not-evaluated';
  /** What was found, or what is wrong. */
  readonly detail: string;
  /** Stable code; present exactly where the step failed. */
  readonly code?: string;
}

/** Makes one step. `check` returns what it found or throws; it may be asynchronous. */
export async function step(name: string, check: () => string | Promise<string>): Promise<AuditStep> {
  try {
    return { name, status: 'ok', detail: await check() };
  } catch (error) {
    const { code, message } = describeError(error);
    return { name, status: 'failed', detail: message, code };
  }
}

export function notEvaluated(name: string, because: string): AuditStep {
  return { name, status: 'not-evaluated', detail: because };
}

/** The error of a check that does not hold. Records are evidence: nothing here is mended by trying again. */
export function wrong(
  code: string,
  message: string,
  detail: { expected?: string; got?: string; where?: string } = {},
): WardroundError {
  return new WardroundError(`audit-${code}`, message, { ...detail, action: 'stop' });
}
