// A model's answers for rows: probabilities for a binary label, numbers otherwise.
import type { Tensor } from '@wardround/protocol/safetensors';
import { WardroundError } from '@wardround/protocol/errors';
import { inputColumns } from '@wardround/protocol/input-columns';
import { type ModelPlan, taskOf } from '../model-shape.ts';
import type { Backend } from './backend.ts';
import { forward } from './forward.ts';
import { Parameters, valuesIn } from './parameters.ts';

export interface PredictionJob {
  readonly backend: Backend;
  readonly plan: ModelPlan;
  readonly model: readonly Tensor[];
  /** Row-major, rows × the cohort's input columns. */
  readonly features: Float32Array | Float64Array;
}

const rowsAtOnce = 8192;

/** One answer a row. @throws WardroundError `prediction-data`, `tensors-mismatch`, `model-unsupported` */
export function predict({ backend, plan, model, features }: PredictionJob): Float64Array<ArrayBuffer> {
  const inputs = inputColumns(plan.cohort).length;
  if (features.length % inputs !== 0) {
    throw new WardroundError('prediction-data', 'the data do not fit the model', {
      expected: `${inputs} features a row`,
    });
  }
  const { tf } = backend;
  const parameters = new Parameters(tf, plan, model);
  const isBinary = taskOf(plan) === 'binary';
  const answers = new Float64Array(features.length / inputs);
  try {
    for (let start = 0; start < answers.length; start += rowsAtOnce) {
      const part = Float32Array.from(features.subarray(start * inputs, (start + rowsAtOnce) * inputs));
      const values = tf.tidy(() => {
        const outputs = forward(plan.model, parameters.layers, tf.tensor2d(part, [part.length / inputs, inputs]));
        return valuesIn(isBinary ? outputs.sigmoid() : outputs);
      });
      answers.set(values, start);
    }
  } finally {
    parameters.dispose();
  }
  return answers;
}
