// Were the enclave's sessions opened as the protocol says: answered by a quorum, from the receipt that the sites named, under a release?
import type { SessionOpen } from '@wardround/protocol/documents/session';
import type { Verified } from '@wardround/protocol/documents/signed';
import { leastContributors, quorum } from '@wardround/protocol/quorum';
import { attemptFloor, type ClosedRound, resumePoint } from '@wardround/protocol/resume-rule';
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

function checkSession(context: AuditContext, { value, digest }: Verified<'SessionOpen'>): void {
  const where = `session ${digest.slice(0, 12)}`;
  checkStatements(context, value, where);
  checkApprovals(context, value, where);
  checkResumption(context, value, where);
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
  const { minimum, roster } = records.plan.value.sites;
  const least = leastContributors(federation.colludingSites);
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

/** docs/protocol.md 4.1: the one rule by which the enclave opens, and each site checks. */
function checkResumption({ records, federation }: AuditContext, open: SessionOpen, where: string): void {
  const statements = open.statements.flatMap(
    ({ statement }) => records.byDigest('ResumeStatement', statement)?.value ?? [],
  );
  const f = federation.colludingSites;
  const expected = resumePoint({ statements, f, previous: (receipt) => previousOf(records, receipt) });
  const got = open.resumesFrom;
  if (expected?.round !== got?.round || expected?.checkpoint !== got?.checkpoint) {
    throw wrong('session-resumption', 'the session did not go on from the receipt that the sites named', {
      where,
      expected: expected === null ? 'the beginning' : `round ${expected.round}`,
      got: got === null ? 'the beginning' : `round ${got.round}`,
    });
  }
  const floor = attemptFloor(statements, f);
  if (open.attemptFloor !== floor) {
    throw wrong('session-floor', 'the session did not begin above every attempt that a site sealed for', {
      where,
      expected: String(floor),
      got: String(open.attemptFloor),
    });
  }
}

function previousOf(records: StudyRecords, receipt: string): ClosedRound | null {
  const previous = records.byDigest('RoundReceipt', receipt)?.value.previous ?? null;
  const found = previous === null ? undefined : records.byDigest('RoundReceipt', previous);
  if (found === undefined || found.value.checkpoint === null) return null;
  return { receipt: found.digest, round: found.value.round, checkpoint: found.value.checkpoint };
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
