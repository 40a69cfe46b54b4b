// What is owed in a study now, from what was verified and what was done. The order of the steps is the order of the protocol.
import { WardroundError } from '@wardround/protocol/errors';
import { lastRound } from '@wardround/protocol/schedule';
import { resultDigest } from '@wardround/learning/rounds/released-result';
import { newestApproval, isWithdrawn } from '../gate/approval-check.ts';
import type { ClosedRound } from '../gate/chain.ts';
import { answerChallenges } from './steps/answer-challenges.ts';
import { contribute } from './steps/contribute.ts';
import { cosignReceipts } from './steps/cosign-receipts.ts';
import { finalRound, finish, releaseModel, roundsContributed } from './steps/finish.ts';
import { openSessions } from './steps/open-sessions.ts';
import { receiveModel } from './steps/receive-model.ts';
import type { StudyStatus } from './status-file.ts';
import type { Study } from './study.ts';

/** @param refresh takes in what people decided meanwhile @throws WardroundError `receipt-fork`, and what disk and doors throw */
export async function reconcile(study: Study, refresh: () => Promise<void>): Promise<void> {
  if (!takesPart(study)) return;
  if (stoppedBy(study) === null && !isCompleteEverywhere(study)) {
    if (isValid(study)) await openSessions(study);
    // Before this site says where it stands: what it cosigns afterwards, a session opened on its statement would not know.
    if (isValid(study)) await cosignReceipts(study);
    await answerChallenges(study);
    await receiveModel(study);
    if (isValid(study)) await contribute(study, refresh);
  }
  await finish(study);
  await releaseModel(study);
}

/** Approved and not withdrawn, and this disk is not an old copy of itself. */
function takesPart(study: Study): boolean {
  if (study.restoredDisk) {
    study.failed(stateRestored, { subject: `disk ${study.digest}`, event: 'state-restored', level: 'error' });
    return false;
  }
  const approval = newestApproval(study.records, study.site);
  return approval !== undefined && !isWithdrawn(study.records, approval);
}

const stateRestored = new WardroundError(
  'state-restored',
  'the board shows signatures of this site that its disk does not know: it was restored or cloned, and signs nothing',
  { action: 'stop' },
);

/** After its time the gate refuses everything; nobody is asked again and again. A newer approval, where the plan allows one, goes on. */
function isValid({ records, site, plan, ports }: Study): boolean {
  const now = ports.now();
  const approval = newestApproval(records, site);
  return approval !== undefined && now < new Date(approval.value.validUntil) && now < new Date(plan.expires);
}

/**
 * Here and at every site that takes part, as they say. Until then sessions are considered also after the last round: a new enclave may need
 * its checkpoint back from here, for sites that did not receive it.
 */
function isCompleteEverywhere(study: Study): boolean {
  const final = finalRound(study);
  const { records, plan } = study;
  if (final === undefined || !isReleased(study, final)) return false;
  const complete = new Set(
    records.of('SiteStatus').flatMap(({ value }) => (value.code === 'study-complete' ? [value.site] : [])),
  );
  return plan.sites.roster.every(({ name }) => {
    const approval = newestApproval(records, name);
    return complete.has(name) || approval === undefined || isWithdrawn(records, approval);
  });
}

/** The last round's result is on the board, where it has one. An enclave that died before it said so is followed by another. */
function isReleased({ records }: Study, { receipts }: ClosedRound): boolean {
  const result = receipts[0]?.value.result ?? null;
  if (result === null) return true;
  const shown = records.of('RoundResult').filter(({ value }) => value.result === result);
  return shown.some(({ value }) => resultDigest(value.values) === result);
}

/** The code of a StudyStop by a session that this site verified; anybody else's stops nothing. Remembered through restarts. */
function stoppedBy(study: Study): string | null {
  const key = `stopped ${study.digest}`;
  const remembered = study.ports.state.meta(key);
  if (remembered !== null) return remembered;
  const stop = study.records.of('StudyStop').find(({ value }) => study.sessions.has(value.session));
  if (stop === undefined) return null;
  study.ports.state.setMeta(key, stop.value.code);
  study.ports.log({ level: 'warn', event: 'study-stopped', study: study.digest, code: stop.value.code });
  return stop.value.code;
}

/** For the people of this site. */
export function studyStatus(study: Study): StudyStatus {
  const { title, researcher } = study.plan;
  const session = [...study.sessions.values()].at(-1);
  return {
    study: study.digest,
    title,
    researcher,
    state: stateOf(study),
    rounds: lastRound(study.plan),
    round: study.chain().at(-1)?.round ?? 0,
    roundsContributed: roundsContributed({ site: study.site, chain: study.chain() }),
    session: session?.open.digest ?? null,
    simulated: session?.enclave.simulated ?? null,
    check: study.check,
  };
}

function stateOf(study: Study): StudyStatus['state'] {
  const approval = newestApproval(study.records, study.site);
  if (finalRound(study) !== undefined) return 'complete';
  if (stoppedBy(study) !== null) return 'stopped';
  if (approval !== undefined) {
    if (isWithdrawn(study.records, approval)) return 'withdrawn';
    if (!isValid(study)) return 'expired';
    return study.sessions.size > 0 ? 'running' : 'awaiting-session';
  }
  return study.records.of('Refusal').some(({ value }) => value.site === study.site) ? 'refused' : 'awaiting-decision';
}
