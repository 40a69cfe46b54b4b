// The few rows that one step sees, as tensors: what the backend holds of a site's data is a batch, never the cohort.
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Features } from '../rounds/site-rows.ts';
import type { Tf } from './backend.ts';
import type { BatchOutcomes } from './cox-loss.ts';

const largestByte = 255;

/** [rows of the batch, inputs] */
export function inputsOf(
  tf: Tf,
  { features, rows }: { features: Features; rows: number },
  batch: Uint32Array,
): Tensor2D {
  const inputs = features.length / rows;
  const values = new Float32Array(batch.length * inputs);
  batch.forEach((row, i) => values.set(features.subarray(row * inputs, (row + 1) * inputs), i * inputs));
  return tf.tensor2d(asSeen(values, features), [batch.length, inputs]);
}

/** [rows of the batch] */
export function labelsOf(tf: Tf, { labels }: { labels: Float32Array | Float64Array }, batch: Uint32Array): Tensor1D {
  return tf.tensor1d(Float32Array.from(batch, (row) => labels[row] ?? Number.NaN));
}

/** Times and events of the batch: Cox's loss makes risk sets of them, on this side of the backend. */
export function outcomesOf(
  { labels, events }: { labels: Float32Array | Float64Array; events?: Float64Array },
  batch: Uint32Array,
): BatchOutcomes {
  return {
    times: Float64Array.from(batch, (row) => labels[row] ?? Number.NaN),
    events: Float64Array.from(batch, (row) => events?.[row] ?? Number.NaN),
  };
}

function asSeen(values: Float32Array, source: Features): Float32Array {
  return source instanceof Uint8Array ? values.map((value) => value / largestByte) : values;
}
