// The model that a site would have had alone: same plan, same number of steps, its own rows only. For the site's own comparison.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { initialModel } from '../initial-model.ts';
import type { Backend } from './backend.ts';
import { type TrainingRows, trainLocally } from './train.ts';

export interface BaselineJob {
  readonly backend: Backend;
  readonly plan: Pick<StudyPlan, 'cohort' | 'model' | 'initialWeights' | 'training' | 'rounds'>;
  readonly data: TrainingRows;
  readonly site: string;
}

/** `rounds` rounds of local training, each from the one before, from the plan's initial model. @throws as `trainLocally` and `initialModel` */
export async function trainLocalBaseline({ backend, plan, data, site }: BaselineJob): Promise<readonly Tensor[]> {
  const alone = { ...plan, strategy: { name: 'fedAvg' } } as const;
  let model = initialModel(plan);
  for (let round = 1; round <= plan.rounds; round += 1) {
    ({ model } = await trainLocally({ backend, plan: alone, model, data, site, round }));
  }
  return model;
}
