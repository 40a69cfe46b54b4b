// The rounds of a study as its cosigned receipts make them: what a researcher may call done, and an auditor must be able to check.
import type { Verified } from '@wardround/protocol/documents/signed';
import { quorum } from '@wardround/protocol/quorum';
import { lastRound } from '@wardround/protocol/schedule';
import type { StudyRecords } from '@wardround/protocol/study-records';

export interface RoundState {
  readonly round: number;
  /** The receipt that q of the roster cosigned; where it was rolled forward, the last of them. Null: no receipt of this round has q yet. */
  readonly closed: Verified<'RoundReceipt'> | null;
  /** Every receipt of this round, whoever cosigned it. */
  readonly receipts: readonly Verified<'RoundReceipt'>[];
}

/** Who cosigned this receipt: names of roster sites, sorted. */
export function cosigners(records: StudyRecords, receipt: string): readonly string[] {
  const names = records.of('Cosignature').filter(({ value }) => value.receipt === receipt);
  return [...new Set(names.map(({ value }) => value.site))].toSorted();
}

/** How many of the roster must cosign. */
export function cosignatureQuorum({ plan, federation }: StudyRecords): number {
  return quorum(plan.value.sites.roster.length, federation.colludingSites);
}

/** Rounds 1 to the highest that any receipt names, in order. */
export function roundStates(records: StudyRecords): readonly RoundState[] {
  const needed = cosignatureQuorum(records);
  const known = records.of('RoundReceipt').filter(({ value }) => value.checkpoint !== null);
  const last = Math.max(0, ...known.map(({ value }) => value.round));
  return Array.from({ length: last }, (_, index): RoundState => {
    const round = index + 1;
    const receipts = known
      .filter(({ value }) => value.round === round)
      .toSorted((a, b) => a.value.attempt - b.value.attempt);
    const closed = receipts.filter(({ digest }) => cosigners(records, digest).length >= needed).at(-1) ?? null;
    return { round, closed, receipts };
  });
}

/** The receipt of the plan's last round, closed; null while there is none. */
export function finalReceipt(records: StudyRecords): Verified<'RoundReceipt'> | null {
  return roundStates(records).find(({ round }) => round === lastRound(records.plan.value))?.closed ?? null;
}
