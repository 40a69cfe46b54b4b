// After the last round: what the federation was worth to this site (kept here), and the model's release where enough people agreed.
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { WardroundError } from '@wardround/protocol/errors';
import { encodeSafetensors } from '@wardround/protocol/safetensors';
import { lastRound, releasesResult, stageOf } from '@wardround/protocol/schedule';
import { type Chain, type ClosedRound, newestRound } from '../../gate/chain.ts';
import { consentsTo, SealedRelease } from '../../gate/sealed-release.ts';
import { keptState } from '../kept-state.ts';
import type { Evaluation, EvaluationRequest } from '../learner.ts';
import type { Study } from '../study.ts';
import { isHeld } from './receive-model.ts';

/** Sites that agreed take turns: the first at once, the others when nobody did after so long. */
const turnMs = 60_000;

/** The last round, closed and received; undefined before. */
export function finalRound(study: Study): ClosedRound | undefined {
  const newest = newestRound(study.chain());
  return newest?.round === lastRound(study.plan) && newest.closed && isHeld(study, newest) ? newest : undefined;
}

/** Rounds that closed with something of this site in them; `counts` says which are asked for. */
export function roundsContributed(
  { site, chain }: { readonly site: string; readonly chain: Chain },
  counts: (round: number) => boolean = () => true,
): number {
  const isIn = ({ receipts }: ClosedRound): boolean =>
    receipts.some(({ value }) => value.contributors.some((contributor) => contributor.site === site));
  return chain.filter((closed) => counts(closed.round) && isIn(closed)).length;
}

/** The results first, then the word that the study is complete here: a kill between the two must not lose either. */
export async function finish(study: Study): Promise<void> {
  const final = finalRound(study);
  if (final === undefined) return;
  if ((await study.ports.files.readResults(study.digest)) === null) await writeResults(study, final);
  await study.say('study-complete', null, { session: null, round: null, attempt: null });
}

async function writeResults(study: Study, final: ClosedRound): Promise<void> {
  const { plan, site, ports } = study;
  const bytes = await ports.files.readCheckpoint(study.digest, final.round);
  if (bytes === null) throw new WardroundError('checkpoint-lost', 'the final model is not on disk', { action: 'stop' });
  const data = await study.data();
  const { encoded } = data;
  const kept = await keptState(study, final.round + 1);
  await ports.files.writeResults(study.digest, {
    study: study.digest,
    receipt: final.receipts[0]?.digest ?? '',
    model: final.model,
    rounds: plan.rounds,
    patients: encoded.train.rows + encoded.test.rows,
    testPatients: encoded.test.rows,
    provenance: encoded.provenance,
    ...(await evaluation(study, { plan, site, data, kept, final: bytes })),
    roundsContributed: roundsContributed({ site, chain: study.chain() }, (round) => trains(study, round)),
    backend: await ports.learner.describe(),
  });
  ports.log({ level: 'info', event: 'study-complete', study: study.digest });
}

const nothing = { localAccuracy: null, federatedAccuracy: null, localAuroc: null, federatedAuroc: null, metrics: [] };

/** A site whose own rows train no model alone has its study completed all the same. */
async function evaluation({ ports, digest }: Study, request: EvaluationRequest): Promise<Evaluation> {
  try {
    return await ports.learner.evaluate(request);
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    ports.log({ level: 'warn', event: 'comparison-failed', study: digest, code: error.code });
    return nothing;
  }
}

/** Statistics and evaluations are rounds as well, but train nothing. */
function trains({ plan }: Study, round: number): boolean {
  return !releasesResult(stageOf(plan, round).task);
}

export async function releaseModel(study: Study): Promise<void> {
  const final = finalRound(study);
  if (final === undefined) return;
  for (const { signing } of study.plan.release.to) {
    if (isOurTurn(study, final, signing)) await release(study, final, signing);
  }
}

function isOurTurn(study: Study, final: ClosedRound, recipient: string): boolean {
  const released = study.records
    .of('ModelRelease')
    .some(({ value }) => value.recipient === recipient && value.model === final.model);
  const consents = consentsTo({ records: study.records, final, recipient });
  if (released || consents.length < study.plan.release.whenSitesAgree) return false;
  const turn = consents.findIndex(({ value }) => value.site === study.site);
  if (turn < 0) return false;
  const last = Math.max(...consents.map(({ value }) => Date.parse(value.consentedAt)));
  return study.ports.now().getTime() >= last + turn * turnMs;
}

async function release(study: Study, final: ClosedRound, recipient: string): Promise<void> {
  const { ports, records, site, digest } = study;
  const bytes = await ports.files.readCheckpoint(digest, final.round);
  if (bytes === null) return;
  const { model } = decodeCheckpoint(bytes);
  const [receipt] = consentsTo({ records, final, recipient });
  const metadata = { study: digest, model: final.model, receipt: receipt?.value.receipt ?? '' };
  const sealed = await SealedRelease.seal({ records, site, final, recipient }, encodeSafetensors(model, metadata));
  const ciphertext = await ports.outlet.upload(sealed);
  await study.state(await sealed.document({ ciphertext, agent: ports.keys.agent, now: ports.now() }));
  ports.log({ level: 'info', event: 'model-released', study: digest });
}
