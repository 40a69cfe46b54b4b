// All sites' metrics from their sums: values exact but where scores are binned, intervals by the bootstrap. + − × ÷ √ only, so that the state
// that they become part of is the same on every machine.
//
// Intervals are 95 % percentiles. What is a function of ranks or of bins (accuracy, AUROC, AUPRC, Brier, calibration) is bootstrapped from
// the pooled table of binned scores, and the interval is moved by what the exact value differs from the binned one. Where a table does not
// do (log loss, RMSE, C-index) every site resamples its own rows, 500 times, and the k-th replicates add up over the sites: a bootstrap
// stratified by site. All of them hold the model fixed: they speak of other patients, not of another training.
import { cIndex } from '../cox/concordance.ts';
import type { Metric } from '../metrics.ts';
import { type TableMeasure, replicatesFor, tableIntervals } from '../metrics/bootstrap-table.ts';
import { type Interval, ResamplingRandom, percentileInterval } from '../metrics/resampling.ts';
import {
  type ScoreTable,
  accuracyOf,
  aurocOf,
  averagePrecisionOf,
  brierOf,
  calibrationBins,
  calibrationErrorOf,
  totals,
} from '../metrics/score-table.ts';
import type { Integers } from '../rounds/round-task.ts';
import {
  type EvaluationLayout,
  type EvaluationPlan,
  type EvaluationTensorName,
  labelRange,
  realsOf,
  replicates,
} from './layout.ts';
import { binnedTable } from './score-bins.ts';

export interface PooledValue {
  readonly value: number;
  readonly interval: Interval | null;
}

export interface PooledSums {
  readonly plan: EvaluationPlan;
  readonly layout: EvaluationLayout;
  readonly sums: Integers;
  readonly trainingRound: number;
}

/** Each metric of the plan, in its order; null where it is not defined for these rows. */
export function pooledMetrics(pooled: PooledSums): readonly (PooledValue | null)[] {
  const { metrics } = pooled.plan.evaluation;
  switch (pooled.plan.cohort.label.type) {
    case 'binary':
      return ofProbabilities(pooled, metrics);
    case 'number':
      return metrics.map((metric) => ofErrors(pooled, metric));
    case 'survival':
      return metrics.map(() => ofPairs(pooled));
  }
}

function read({ layout, sums }: PooledSums, name: EvaluationTensorName): Float64Array {
  return realsOf(layout, sums, name);
}

const binned: Readonly<Partial<Record<Metric, TableMeasure>>> = {
  accuracy: accuracyOf,
  auroc: aurocOf,
  auprc: averagePrecisionOf,
  brier: brierOf,
  calibration: calibrationErrorOf,
};

function ofProbabilities(pooled: PooledSums, metrics: readonly Metric[]): readonly (PooledValue | null)[] {
  const [rows = 0] = read(pooled, 'rows');
  const table = binnedTable(read(pooled, 'scores'));
  const measures = metrics.map((metric): TableMeasure => binned[metric] ?? (() => null));
  const random = new ResamplingRandom(['pooled', pooled.trainingRound, rows]);
  // A site may state one row and fill the table: what is drawn from decides how often.
  const { negatives, positives } = totals(table);
  const replicates = replicatesFor(Math.max(rows, negatives + positives));
  const intervals = tableIntervals({ table, random, replicates }, measures);
  return metrics.map((metric, i) => {
    if (rows === 0) return null;
    if (metric === 'loss') return meanOf(pooled, 'loss', 1);
    const inBins = measures[i]?.(table) ?? null;
    const value = exactValue(pooled, metric, table);
    const interval = intervals[i] ?? null;
    if (value === null || inBins === null) return null;
    return { value, interval: interval === null ? null : moved(interval, value - inBins) };
  });
}

function exactValue(pooled: PooledSums, metric: Metric, table: ScoreTable): number | null {
  const [rows = 0, positives = 0] = read(pooled, 'rows');
  switch (metric) {
    case 'accuracy': {
      const [truePositives = 0, falsePositives = 0] = read(pooled, 'calledPositive');
      return (truePositives + (rows - positives - falsePositives)) / rows;
    }
    case 'brier':
      return (read(pooled, 'brier')[0] ?? 0) / rows;
    case 'calibration': {
      const counts = read(pooled, 'calibration.rows');
      const scores = read(pooled, 'calibration.scores');
      let gaps = 0;
      for (let bin = 0; bin < calibrationBins; bin += 1)
        gaps += Math.abs((scores[bin] ?? 0) - (counts[2 * bin + 1] ?? 0));
      return gaps / rows;
    }
    case 'auroc':
      return aurocOf(table);
    case 'auprc':
      return averagePrecisionOf(table);
    default:
      return null;
  }
}

function moved({ low, high }: Interval, by: number): Interval {
  const within = (value: number): number => Math.min(1, Math.max(0, value));
  return { low: within(low + by), high: within(high + by) };
}

/** A mean over rows with the interval of its replicates, in units of `unit`. */
function meanOf(pooled: PooledSums, name: 'loss' | 'squares', unit: number): PooledValue | null {
  const [rows = 0] = read(pooled, 'rows');
  if (rows === 0) return null;
  const value = ((read(pooled, name)[0] ?? 0) / rows) * unit;
  const drawn = Array.from(read(pooled, `${name}.replicates`), (sum) => (sum / rows) * unit);
  return { value, interval: percentileInterval(drawn) };
}

function ofErrors(pooled: PooledSums, metric: Metric): PooledValue | null {
  const range = labelRange(pooled.plan);
  const squares = meanOf(pooled, 'squares', range * range);
  if (metric !== 'rmse' || squares === null) return squares;
  const { value, interval } = squares;
  return {
    value: Math.sqrt(value),
    interval: interval === null ? null : { low: Math.sqrt(interval.low), high: Math.sqrt(interval.high) },
  };
}

/** Pairs within sites only: nobody's times are compared across a border. */
function ofPairs(pooled: PooledSums): PooledValue | null {
  const indexOf = (values: Float64Array, at: number): number | null =>
    cIndex({ concordant: values[at] ?? 0, discordant: values[at + 1] ?? 0, tied: values[at + 2] ?? 0 });
  const value = indexOf(read(pooled, 'pairs'), 0);
  if (value === null) return null;
  const again = read(pooled, 'pairs.replicates');
  const drawn = Array.from({ length: replicates }, (_, i) => indexOf(again, 3 * i)).filter((one) => one !== null);
  return { value, interval: percentileInterval(drawn) };
}
