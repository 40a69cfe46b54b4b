// What the command says: one JSON document or text for people on stdout; progress and logs on stderr. Nothing else writes to stdout.
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { PlanInvalidError } from '@wardround/protocol/plan/problems';
import { pathText } from '@wardround/protocol/plan/problems';

export interface Output {
  readonly json: boolean;
  /** The command's result: `document` under `--json`, else the text. Called once. */
  result(document: unknown, text: () => string): void;
  /** What goes on meanwhile, for people, on stderr. */
  note(line: string): void;
}

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export function createOutput(json: boolean, { stdout, stderr }: Streams = process): Output {
  return {
    json,
    result: (document, text) => void stdout.write(json ? `${jsonText(document)}\n` : `${text()}\n`),
    note: (line) => void stderr.write(`${line}\n`),
  };
}

/** An error as JSON on stdout, if asked for, and as text for people on stderr: what happened, expected, got, what to do, code. */
export function reportError(error: unknown, json: boolean, { stdout, stderr }: Streams = process): void {
  if (json) stdout.write(`${jsonText(errorDocument(error))}\n`);
  stderr.write(`${errorText(error)}\n`);
}

export function errorDocument(error: unknown): unknown {
  const { code, message, action } = describeError(error);
  if (!(error instanceof WardroundError)) return { error: { code, message, action } };
  const { where, expected, got } = error;
  const problems = error instanceof PlanInvalidError ? { problems: problemDocuments(error) } : {};
  return { error: { code, message: sentenceOf(error), where, expected, got, action, ...problems } };
}

export function problemDocuments({ problems }: PlanInvalidError): readonly unknown[] {
  return problems.map((problem) => ({ ...problem, path: pathText(problem.path) }));
}

const whatToDo = {
  fix: 'put this right and run the command again',
  retry: 'try again in a while',
  stop: 'stop here: somebody should look at this',
} as const;

export function errorText(error: unknown): string {
  const { code, message, action } = describeError(error);
  if (!(error instanceof WardroundError)) return `wardround: ${printable(message)} [${code}]`;
  const lines = [`wardround: ${printable(sentenceOf(error))}`];
  if (error.where !== undefined) lines.push(`  where     ${printable(error.where)}`);
  if (error.expected !== undefined) lines.push(`  expected  ${printable(error.expected)}`);
  if (error.got !== undefined) lines.push(`  got       ${printable(error.got)}`);
  lines.push(`  what now  ${whatToDo[action]}`, `  [${code}]`);
  return lines.join('\n');
}

/** The message without the details that its own lines show. */
export function sentenceOf(error: WardroundError): string {
  const ends = [`; at ${error.where ?? ''}`, '; expected ', '; got ']
    .map((part) => error.message.indexOf(part))
    .filter((index) => index > 0);
  return ends.length === 0 ? error.message : error.message.slice(0, Math.min(...ends));
}

/** JSON escapes only half of what steers a terminal: the rest is escaped here, which changes nothing for a reader of JSON. */
function jsonText(document: unknown): string {
  return JSON.stringify(document, null, 2).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Text from elsewhere must not steer a terminal, nor the order in which it is read. */
export function printable(text: string): string {
  const clean = text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    '\uFFFD',
  );
  return clean.length <= 600 ? clean : `${clean.slice(0, 600)}…`;
}
