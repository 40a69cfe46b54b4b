// A failure as people read it (what happened, what was expected, what came, what to do) and as programs do; and its exit code.
import { describeError, type ErrorAction, WardroundError } from '@wardround/protocol/errors';

/** Mistakes in what was typed or in a file that was given: exit code 2. Everything else that fails: 1. */
const inputCodes = /^(?:usage|config|policy|json|change|draft-file|document|key-file|source|fingerprint-format)(?:-|$)/;

export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof WardroundError && inputCodes.test(error.code) ? 2 : 1;
}

/** For `--json`. */
export function failureDocument(error: unknown): { readonly error: Readonly<Record<string, string>> } {
  const { code, message, action } = describeError(error);
  const { expected, got, where } = error instanceof WardroundError ? error : {};
  const detail = Object.fromEntries(
    Object.entries({ expected, got, where }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return { error: { code, message, ...detail, action } };
}

export function failureText(error: unknown): string {
  const { code, message, action } = describeError(error);
  const detail = error instanceof WardroundError ? error : undefined;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['where', detail?.where],
    ['expected', detail?.expected],
    ['got', detail?.got],
    ['to do', whatToDo(action)],
  ];
  const lines = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name.padEnd(9)} ${printable(value)}`],
  );
  return [`${headline(message, detail)} [${code}]`, ...lines, ''].join('\n');
}

// The message repeats its details behind semicolons, for logs; here each has its own line.
function headline(message: string, detail: WardroundError | undefined): string {
  const tails = [
    detail?.where === undefined ? undefined : `; at ${detail.where}`,
    detail?.expected === undefined ? undefined : `; expected ${detail.expected}`,
    detail?.got === undefined ? undefined : '; got ',
  ];
  const starts = tails
    .flatMap((tail) => (tail === undefined ? [] : [message.lastIndexOf(tail)]))
    .filter((at) => at > 0);
  return starts.length === 0 ? message : message.slice(0, Math.min(...starts));
}

function whatToDo(action: ErrorAction): string {
  switch (action) {
    case 'fix':
      return 'correct this and run the command again';
    case 'retry':
      return 'nothing is lost; try again later';
    case 'stop':
      return 'stop here, and ask the people who run the federation before going on';
  }
}

function printable(text: string): string {
  const clean = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
  return clean.length <= 400 ? clean : `${clean.slice(0, 400)}…`;
}
