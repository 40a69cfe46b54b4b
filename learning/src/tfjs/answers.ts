// Any declared model's answers for rows, whatever computes them: probabilities, numbers, or the risks of a survival model.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Rows } from '../rounds/site-rows.ts';
import { requireFloat32 } from '../tensor-view.ts';
import { predictTrees } from '../trees/predict.ts';
import type { Backend } from './backend.ts';
import { predict } from './predict.ts';

export interface AnswersJob {
  readonly backend: Backend;
  readonly plan: Pick<StudyPlan, 'cohort' | 'model'>;
  readonly model: readonly Tensor[];
  /** Standardised as the plan says (`prepared`). */
  readonly rows: Pick<Rows, 'features'>;
}

/** One answer a row: what `evaluate`, `ownResults` and `localEvaluation` take. @throws WardroundError those of the model's `predict` */
export function answersOf({ backend, plan, model, rows: { features } }: AnswersJob): Float64Array<ArrayBuffer> {
  if (features.length === 0) return new Float64Array(0);
  switch (plan.model.kind) {
    case 'gradientBoostedTrees':
      return predictTrees({ plan, model, features: realsOf(features) });
    case 'coxProportionalHazards':
      return linearPredictor(plan, model, realsOf(features));
    default:
      return predict({ backend, plan, model, features });
  }
}

function realsOf(features: Rows['features']): Float32Array | Float64Array {
  return features instanceof Uint8Array ? Float32Array.from(features, (byte) => byte / 255) : features;
}

/** Σ weight · x of each row: higher is earlier. */
function linearPredictor(
  plan: AnswersJob['plan'],
  model: readonly Tensor[],
  features: Float32Array | Float64Array,
): Float64Array<ArrayBuffer> {
  const inputs = inputCount(plan.cohort);
  const named = model.filter(({ name }) => name === 'weight');
  const [weight] = requireFloat32(named, [{ name: 'weight', shape: [inputs, 1] }]);
  if (features.length % inputs !== 0) {
    throw new WardroundError('prediction-data', 'the data do not fit the model', {
      expected: `${inputs} features a row`,
    });
  }
  return Float64Array.from({ length: features.length / inputs }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < inputs; i += 1) sum += (weight?.data[i] ?? 0) * (features[row * inputs + i] ?? 0);
    return sum;
  });
}
