// Were the enclave's sessions opened as the protocol says: answered by a quorum, from the receipt that the sites named, under a release?
import type { SessionOpen } from '@wardround/protocol/documents/session';
import type { Verified } from '@wardround/protocol/documents/signed';
import { hasCode } from '@wardround/protocol/errors';
import { leastContributorsOf } from '@wardround/protocol/plan/strategy-problems';
import { quorum } from '@wardround/protocol/quorum';
import { resumeRecords } from '@wardround/protocol/resume-records';
import { attemptFloor, type ClosedRound, resumePoint, type ResumeQuestion } from '@wardround/protocol/resume-rule';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { type AuditContext, clockToleranceMs } from './context.ts';
import { wrong } from './steps.ts';

/** The sessions that closed a round: others proved nothing and released nothing. */
export function usedSessions({ records, rounds }: AuditContext): readonly Verified<'SessionOpen'>[] {
  const digests = new Set(rounds.flatMap(({ closed }) => (closed === null ? [] : [closed.value.session])));
  return records.of('SessionOpen').filter(({ digest }) => digests.has(digest));
}

/** @throws WardroundError `audit-session-*` */
export function checkSessions(context: AuditContext): string {
  const sessions = usedSessions(context);
  for (const session of sessions) checkSession(context, session);
  return sessions.length === 1 ? 'one session' : `${sessions.length} sessions`;
}

function checkSession(context: AuditContext, open: Verified<'SessionOpen'>): void {
  const { value, digest } = open;
  const where = `session ${digest.slice(0, 12)}`;
  checkStatements(context, value, where);
  checkApprovals(context, value, where);
  checkResumption(context, open, where);
  checkRelease(context, value, where);
}

function checkStatements({ records, federation }: AuditContext, open: SessionOpen, where: string): void {
  const needed = quorum(records.plan.value.sites.roster.length, federation.colludingSites);
  for (const { site, statement } of open.statements) {
    const found = records.byDigest('ResumeStatement', statement);
    if (found === undefined || found.value.site !== site || found.value.challenge !== open.challenge) {
      throw wrong('session-statement', 'a statement that the session lists is not one that the site made for it', {
        where,
        got: site,
      });
    }
  }
  if (open.statements.length < needed) {
    throw wrong('session-quorum', 'fewer sites than a quorum answered the challenge', {
      where,
      expected: `${needed}`,
      got: `${open.statements.length}`,
    });
  }
}

function checkApprovals({ records, federation }: AuditContext, open: SessionOpen, where: string): void {
  const { sites, strategy } = records.plan.value;
  const { minimum, roster } = sites;
  const least = leastContributorsOf(strategy, federation.colludingSites);
  const needed = Math.max(minimum, least, quorum(roster.length, federation.colludingSites));
  for (const { site, approval } of open.approvals) {
    const found = records.byDigest('Approval', approval);
    if (found === undefined || found.value.site !== site) {
      throw wrong('session-approval', 'an approval that the session lists was not given', { where, got: site });
    }
    const openedAt = Date.parse(open.openedAt);
    const given = Date.parse(found.value.approvedAt) - clockToleranceMs <= openedAt;
    const withdrawn = records
      .of('Withdrawal')
      .some(({ value }) => value.approval === approval && Date.parse(value.withdrawnAt) + clockToleranceMs < openedAt);
    if (!given || Date.parse(found.value.validUntil) <= openedAt || withdrawn) {
      throw wrong('session-approval', 'an approval that the session lists did not hold then', { where, got: site });
    }
  }
  if (open.approvals.length < needed) {
    throw wrong('session-approvals', 'fewer sites than are needed had approved', {
      where,
      expected: `${needed}`,
      got: `${open.approvals.length}`,
    });
  }
}

/**
 * docs/protocol.md 4.1: the one rule by which the enclave opens, and each site checks. The records do not tell which cosignatures were seen
 * then: what follows from those made before, or from none, is right.
 */
function checkResumption({ records, federation }: AuditContext, open: Verified<'SessionOpen'>, where: string): void {
  const statements = open.value.statements.flatMap(
    ({ statement }) => records.byDigest('ResumeStatement', statement)?.value ?? [],
  );
  const question = { ...resumeRecords(records, open.digest), statements };
  const early = question.proven.filter(({ receipt }) => wasCosignedBefore(records, receipt, open.value.openedAt));
  const got = open.value.resumesFrom;
  const expected = [resumedFrom({ ...question, proven: early }), resumedFrom({ ...question, proven: [] })];
  if (!expected.some((at) => at !== undefined && at?.round === got?.round && at?.checkpoint === got?.checkpoint)) {
    const [first] = expected;
    throw wrong('session-resumption', 'the session did not go on from the receipt that the sites named', {
      where,
      expected: first === undefined || first === null ? 'the beginning' : `round ${first.round}`,
      got: got === null ? 'the beginning' : `round ${got.round}`,
    });
  }
  const floor = attemptFloor(statements, federation.colludingSites);
  if (open.value.attemptFloor !== floor) {
    throw wrong('session-floor', 'the session did not begin above every attempt that a site sealed for', {
      where,
      expected: String(floor),
      got: String(open.value.attemptFloor),
    });
  }
}

/** Undefined where the rule waits. @throws WardroundError `receipt-fork` */
function resumedFrom(question: ResumeQuestion): ClosedRound | null | undefined {
  try {
    return resumePoint(question);
  } catch (error) {
    if (hasCode(error, 'receipt-unknown') || hasCode(error, 'receipt-undecided')) return undefined;
    throw error;
  }
}

function wasCosignedBefore(records: StudyRecords, receipt: string, openedAt: string): boolean {
  const latest = Date.parse(openedAt) + clockToleranceMs;
  const made = records.of('Cosignature').filter(({ value }) => value.receipt === receipt);
  const before = made.filter(({ value }) => Date.parse(value.cosignedAt) <= latest);
  const { roster } = records.plan.value.sites;
  return (
    new Set(before.map(({ value }) => value.site)).size >= quorum(roster.length, records.federation.colludingSites)
  );
}

function checkRelease(
  { records, releases, revocations, federation }: AuditContext,
  open: SessionOpen,
  where: string,
): void {
  const release = releases.find(({ digest }) => digest === open.release);
  const releaser = federation.releasers.find(({ name }) => name === release?.value.releaser);
  if (
    release === undefined ||
    releaser === undefined ||
    release.value.name !== records.plan.value.attestation.release
  ) {
    throw wrong('session-release', 'the session names no release that the plan asks for and a releaser signed', {
      where,
      expected: records.plan.value.attestation.release,
      ...(release === undefined ? {} : { got: release.value.name }),
    });
  }
  const openedAt = Date.parse(open.openedAt);
  const revoked = revocations.some(
    ({ value }) => value.release === release.digest && Date.parse(value.revokedAt) <= openedAt,
  );
  if (
    revoked ||
    Date.parse(release.value.expires) <= openedAt ||
    Date.parse(release.value.issuedAt) - clockToleranceMs > openedAt
  ) {
    throw wrong('session-release', 'the release did not hold when the session was opened', {
      where,
      got: release.value.name,
    });
  }
}
