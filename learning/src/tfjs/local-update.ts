// A round of local training, at the site: from the base to a local model, and what the strategy sends of it as integers within the plan's bound.
import type { LocalContribution, StageRequest } from '../rounds/local-work.ts';
import { descentOf } from '../strategies/descent.ts';
import { trainingStart, updateOf } from '../strategies/site-part.ts';
import { trainLocally } from './train.ts';

/** @throws WardroundError those of `trainLocally`, `trainingStart` and `updateOf` */
export async function updateLocally(request: StageRequest<'update'>): Promise<LocalContribution> {
  const { backend, plan, data, site, stage, batches } = request;
  const { rows } = data.train;
  const { model, steps, correction } = trainingStart(request, rows);
  const trained = await trainLocally({
    backend,
    plan: { ...plan, training: { ...descentOf(plan), steps } },
    model,
    data: data.train,
    site,
    round: stage.trainingRound,
    ...(batches === undefined ? {} : { batches }),
    ...(correction === undefined ? {} : { correction }),
  });
  return { ...updateOf({ ...request, local: trained.model, rows }), loss: trained.loss };
}
