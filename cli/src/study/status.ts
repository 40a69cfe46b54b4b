// Where a study stands, from verified records only: what `study status` prints, for people and for programs.
import type { Approval } from '@wardround/protocol/documents/consent';
import type { Verified } from '@wardround/protocol/documents/signed';
import { lastRound, releasesResult } from '@wardround/protocol/schedule';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { resultLines } from './result-text.ts';
import { type StudyResult, studyResults } from './results.ts';
import { cosignatureQuorum, cosigners, finalReceipt, type RoundState, roundStates } from './rounds.ts';

export interface StudyStatus {
  readonly study: string;
  readonly title: string;
  readonly researcher: string;
  readonly expires: string;
  readonly weaknesses: readonly string[];
  readonly approvals: readonly {
    readonly site: string;
    readonly weight: number;
    readonly approvedAt: string;
    readonly withdrawn: boolean;
  }[];
  readonly refusals: readonly string[];
  readonly undecided: readonly string[];
  readonly session: {
    readonly session: string;
    readonly openedAt: string;
    readonly resumesFromRound: number | null;
  } | null;
  readonly sessions: number;
  readonly rounds: readonly RoundStatus[];
  /** Pooled statistics and metrics, as they were released. */
  readonly results: readonly StudyResult[];
  readonly roundsDone: number;
  readonly roundsPlanned: number;
  readonly refusedContributions: readonly { readonly site: string; readonly code: string }[];
  readonly siteStatements: readonly {
    readonly site: string;
    readonly code: string;
    readonly check: string | null;
    readonly round: number | null;
  }[];
  readonly stopped: { readonly code: string; readonly detail: string } | null;
  readonly complete: boolean;
  readonly consents: readonly { readonly site: string; readonly recipient: string }[];
  readonly releases: readonly { readonly site: string; readonly recipient: string; readonly model: string }[];
}

export interface RoundStatus {
  readonly round: number;
  readonly task: string;
  readonly attempt: number;
  readonly receipt: string;
  readonly contributors: readonly { readonly site: string; readonly weight: number }[];
  readonly absentees: readonly { readonly site: string; readonly code: string }[];
  readonly cosignedBy: readonly string[];
  readonly closed: boolean;
  readonly closedAt: string;
}

export function studyStatus(records: StudyRecords): StudyStatus {
  const plan = records.plan.value;
  const approvals = newestApprovals(records);
  const refusals = records.of('Refusal').map(({ value }) => value.site);
  const decided = new Set([...approvals.map(({ value }) => value.site), ...refusals]);
  const rounds = roundStates(records).flatMap((state) => roundStatus(records, state));
  const sessions = records.of('SessionOpen').toSorted((a, b) => compare(a.value.openedAt, b.value.openedAt));
  const session = sessions.at(-1);
  const stop = records.of('StudyStop').at(-1);
  return {
    study: records.study,
    title: plan.title,
    researcher: plan.researcher,
    expires: plan.expires,
    weaknesses: [...new Set(approvals.flatMap(({ value }) => value.acceptedWeaknesses))].toSorted(),
    approvals: approvals.map(({ value, digest }) => {
      const { site, weight, approvedAt } = value;
      const withdrawn = records.of('Withdrawal').some((withdrawal) => withdrawal.value.approval === digest);
      return { site, weight, approvedAt, withdrawn };
    }),
    refusals: [...new Set(refusals)].toSorted(),
    undecided: plan.sites.roster.map(({ name }) => name).filter((name) => !decided.has(name)),
    session:
      session === undefined
        ? null
        : {
            session: session.digest,
            openedAt: session.value.openedAt,
            resumesFromRound: session.value.resumesFrom?.round ?? null,
          },
    sessions: sessions.length,
    rounds,
    results: studyResults(records),
    roundsDone: rounds.filter(({ closed }) => closed).length,
    roundsPlanned: lastRound(plan),
    refusedContributions: records.of('ContributionRefusal').map(({ value: { site, code } }) => ({ site, code })),
    siteStatements: records
      .of('SiteStatus')
      .map(({ value: { site, code, check, round } }) => ({ site, code, check, round })),
    stopped: stop === undefined ? null : { code: stop.value.code, detail: stop.value.detail },
    complete: finalReceipt(records) !== null,
    consents: records.of('ReleaseConsent').map(({ value: { site, recipient } }) => ({ site, recipient })),
    releases: records.of('ModelRelease').map(({ value: { site, recipient, model } }) => ({ site, recipient, model })),
  };
}

/** Of each site the approval that it gave last, by name. */
function newestApprovals(records: StudyRecords): readonly Verified<'Approval'>[] {
  const newest = new Map<string, Verified<'Approval'>>();
  const instant = (approval: Approval | undefined): string => approval?.approvedAt ?? '';
  for (const approval of records.of('Approval')) {
    if (instant(newest.get(approval.value.site)?.value) <= approval.value.approvedAt)
      newest.set(approval.value.site, approval);
  }
  return [...newest.values()].toSorted((a, b) => compare(a.value.site, b.value.site));
}

/** The closed receipt, or else the newest that waits for cosignatures. */
function roundStatus(records: StudyRecords, { round, closed, receipts }: RoundState): readonly RoundStatus[] {
  const receipt = closed ?? receipts.at(-1);
  if (receipt === undefined) return [];
  const { task, attempt, contributors, absentees, closedAt } = receipt.value;
  return [
    {
      round,
      task,
      attempt,
      receipt: receipt.digest,
      contributors: contributors.map(({ site, weight }) => ({ site, weight })),
      absentees: absentees.map(({ site, code }) => ({ site, code })),
      cosignedBy: cosigners(records, receipt.digest),
      closed: closed !== null,
      closedAt,
    },
  ];
}

export function statusText(status: StudyStatus, records: StudyRecords): string {
  const needed = cosignatureQuorum(records);
  const lines = [
    `${status.title} (study ${status.study.slice(0, 12)})`,
    `  state       ${stateOf(status)}`,
    `  approved    ${listOf(status.approvals.map(({ site, withdrawn }) => (withdrawn ? `${site} (withdrawn)` : site)))}`,
    `  refused     ${listOf(status.refusals)}`,
    `  undecided   ${listOf(status.undecided)}`,
    `  weaknesses  ${listOf(status.weaknesses)}`,
    ...status.rounds.map((round) => `  ${roundLine(round, status.roundsPlanned, needed)}`),
    ...status.results.flatMap((result) => resultLines(result).map((line) => `  ${line}`)),
    ...status.refusedContributions.map(({ site, code }) => `  the enclave refused a contribution of ${site} [${code}]`),
    ...status.siteStatements.map(
      ({ site, code, check }) => `  ${site} says: ${code}${check === null ? '' : ` [${check}]`}`,
    ),
  ];
  if (status.releases.length > 0)
    lines.push('  the model is released: wardround study model ' + status.study.slice(0, 12) + ' --out DIR');
  return lines.join('\n');
}

export function roundLine(round: RoundStatus, planned: number, needed: number): string {
  const patients = round.contributors.reduce((sum, { weight }) => sum + weight, 0);
  const absent = round.absentees.map(({ site, code }) => `${site}: ${code}`);
  const cosigned = round.closed
    ? `cosigned by ${round.cosignedBy.length}`
    : `waits for cosignatures (${round.cosignedBy.length} of ${needed})`;
  const missing = absent.length === 0 ? '' : `; absent ${absent.join(', ')}`;
  const what = releasesResult(round.task) ? ` (${round.task})` : '';
  return `round ${round.round} of ${planned}${what}: ${round.contributors.length} sites, weight ${patients}, ${cosigned}${missing}`;
}

function stateOf(status: StudyStatus): string {
  if (status.stopped !== null && !status.complete) return `stopped: ${status.stopped.detail} [${status.stopped.code}]`;
  if (status.complete)
    return status.releases.length > 0 ? 'complete, model released' : 'complete, waiting for consent to the release';
  if (status.session === null) return 'waiting for approvals';
  return `running, ${status.roundsDone} of ${status.roundsPlanned} rounds closed`;
}

const listOf = (names: readonly string[]): string => (names.length === 0 ? '–' : names.join(', '));
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
