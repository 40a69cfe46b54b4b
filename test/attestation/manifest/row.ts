// One row of the table of genuine evidence: a file, what it is judged with and when, and what must come of it.
import type { Step } from '@wardround/attestation/steps';
import { WardroundError } from '@wardround/protocol/errors';
import { vector } from '../vectors.ts';

export const rowKinds = [
  'SEV-SNP report',
  'AMD certificates',
  'AMD CRL',
  'Azure vTPM',
  'TDX quote',
  'Intel collateral',
  'event log',
  'NVIDIA report',
  'NVIDIA RIM',
  'NRAS token',
  'TPM quote',
  'pinned root',
] as const;

export interface Judged {
  /** `step: code` of every failed step; of a function that throws, its code alone. */
  readonly failures: readonly string[];
  readonly fields: unknown;
}

export interface Row {
  readonly kind: (typeof rowKinds)[number];
  /** The file that is judged. */
  readonly file: string;
  /** The files that it is judged with. */
  readonly beside?: readonly string[];
  /** What this row tries, and at what time. */
  readonly what: string;
  readonly failures: readonly string[];
  /** Those fields that the manifest or `expected.json` name. Empty where nothing can be read. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly judge: () => Judged | Promise<Judged>;
}

interface Inspection {
  readonly authentic: boolean;
  readonly steps: readonly Step[];
  readonly fields: unknown;
}

/** Nothing failed, and yet too little was given for a verdict: that is no acceptance. */
export const notAuthentic = 'not authentic';

export function judgedSteps({ authentic, steps, fields }: Inspection): Judged {
  const failed = steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
  if (authentic !== (failed.length === 0)) return { failures: [...failed, notAuthentic], fields };
  return { failures: failed, fields };
}

/** What a function that refuses by throwing gives. An error without a code passes through: it is no refusal. */
export async function judgedCall(act: () => unknown): Promise<Judged> {
  try {
    return { failures: [], fields: await act() };
  } catch (error) {
    if (error instanceof WardroundError) return { failures: [error.code], fields: null };
    throw error;
  }
}

export function textOf(path: string): string {
  return Buffer.from(vector(path)).toString('utf8');
}

/** The rows of the manifest's table whose header begins with these columns, each by its header. */
export function manifestTable(...columns: readonly string[]): readonly Readonly<Record<string, string>>[] {
  const lines = textOf('MANIFEST.md').split('\n');
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const start = lines.findIndex(
    (line) => line.startsWith('|') && columns.every((name, at) => cellsOf(line)[at] === name),
  );
  if (start === -1) throw new Error(`no table ${columns.join(', ')} in the manifest`);
  const header = cellsOf(lines[start] ?? '');
  const body = lines.slice(start + 2);
  const end = body.findIndex((line) => !line.startsWith('|'));
  return body
    .slice(0, end === -1 ? undefined : end)
    .map((line) => Object.fromEntries(cellsOf(line).map((cell, at) => [header[at] ?? '', cell])));
}

export function secondsAfter(date: Date | string | number, seconds: number): Date {
  return new Date(new Date(date).getTime() + seconds * 1000);
}
