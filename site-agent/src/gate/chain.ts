// The chain of closed rounds as this site can prove it: receipts that a quorum of the roster cosigned, or that it cosigned itself.
import type { Verified } from '@wardround/protocol/documents/signed';
import { closedReceipts } from '@wardround/protocol/resume-records';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { refused } from './refusal.ts';

export type Receipt = Verified<'RoundReceipt'>;

export interface ClosedRound {
  readonly round: number;
  readonly checkpoint: string;
  readonly model: string;
  /** The receipts of this round that this site accepts; more than one only where a round was rolled forward to the same checkpoint, whose result is the same. */
  readonly receipts: readonly Receipt[];
  /** Whether q of the roster cosigned one of them. Otherwise only this site did, and the round may be tried again. */
  readonly closed: boolean;
}

/** Rounds 1 to the newest, in order. */
export type Chain = readonly ClosedRound[];

export function newestRound(chain: Chain): ClosedRound | undefined {
  return chain.at(-1);
}

/** The receipts that this site cosigned. */
export function cosignedBy(records: StudyRecords, site: string): ReadonlySet<string> {
  return new Set(records.of('Cosignature').flatMap(({ value }) => (value.site === site ? [value.receipt] : [])));
}

/**
 * @throws WardroundError `receipt-fork` where quorums closed one round with two checkpoints: more than f sites collude, and the study is over
 */
export function chainOf(records: StudyRecords, site: string): Chain {
  const closed = closedReceipts(records);
  const own = cosignedBy(records, site);
  const byRound = Map.groupBy(
    records.of('RoundReceipt').filter(({ digest }) => closed.has(digest) || own.has(digest)),
    ({ value }) => value.round,
  );
  const chain: ClosedRound[] = [];
  for (let round = 1; byRound.has(round); round += 1) {
    const next = closeRound({ candidates: byRound.get(round) ?? [], before: chain.at(-1), closed });
    if (next === null) break;
    chain.push(next);
  }
  return chain;
}

function closeRound({
  candidates,
  before,
  closed,
}: {
  candidates: readonly Receipt[];
  before: ClosedRound | undefined;
  closed: ReadonlySet<string>;
}): ClosedRound | null {
  const fitting = candidates.filter((receipt) => follows(receipt, before));
  const byQuorum = fitting.filter(({ digest }) => closed.has(digest));
  const [first] = byQuorum.length > 0 ? byQuorum : fitting;
  if (first === undefined || first.value.checkpoint === null || first.value.model === null) return null;
  const { round, checkpoint, model, result } = first.value;
  const isSame = ({ value }: Receipt): boolean => value.checkpoint === checkpoint && value.result === result;
  const other = byQuorum.find((receipt) => !isSame(receipt));
  if (other !== undefined) {
    throw refused('receipt-fork', 'quorums closed one round with two results', {
      expected: checkpoint,
      got: other.value.checkpoint ?? 'none',
    });
  }
  const receipts = fitting.filter(isSame);
  return { round, checkpoint, model, receipts, closed: byQuorum.length > 0 };
}

/** Whether a receipt continues the round before. */
export function follows({ value }: Receipt, before: ClosedRound | undefined): boolean {
  if (before === undefined) return value.previous === null;
  return before.receipts.some(({ digest }) => digest === value.previous) && value.base === before.checkpoint;
}
