// What a study's records say to the resume rule: chains of receipts, which of them an enclave issued, and which a quorum cosigned.
import type { RoundReceipt } from './documents/round.ts';
import type { Verified } from './documents/signed.ts';
import { quorum } from './quorum.ts';
import type { ClosedRound, ResumeQuestion } from './resume-rule.ts';
import type { StudyRecords } from './study-records.ts';

/** The receipts that q of the roster cosigned, by digest. */
export function closedReceipts(records: StudyRecords): ReadonlySet<string> {
  const witnesses = new Map<string, Set<string>>();
  for (const { value } of records.of('Cosignature')) {
    witnesses.set(value.receipt, (witnesses.get(value.receipt) ?? new Set()).add(value.site));
  }
  const needed = rosterQuorum(records);
  return new Set([...witnesses].filter(([, sites]) => sites.size >= needed).map(([receipt]) => receipt));
}

/**
 * The resume rule's question but for the statements, for the session `session` (null while it is not open): what it closed itself since is
 * no objection to it.
 */
export function resumeRecords(records: StudyRecords, session: string | null): Omit<ResumeQuestion, 'statements'> {
  const closed = closedReceipts(records);
  return {
    quorum: rosterQuorum(records),
    previous: (digest) => {
      const before = records.byDigest('RoundReceipt', digest)?.value.previous ?? null;
      return before === null ? null : closedRound(records.byDigest('RoundReceipt', before));
    },
    isReceipt: ({ receipt, round, checkpoint }) => {
      const known = records.byDigest('RoundReceipt', receipt)?.value;
      return known?.round === round && known.checkpoint === checkpoint && isIssued(records, known);
    },
    proven: records
      .of('RoundReceipt')
      .filter(({ digest, value }) => closed.has(digest) && value.session !== session)
      .flatMap((receipt) => closedRound(receipt) ?? []),
  };
}

/**
 * Anybody can put a session of his own on the board, and issue receipts in it; but sites contribute only to sessions whose evidence they
 * verified, so one to whose order more than f sites contributed what it counts is an enclave's.
 */
function isIssued(records: StudyRecords, { session, order, contributors }: RoundReceipt): boolean {
  const seen = contributors.filter(({ site, contribution, payload }) => {
    const known = records.byDigest('Contribution', contribution)?.value;
    if (known?.session !== session || known.order !== order) return false;
    return known.site === site && known.payload === payload;
  });
  return seen.length > records.federation.colludingSites;
}

function closedRound(receipt: Verified<'RoundReceipt'> | undefined): ClosedRound | null {
  if (receipt === undefined || receipt.value.checkpoint === null) return null;
  return { receipt: receipt.digest, round: receipt.value.round, checkpoint: receipt.value.checkpoint };
}

function rosterQuorum({ plan, federation }: StudyRecords): number {
  return quorum(plan.value.sites.roster.length, federation.colludingSites);
}
