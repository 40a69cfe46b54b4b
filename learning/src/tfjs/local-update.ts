// A round of local training, at the site: from the base to a local model, and their difference as integers within the plan's bound.
import type { LocalContribution, StageRequest } from '../rounds/local-work.ts';
import { quantiseUpdate } from '../update.ts';
import { trainLocally } from './train.ts';

/** @throws WardroundError those of `trainLocally` and `quantiseUpdate` */
export async function updateLocally(request: StageRequest<'update'>): Promise<LocalContribution> {
  const { backend, plan, base, data, site, stage, kept, batches } = request;
  const { model, loss } = await trainLocally({
    backend,
    plan,
    model: base.model,
    data: data.train,
    site,
    round: stage.trainingRound,
    ...(batches === undefined ? {} : { batches }),
  });
  const { tensors } = quantiseUpdate({ base: base.model, local: model }, plan.encoding.update);
  return { integers: tensors.map((tensor) => tensor.data), kept, loss };
}
