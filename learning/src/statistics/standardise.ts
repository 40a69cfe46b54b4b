// From the rows as the data have them to what a model trains on and is asked about: by the site's own training rows, by all sites', or not.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Rows, SiteRows } from '../rounds/site-rows.ts';
import { ExactSum } from './exact-sum.ts';
import { readStatistics } from './state.ts';

/** What is subtracted from each input column, and what divides it. */
interface Scales {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

/** Added to a standard deviation before dividing, as FLamby's Fed-Heart-Disease does, so that published runs can be followed. */
const standardDeviationGuard = 1e-9;

/**
 * Training and test rows standardised as the plan says, from rows as the data have them. One-hot columns are standardised like any other; a
 * constant column is only centred. `federated`: a column whose moments are suppressed (a code of too few patients) is left as it is. Trees
 * split where the numbers are: for them nothing is standardised. Pictures that are standardised one by one (`perImage`) stay bytes here: it
 * is done to the few that a batch holds (tfjs/rows.ts).
 *
 * @param state of the round's base checkpoint
 * @throws WardroundError `statistics-missing` (`federated`, before its round), `statistics-data`, `tensors-mismatch`
 */
export function standardised(plan: StudyPlan, state: readonly Tensor[], data: SiteRows): SiteRows {
  const { standardise } = plan.cohort;
  if (plan.model.kind === 'gradientBoostedTrees' || standardise === 'none' || standardise === 'perImage') return data;
  const columns = inputCount(plan.cohort);
  if (
    data.train.features.length !== data.train.rows * columns ||
    data.test.features.length !== data.test.rows * columns
  )
    throw new WardroundError('statistics-data', 'the data do not fit the plan', { action: 'stop' });
  const scales = standardise === 'federated' ? pooledScales(plan, state, columns) : ownScales(data.train, columns);
  return { ...data, train: scaled(data.train, scales), test: scaled(data.test, scales) };
}

/** Of the input columns: the moments of a label that is a number stand behind them. */
function pooledScales(plan: StudyPlan, state: readonly Tensor[], columns: number): Scales {
  const { mean, deviation, momentsShown } = readStatistics(plan, state);
  const isShown = (column: number): boolean => momentsShown[column] === 1;
  return {
    mean: mean.slice(0, columns).map((value, i) => (isShown(i) ? value : 0)),
    scale: deviation
      .slice(0, columns)
      .map((value, i) => (isShown(i) && value > 0 ? value + standardDeviationGuard : 1)),
  };
}

/** Mean and sample standard deviation (ddof 1) of each column. */
function ownScales({ rows, features }: Rows, columns: number): Scales {
  const size = unitOf(features);
  const mean = new Float64Array(columns);
  const scale = new Float64Array(columns).fill(1);
  for (let column = 0; column < columns; column += 1) {
    const value = (row: number): number => (features[row * columns + column] ?? 0) * size;
    const first = value(0);
    const sum = new ExactSum();
    let isConstant = true;
    for (let row = 0; row < rows; row += 1) {
      sum.add(value(row));
      // Compared exactly: the rounded standard deviation of equal values need not be 0, and dividing by such a one would explode.
      if (value(row) !== first) isConstant = false;
    }
    const average = sum.value / rows;
    mean[column] = isConstant ? first : average;
    if (isConstant) continue;
    const squares = new ExactSum();
    for (let row = 0; row < rows; row += 1) squares.add((value(row) - average) * (value(row) - average));
    scale[column] = Math.sqrt(squares.value / (rows - 1)) + standardDeviationGuard;
  }
  return { mean, scale };
}

function scaled(rows: Rows, { mean, scale }: Scales): Rows {
  const { features } = rows;
  const columns = mean.length;
  const size = unitOf(features);
  const standard = (value: number, i: number): number =>
    (value * size - (mean[i % columns] ?? 0)) / (scale[i % columns] ?? 1);
  // Images come as bytes and are many: what they become need not be more precise than the training.
  const values =
    features instanceof Float64Array ? new Float64Array(features.length) : new Float32Array(features.length);
  for (let i = 0; i < features.length; i += 1) values[i] = standard(features[i] ?? 0, i);
  return { ...rows, features: values };
}

/** A byte of an image is 0 to 1. */
function unitOf(features: Rows['features']): number {
  return features instanceof Uint8Array ? 1 / 255 : 1;
}
