// The receipt of a closed round: what was summed, who is missing and why, and the digest that the sites' cosignatures make final.
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { AbsenteeCode } from '@wardround/protocol/refusal-codes';
import { accumulatorBackend } from './accumulator.ts';
import type { KnownCheckpoint, KnownResult } from './checkpoints.ts';
import type { ClosedAttempt } from './round-attempt.ts';
import type { SessionWork } from './session-work.ts';

export type VerifiedReceipt = Verified<'RoundReceipt'>;

export interface ReceiptParts {
  readonly closed: ClosedAttempt;
  readonly next: KnownCheckpoint;
  /** Null for a round that trains. */
  readonly released: KnownResult | null;
  /** Digest of the receipt of the round before; null for the first. */
  readonly previous: string | null;
  /** Why sites of the plan's roster are not in the order's. */
  readonly unordered: ReadonlyMap<string, AbsenteeCode>;
}

export async function issueReceipt(work: SessionWork, parts: ReceiptParts): Promise<VerifiedReceipt> {
  const { context, session } = work;
  const receipt = await context.publish('RoundReceipt', receiptOf(work, parts), session.receiptKey);
  const { round, attempt, contributors, absentees } = receipt.value;
  const missing = absentees.map(({ site, code }) => `${site} (${code})`).join(', ');
  context.log({
    level: absentees.length === 0 ? 'info' : 'warn',
    code: 'receipt',
    message: `closed with ${contributors.length} sites${missing === '' ? '' : `, without ${missing}`}`,
    round,
    attempt,
  });
  return receipt;
}

function receiptOf(work: SessionWork, { closed, next, released, previous, unordered }: ReceiptParts): RoundReceipt {
  const { context, session, evidence } = work;
  const { order, contributors, totalWeight, absentees } = closed;
  const missing = [...unordered, ...absentees].map(([site, code]) => ({ site, code }));
  return {
    kind: 'RoundReceipt',
    version: 1,
    ...context.names,
    session: session.open.digest,
    order: order.digest,
    task: order.value.task,
    round: order.value.round,
    attempt: order.value.attempt,
    previous,
    rollsForward: order.value.rollsForward,
    contributors: contributors.map(({ site, weight, contribution: { digest, value } }) => ({
      site,
      contribution: digest,
      payload: value.payload,
      weight,
      approval: value.approval,
    })),
    totalWeight,
    absentees: missing.toSorted((a, b) => (a.site < b.site ? -1 : 1)),
    survivors: null,
    base: order.value.base.checkpoint,
    model: next.model,
    checkpoint: next.checkpoint,
    result: released?.result ?? null,
    noise: { mode: 'none' },
    evidence: evidence.given(),
    backend: accumulatorBackend,
    closedAt: context.now().toISOString(),
  };
}
