// A study as it goes on: a line for each thing that happens, from verified records, until its last round is closed or it stops.
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { releasesResult } from '@wardround/protocol/schedule';
import { StudyRecords } from '@wardround/protocol/study-records';
import type { RelayConnection } from '@wardround/relay/connect';
import { cosignatureQuorum } from './rounds.ts';
import { resultLines } from './result-text.ts';
import { roundLine, studyStatus, type StudyStatus } from './status.ts';

export interface WatchOptions {
  readonly link: RelayConnection;
  readonly plan: { readonly plan: Verified<'StudyPlan'>; readonly federation: FederationView };
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Resolves when nothing more will happen. */
export async function watchStudy({ link, plan, onLine, signal }: WatchOptions): Promise<StudyRecords> {
  const records = new StudyRecords(plan);
  const end = new AbortController();
  const ending = signal === undefined ? end.signal : AbortSignal.any([end.signal, signal]);
  const said = new Set<string>();
  for await (const { jws } of link.board.follow(records.study, { after: 0, signal: ending })) {
    await addOrPassOver(records, jws);
    const status = studyStatus(records);
    for (const line of linesOf(status, cosignatureQuorum(records))) {
      if (!said.has(line)) onLine(line);
      said.add(line);
    }
    if (isOver(status)) end.abort();
  }
  return records;
}

/** Complete, and what its last round released is there too. */
function isOver({ complete, stopped, rounds, results }: StudyStatus): boolean {
  if (stopped !== null) return true;
  const last = rounds.at(-1);
  const releases = last !== undefined && releasesResult(last.task);
  return complete && (!releases || results.some(({ round }) => round === last.round));
}

/** On an untrusted board a record that does not verify means nothing. */
async function addOrPassOver(records: StudyRecords, jws: string): Promise<void> {
  await records.add(jws).catch((error: unknown) => {
    if (!(error instanceof WardroundError)) throw error;
  });
}

/** Everything that has happened, in words; the caller says each line once. */
export function linesOf(status: StudyStatus, needed: number): readonly string[] {
  return [
    ...status.approvals.map(({ site, weight, withdrawn }) =>
      withdrawn ? `${site} withdrew its approval` : `${site} approved, with weight ${weight}`,
    ),
    ...status.refusals.map((site) => `${site} refused`),
    ...(status.session === null
      ? []
      : [
          `the enclave opened session ${status.session.session.slice(0, 12)}${status.session.resumesFromRound === null ? '' : `, resuming after round ${status.session.resumesFromRound}`}`,
        ]),
    ...status.siteStatements.map(
      ({ site, code, check, round }) =>
        `${site} says: ${code}${check === null ? '' : ` [${check}]`}${round === null ? '' : ` in round ${round}`}`,
    ),
    ...status.refusedContributions.map(({ site, code }) => `the enclave refused a contribution of ${site} [${code}]`),
    ...status.rounds
      .filter(({ closed }) => closed)
      .map((round) =>
        roundLine({ ...round, cosignedBy: round.cosignedBy.slice(0, needed) }, status.roundsPlanned, needed),
      ),
    ...status.results.flatMap(resultLines),
    ...status.consents.map(({ site }) => `${site} consented to the release`),
    ...status.releases.map(({ site }) => `${site} released the model`),
    ...(status.stopped === null ? [] : [`the study stopped: ${status.stopped.detail} [${status.stopped.code}]`]),
  ];
}
