// What every round after the statistics works with: the plan with its numbers filled in, and rows standardised as it says.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { SiteRows } from '../rounds/site-rows.ts';
import { withClassWeights } from './class-weights.ts';
import { standardised } from './standardise.ts';

export interface Unprepared {
  readonly plan: StudyPlan;
  /** As the data have them. */
  readonly data: SiteRows;
  /** Of the round's base checkpoint; its section `statistics` is read. */
  readonly state: readonly Tensor[];
}

/** For training, evaluation and a site's own baseline alike. @throws as `standardised` and `withClassWeights` */
export function prepared({ plan, data, state }: Unprepared): Pick<Unprepared, 'plan' | 'data'> {
  return { plan: withClassWeights(plan, state), data: standardised(plan, state, data) };
}
