// Why one item among many did not make it, for the list of results.
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { sentenceOf } from '../output.ts';

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof WardroundError)) {
    const { code, message } = describeError(error);
    return { code, message };
  }
  const { code, expected, got } = error;
  return {
    code,
    message: sentenceOf(error),
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  };
}

/** The same in one line. */
export function failureText({ code, message, expected, got }: Failure): string {
  const detail = [
    expected === undefined ? [] : [`expected ${expected}`],
    got === undefined ? [] : [`got ${got}`],
  ].flat();
  return `${message}${detail.length === 0 ? '' : ` (${detail.join('; ')})`} [${code}]`;
}
