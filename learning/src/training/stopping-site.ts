// Early stopping at a site: its loss goes with its update, and once the study has stopped it sends zeros without training.
import { elementsOf } from '@wardround/protocol/payload';
import type { LocalContribution, StageRequest } from '../rounds/local-work.ts';
import { taskOfStage } from '../rounds/round-task.ts';
import { hasStopped, quantisedLoss, stopsEarly } from './early-stopping.ts';

type Training = (request: StageRequest<'update'>) => Promise<LocalContribution>;

/** What the training contributes, in the layout of `withEarlyStopping`. @throws those of the training, `tensors-mismatch` */
export async function stoppingEarly(request: StageRequest<'update'>, train: Training): Promise<LocalContribution> {
  const { plan, base, kept, stage } = request;
  if (!stopsEarly(plan)) return await train(request);
  if (hasStopped(plan, base.state)) {
    const { tensors } = taskOfStage(plan, stage);
    const integers = tensors.map((header) =>
      header.ring === 'int32' ? new Int32Array(elementsOf(header)) : new BigInt64Array(elementsOf(header)),
    );
    return { integers, kept, loss: null };
  }
  const trained = await train(request);
  return { ...trained, integers: [...trained.integers, quantisedLoss(plan, trained.loss ?? Number.NaN)] };
}
