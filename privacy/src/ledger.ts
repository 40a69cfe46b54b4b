// The privacy ledger's rules, pure: entries in a hash chain, one JSON line each; reservations add up and are never taken back.
import * as z from 'zod';
import { fromHex, labelledSha256, toHex } from '@wardround/protocol/bytes';
import { canonicalJson, parseStrictJson } from '@wardround/protocol/canonical-json';
import { budgetSchema } from '@wardround/protocol/documents/consent';
import { instantSchema, sha256Schema, textSchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { reservedSpendingSchema } from './ledger-spending.ts';

/** Reserved when a person approves, for the whole study with all its attempts. What is not used is not refunded: there is no other kind. */
export const reservationSchema = z.strictObject({
  type: z.literal('reserve'),
  federation: sha256Schema,
  study: sha256Schema,
  /** Digest of the Approval: the same approval again is the same reservation. */
  approval: sha256Schema,
  population: textSchema,
  budget: budgetSchema,
  rounds: z.int().min(1),
  maxAttempts: z.int().min(1),
  reservedAt: instantSchema,
  /** What a bounded budget is made of, where the plan said it: then it composes better than by adding up. */
  spending: reservedSpendingSchema.exactOptional(),
});
export type Reservation = z.infer<typeof reservationSchema>;

export const ledgerEntrySchema = z.strictObject({
  version: z.literal(1),
  sequence: z.int().min(1),
  /** Hash of the entry before; 64 zeros for the first. */
  previous: sha256Schema,
  entry: reservationSchema,
});
export type LedgerEntry = z.infer<typeof ledgerEntrySchema>;

const lineSchema = z.strictObject({ body: ledgerEntrySchema, hash: sha256Schema });

/** Where the chain ends. */
export interface LedgerHead {
  readonly sequence: number;
  readonly hash: string;
}

export const emptyLedger: LedgerHead = { sequence: 0, hash: '0'.repeat(64) };

const lineLimits = { maxBytes: 16 * 1024, maxDepth: 10 };

export function entryHash(body: LedgerEntry): string {
  return toHex(labelledSha256(labels.ledger, fromHex(body.previous, 32), canonicalJson(body)));
}

/** The next line, with its newline, and where the chain then ends. */
export function nextLine(head: LedgerHead, entry: Reservation): { line: string; body: LedgerEntry; head: LedgerHead } {
  const body = ledgerEntrySchema.parse({ version: 1, sequence: head.sequence + 1, previous: head.hash, entry });
  const hash = entryHash(body);
  const line = `${Buffer.from(canonicalJson({ body, hash }, lineLimits)).toString('utf8')}\n`;
  return { line, body, head: { sequence: body.sequence, hash } };
}

export interface LedgerContents {
  readonly entries: readonly LedgerEntry[];
  readonly head: LedgerHead;
  /** Bytes of the whole lines; what lies behind them is a line that was being written when something was killed. */
  readonly wholeLength: number;
  readonly torn: boolean;
}

/**
 * Reads a ledger. Only the end behind the last newline may be unreadable: anything wrong before it is damage, or somebody's hand.
 *
 * @throws WardroundError `ledger-damaged` naming the line
 */
export function readLedger(bytes: Uint8Array): LedgerContents {
  const wholeLength = bytes.lastIndexOf(0x0a) + 1;
  const entries: LedgerEntry[] = [];
  let head = emptyLedger;
  for (const line of splitLines(bytes.subarray(0, wholeLength))) {
    const { body, hash } = readLine(line, head);
    entries.push(body);
    head = { sequence: body.sequence, hash };
  }
  return { entries, head, wholeLength, torn: wholeLength < bytes.byteLength };
}

function* splitLines(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

function readLine(line: Uint8Array, head: LedgerHead): z.infer<typeof lineSchema> {
  const parsed = parseLine(line, head.sequence + 1);
  const { body, hash } = parsed;
  if (body.sequence !== head.sequence + 1 || body.previous !== head.hash || hash !== entryHash(body)) {
    throw damaged(head.sequence + 1, 'the chain does not hold');
  }
  return parsed;
}

function parseLine(line: Uint8Array, number: number): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(parseStrictJson(line, lineLimits));
  } catch (cause) {
    throw damaged(number, 'not an entry', cause);
  }
}

function damaged(line: number, message: string, cause?: unknown): WardroundError {
  return new WardroundError('ledger-damaged', `the privacy ledger is damaged: ${message}`, {
    where: `line ${line}`,
    action: 'stop',
    cause,
  });
}

/** The reservation of this approval, if it was made. */
export function reservationOf(entries: readonly LedgerEntry[], approval: string): Reservation | undefined {
  return entries.find(({ entry }) => entry.approval === approval)?.entry;
}

export interface PopulationBudget {
  readonly population: string;
  /** Studies without differential privacy: what they cost has no bound, and is never written as 0. */
  readonly unboundedStudies: number;
  readonly boundedStudies: number;
  /** Σ ε and Σ δ of the bounded ones (basic composition, an upper bound). */
  readonly epsilon: number;
  readonly delta: number;
}

/** What has been reserved of a population's budget, across all studies. */
export function reservedOf(entries: readonly LedgerEntry[], population: string): PopulationBudget {
  const own = entries.map(({ entry }) => entry).filter((entry) => entry.population === population);
  const bounded = own.flatMap(({ budget }) => (budget.kind === 'bounded' ? [budget] : []));
  return {
    population,
    unboundedStudies: own.length - bounded.length,
    boundedStudies: bounded.length,
    epsilon: bounded.reduce((sum, { epsilon }) => sum + Number(epsilon), 0),
    delta: bounded.reduce((sum, { delta }) => sum + Number(delta), 0),
  };
}
