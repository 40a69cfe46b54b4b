// The few rows that one step sees, as tensors: what the backend holds of a site's data is a batch, never the cohort.
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { Features } from '../rounds/site-rows.ts';
import { standardisePictures } from '../statistics/per-image.ts';
import type { Tf } from './backend.ts';
import type { BatchOutcomes } from './cox-loss.ts';

const largestByte = 255;

/** All rows that batches are taken from. */
export interface RowSource {
  readonly features: Features;
  readonly rows: number;
  /** Of the plan's cohort: `perImage` is done here, to the batch alone; whatever else it names is done already. */
  readonly standardise: Cohort['standardise'];
}

/** [rows of the batch, inputs] */
export function inputsOf(tf: Tf, { features, rows, standardise }: RowSource, batch: Uint32Array): Tensor2D {
  const inputs = features.length / rows;
  const values = new Float32Array(batch.length * inputs);
  batch.forEach((row, i) => values.set(features.subarray(row * inputs, (row + 1) * inputs), i * inputs));
  const unit = features instanceof Uint8Array ? largestByte : 1;
  const seen = standardise === 'perImage' ? standardisePictures(values, { size: inputs, unit }) : inUnits(values, unit);
  return tf.tensor2d(seen, [batch.length, inputs]);
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

function inUnits(values: Float32Array, unit: number): Float32Array {
  return unit === 1 ? values : values.map((value) => value / unit);
}
