// Errors are an interface: a stable code, what was expected, what came, and what to do about it. Never a secret.

/** What the person or program that meets an error should do. */
export type ErrorAction = 'fix' | 'retry' | 'stop';

export interface ErrorDetail {
  /** What would have been accepted. */
  readonly expected?: string;
  /** What came instead. Never a secret, never patient data. */
  readonly got?: string;
  /** Where: a JSON path, a file name, a document kind. */
  readonly where?: string;
  readonly action?: ErrorAction;
  readonly cause?: unknown;
}

/**
 * The one error class that crosses a room's border. `code` is stable across releases (kebab-case, `area-problem`);
 * the message is for people and may change.
 */
export class WardroundError extends Error {
  readonly code: string;
  readonly expected: string | undefined;
  readonly got: string | undefined;
  readonly where: string | undefined;
  readonly action: ErrorAction;

  constructor(code: string, message: string, detail: ErrorDetail = {}) {
    super(composeMessage(message, detail), detail.cause === undefined ? {} : { cause: detail.cause });
    this.name = 'WardroundError';
    this.code = code;
    this.expected = detail.expected;
    this.got = detail.got;
    this.where = detail.where;
    this.action = detail.action ?? 'fix';
  }
}

function composeMessage(message: string, detail: ErrorDetail): string {
  const parts = [message];
  if (detail.where !== undefined) parts.push(`at ${detail.where}`);
  if (detail.expected !== undefined) parts.push(`expected ${detail.expected}`);
  if (detail.got !== undefined) parts.push(`got ${shorten(detail.got)}`);
  return parts.join('; ');
}

/** Hostile input is quoted in messages; it must not flood a log or carry control characters into a terminal. */
function shorten(text: string): string {
  const clean = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
  return clean.length <= 200 ? clean : `${clean.slice(0, 200)}… (${clean.length} characters)`;
}

/** True for an error of ours with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof WardroundError && error.code === code;
}

/** A JSON form of any error, for `--json` output and logs. Causes that are not ours keep only their message. */
export function describeError(error: unknown): { code: string; message: string; action: ErrorAction } {
  if (error instanceof WardroundError) return { code: error.code, message: error.message, action: error.action };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), action: 'stop' };
}
