// A session against what this site knows: every bullet of "The gate at a site" (docs/protocol.md 4.1) but the evidence.
import type { Verified } from '@wardround/protocol/documents/signed';
import { describeError, hasCode } from '@wardround/protocol/errors';
import { quorum } from '@wardround/protocol/quorum';
import { resumeRecords } from '@wardround/protocol/resume-records';
import { attemptFloor, type ClosedRound as ClosedReceipt, resumePoint } from '@wardround/protocol/resume-rule';
import { newestApproval, type OwnApproval } from './approval-check.ts';
import type { ClosedRound } from './chain.ts';
import { GateWaits, refused } from './refusal.ts';
import type { GateView } from './view.ts';

export type Session = Verified<'SessionOpen'>;
type Statement = Verified<'ResumeStatement'>;

/** How far a site's clock may be from the median of the statements' times. */
export const maxClockDifferenceMs = 10 * 60 * 1000;

/**
 * One verb a line. The records themselves prove: signed by the challenge's key, this study and federation, sites of the roster.
 *
 * @returns the approvals that the session counts, by site
 * @throws WardroundError `session-membership`, `session-statement`, `session-quorum`, `session-clock`, `session-approval`,
 * `session-approvals`, `session-resume`, `session-resume-older`, `session-resume-fork`, `session-attempt-floor`, `session-log`, `receipt-fork`
 * @throws GateWaits `receipt-awaited`
 */
export function checkSession(view: GateView, open: Session): ReadonlyMap<string, OwnApproval> {
  requireMembership(view, open);
  const statements = requireStatements(view, open);
  requireClock(view, statements);
  const approvals = requireApprovals(view, open);
  requireResume(view, open, statements);
  requireAttemptFloor(view, open, statements);
  requireLog(view, open);
  return approvals;
}

/** A study's keys are those of the membership that its plan names; the session must know no other federation than this site does. */
function requireMembership({ memberships, records, newest }: GateView, { value }: Session): void {
  const named = memberships.get(value.membership);
  if (named === undefined || named.sequence < records.federation.sequence) {
    throw refused('session-membership', 'the session counts members that this site does not know', {
      expected: newest.membership,
      got: value.membership,
    });
  }
  for (const { site } of value.approvals) {
    const then = records.federation.sites.find(({ name }) => name === site);
    const now = newest.sites.find(({ name }) => name === site);
    if (then?.keys.agent.x === now?.keys.agent.x) continue;
    throw refused('session-membership', 'a site of the session is no longer a member with the keys of this study', {
      got: site,
    });
  }
}

function requireStatements({ records, site }: GateView, { value }: Session): readonly Statement[] {
  const statements = value.statements.map((listed) => {
    const statement = records.byDigest('ResumeStatement', listed.statement);
    if (statement?.value.site === listed.site && statement.value.challenge === value.challenge) return statement;
    throw refused('session-statement', 'the session lists a statement that answers no challenge of its own', {
      got: listed.site,
    });
  });
  requireOwnStatement({ records, site }, value);
  const { roster } = records.plan.value.sites;
  const needed = quorum(roster.length, records.federation.colludingSites);
  if (statements.length < needed) {
    throw refused('session-quorum', 'too few sites answered the challenge', {
      expected: `${needed} of ${roster.length}`,
      got: String(statements.length),
    });
  }
  return statements;
}

/** This site's own statement is listed, or came later; never another in its name. */
function requireOwnStatement({ records, site }: Pick<GateView, 'records' | 'site'>, open: Session['value']): void {
  const own = ownStatement({ records, site }, open.challenge);
  const listed = open.statements.find((statement) => statement.site === site);
  if (own === undefined || (listed !== undefined && listed.statement !== own.digest)) {
    throw refused('session-statement', "this site's own statement is not the one that it made");
  }
}

/** Two statements of one site for one challenge mean a cloned disk: then none is taken for its own. */
export function ownStatement(
  { records, site }: Pick<GateView, 'records' | 'site'>,
  challenge: string,
): Statement | undefined {
  const [own, ...others] = records
    .of('ResumeStatement')
    .filter(({ value }) => value.site === site && value.challenge === challenge);
  return others.length === 0 ? own : undefined;
}

/**
 * A clock that is behind would take expired and revoked things for good. Where this site's statement is one of those listed, both were made
 * within moments and may differ by ten minutes either way; one that came later may only be later.
 */
function requireClock(view: GateView, statements: readonly Statement[]): void {
  const times = statements.map(({ value }) => Date.parse(value.statedAt)).toSorted((a, b) => a - b);
  const median = times[Math.floor((times.length - 1) / 2)] ?? Number.NaN;
  const own = statements.find(({ value }) => value.site === view.site);
  const ahead = own === undefined ? 0 : Date.parse(own.value.statedAt) - median;
  const behind = median - Math.min(view.now.getTime(), own === undefined ? Infinity : Date.parse(own.value.statedAt));
  if (ahead <= maxClockDifferenceMs && behind <= maxClockDifferenceMs) return;
  throw refused('session-clock', "this site's clock is not the others'", {
    expected: `within ten minutes of ${new Date(median).toISOString()}`,
    got: view.now.toISOString(),
    action: 'fix',
  });
}

function requireApprovals({ records, site }: GateView, { value }: Session): ReadonlyMap<string, OwnApproval> {
  const approvals = new Map<string, OwnApproval>();
  for (const listed of value.approvals) {
    const approval = records.byDigest('Approval', listed.approval);
    if (approval?.value.site !== listed.site) {
      throw refused('session-approval', 'the session counts an approval that this site does not see', {
        got: listed.site,
      });
    }
    approvals.set(listed.site, approval);
  }
  if (approvals.get(site)?.digest !== newestApproval(records, site)?.digest || !approvals.has(site)) {
    throw refused('session-approval', "the session does not count this site's newest approval", { got: site });
  }
  const { roster, minimum } = records.plan.value.sites;
  const needed = Math.max(minimum, quorum(roster.length, records.federation.colludingSites));
  if (approvals.size < needed) {
    throw refused('session-approvals', 'too few sites approved the study', {
      expected: String(needed),
      got: String(approvals.size),
    });
  }
  return approvals;
}

/**
 * A closed round is never run again. What the session resumes from must be what its own statements say by the one rule, and must not be
 * older than any round that this site knows to be closed. A round that this site cosigned but no quorum did may be tried again, or be rolled
 * forward to another result: this site gives it the same integers and never cosigns the other result (order-check.ts, receipt-check.ts).
 */
function requireResume(view: GateView, open: Session, statements: readonly Statement[]): void {
  const resumed = open.value.resumesFrom;
  const stated = statedResume(view, open, statements);
  if (stated !== null && stated.round > (resumed?.round ?? 0)) throw olderThan(stated.round);
  if (stated?.round !== resumed?.round || stated?.checkpoint !== resumed?.checkpoint) {
    throw refused('session-resume', 'not the round that the statements say the session resumes from', {
      expected: stated === null ? "the study's start" : `round ${stated.round}`,
      got: resumed === null ? "the study's start" : `round ${resumed.round}`,
    });
  }
  // What this very session closed since is no objection to it.
  const before = view.chain.findLast(({ receipts }) => receipts.some(({ value }) => value.session !== open.digest));
  if (before !== undefined) requireNotOlder(before, resumed);
}

/** @throws GateWaits `receipt-awaited` where its records, or what decides between two results, have not come yet */
function statedResume({ records }: GateView, open: Session, statements: readonly Statement[]): ClosedReceipt | null {
  try {
    return resumePoint({
      ...resumeRecords(records, open.digest),
      statements: statements.map(({ value }) => value),
    });
  } catch (error) {
    if (!hasCode(error, 'receipt-unknown') && !hasCode(error, 'receipt-undecided')) throw error;
    throw new GateWaits('receipt-awaited', describeError(error).message);
  }
}

function requireNotOlder(before: ClosedRound, resumed: Session['value']['resumesFrom']): void {
  if (!before.closed) return;
  const round = resumed?.round ?? 0;
  if (round < before.round) throw olderThan(before.round);
  if (round === before.round && resumed?.checkpoint !== before.checkpoint) {
    throw refused('session-resume-fork', 'the session resumes from another result of a round that a quorum cosigned', {
      expected: before.checkpoint,
      got: resumed?.checkpoint ?? 'none',
    });
  }
}

function olderThan(round: number): Error {
  return refused('session-resume-older', 'the session would run a closed round again', {
    expected: `round ${round} or later`,
  });
}

function requireAttemptFloor({ sealings, records }: GateView, open: Session, statements: readonly Statement[]): void {
  const stated = attemptFloor(
    statements.map(({ value }) => value),
    records.federation.colludingSites,
  );
  const own = sealings.filter(({ session }) => session !== open.digest).map(({ attempt }) => attempt + 1);
  const least = Math.max(stated, ...own);
  if (open.value.attemptFloor >= least) return;
  throw refused('session-attempt-floor', 'the session would use an attempt number again', {
    expected: `at least ${least}`,
    got: String(open.value.attemptFloor),
  });
}

function requireLog({ records }: GateView, { value }: Session): void {
  if (value.log.mode === 'unwitnessed' && records.federation.log.mode === 'unwitnessed') return;
  throw refused('session-log', "the session's log is not the federation's, or one that this version cannot check", {
    expected: records.federation.log.mode,
    got: value.log.mode,
  });
}
