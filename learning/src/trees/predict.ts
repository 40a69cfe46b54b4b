// A forest's answers for rows, without tfjs: probabilities for a binary label, numbers otherwise.
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Rows } from '../rounds/site-rows.ts';
import { logistic } from './exact-logistic.ts';
import { type TreesPlan, readForest } from './shape.ts';
import { SumsOfRows, valuesOf } from './sums-of-rows.ts';

export interface TreesPrediction {
  readonly plan: Pick<TreesPlan, 'cohort' | 'model'>;
  readonly model: readonly Tensor[];
  /** Row-major, rows × the cohort's input columns, not standardised. */
  readonly features: Rows['features'];
}

/** One answer a row. @throws WardroundError `prediction-data`, `tensors-mismatch`, `model-unsupported`, `trees-*` */
export function predictTrees({ plan, model, features }: TreesPrediction): Float64Array<ArrayBuffer> {
  const columns = inputCount(plan.cohort);
  if (features.length % columns !== 0) {
    throw new WardroundError('prediction-data', 'the data do not fit the model', {
      expected: `${columns} features a row`,
    });
  }
  const forest = readForest(plan, model);
  const sums = new SumsOfRows(valuesOf(features), columns).after(forest, forest.trees);
  return Float64Array.from(sums, plan.cohort.label.type === 'binary' ? logistic : (sum) => sum);
}
