// A model's answers for rows: probabilities for a binary label, numbers otherwise.
import type { Tensor } from '@wardround/protocol/safetensors';
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import { type ModelPlan, layersOf, taskOf } from '../model-shape.ts';
import type { Features } from '../rounds/site-rows.ts';
import type { Backend } from './backend.ts';
import { forward } from './forward.ts';
import { Parameters, valuesIn } from './parameters.ts';
import { inputsOf } from './rows.ts';

export interface PredictionJob {
  readonly backend: Backend;
  readonly plan: ModelPlan;
  readonly model: readonly Tensor[];
  readonly features: Features;
}

/** Values of one layer that are on the backend at once: 8 MiB of float32. */
const valuesAtOnce = 2 * 1024 * 1024;
const mostRowsAtOnce = 8192;

/** One answer a row; what the backend holds meanwhile does not grow with the rows. @throws WardroundError `prediction-data`, `tensors-mismatch`, and as `layersOf` */
export function predict({ backend, plan, model, features }: PredictionJob): Float64Array<ArrayBuffer> {
  const inputs = inputCount(plan.cohort);
  if (features.length % inputs !== 0) {
    throw new WardroundError('prediction-data', 'the data do not fit the model', {
      expected: `${inputs} features a row`,
    });
  }
  const { tf } = backend;
  const parameters = new Parameters(tf, plan, model);
  const isBinary = taskOf(plan) === 'binary';
  const rows = features.length / inputs;
  const answers = new Float64Array(rows);
  const source = { rows, features, standardise: plan.cohort.standardise };
  const rowsAtOnce = Math.max(1, Math.min(mostRowsAtOnce, Math.floor(valuesAtOnce / widestLayer(plan))));
  try {
    for (let start = 0; start < rows; start += rowsAtOnce) {
      const batch = Uint32Array.from({ length: Math.min(rowsAtOnce, rows - start) }, (_, i) => start + i);
      const values = tf.tidy(() => {
        const outputs = forward(plan.model, parameters.layers, inputsOf(tf, source, batch));
        return valuesIn(isBinary ? outputs.sigmoid() : outputs);
      });
      answers.set(values, start);
    }
  } finally {
    parameters.dispose();
  }
  return answers;
}

/** The most values that one row has anywhere between the layers, input included. */
function widestLayer(plan: ModelPlan): number {
  const image = plan.model.kind === 'cnn' ? plan.model.image : { height: 0, width: 0 };
  const outputs = layersOf(plan).map(({ kind, weight: { shape } }, i) => {
    const pixels = Math.floor(image.height / 2 ** i) * Math.floor(image.width / 2 ** i);
    return (shape.at(-1) ?? 0) * (kind === 'convolution' ? pixels : 1);
  });
  return Math.max(inputCount(plan.cohort), ...outputs);
}
