// A site's own results, for that site alone: every metric of the plan on its own rows, with bootstrap intervals. Nothing here is contributed.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cIndex } from '../cox/concordance.ts';
import { type Answers, type LabelType, type Metric, evaluate, tableMeasures } from '../metrics.ts';
import { replicatesFor, tableIntervals } from './bootstrap-table.ts';
import { type Interval, ResamplingRandom, percentileInterval } from './resampling.ts';
import { resampledPairs, resampledSums } from './row-bootstrap.ts';
import { tableOf } from './score-table.ts';

export interface OwnResult {
  readonly metric: Metric;
  /** Null where it is not defined for these rows. */
  readonly value: number | null;
  /** 95 %, percentiles of 1000 bootstrap replicates (fewer beyond 20,000 rows; 200 for the C-index beyond 2,000). */
  readonly interval: Interval | null;
}

export interface OwnAnswers extends Answers {
  readonly plan: Pick<StudyPlan, 'cohort' | 'evaluation'>;
  readonly site: string;
}

/**
 * Every metric of the plan, in its order. The same rows and site give the same intervals: two models on the same rows are resampled alike.
 *
 * @throws WardroundError `metric-unsupported`, `metric-data`
 */
export function ownResults({ plan, site, ...answers }: OwnAnswers): readonly OwnResult[] {
  const { metrics } = plan.evaluation;
  const label = plan.cohort.label.type;
  const values = evaluate(metrics, label, answers);
  const intervals = answers.labels.length === 0 ? [] : intervalsOf({ metrics, label, answers, site });
  return metrics.map((metric, i) => {
    const value = values[metric] ?? null;
    return { metric, value, interval: value === null ? null : (intervals[i] ?? null) };
  });
}

interface IntervalJob {
  readonly metrics: readonly Metric[];
  readonly label: LabelType;
  readonly answers: Answers;
  readonly site: string;
}

function intervalsOf({ metrics, label, answers, site }: IntervalJob): readonly (Interval | null)[] {
  const rows = answers.labels.length;
  const random = new ResamplingRandom(['own', site, rows]);
  switch (label) {
    case 'binary': {
      const table = tableOf(answers.predictions, answers.labels);
      const measures = metrics.map((metric) => (isTableMetric(metric) ? tableMeasures[metric] : () => null));
      return tableIntervals({ table, random, replicates: replicatesFor(rows) }, measures);
    }
    case 'number': {
      const squares = answers.predictions.map((value, i) => (value - (answers.labels[i] ?? 0)) ** 2);
      const sums = resampledSums({ random, replicates: replicatesFor(rows), of: squares });
      const mean = percentileInterval(Array.from(sums, (sum) => sum / rows));
      return metrics.map((metric) => (metric === 'rmse' ? rootOf(mean) : mean));
    }
    case 'survival': {
      const replicates = rows > 2000 ? 200 : 1000;
      const pairs = resampledPairs({ random, replicates, of: answers });
      const interval = percentileInterval(pairs.map(cIndex).filter((value) => value !== null));
      return metrics.map(() => interval);
    }
  }
}

function isTableMetric(metric: Metric): metric is keyof typeof tableMeasures {
  return Object.hasOwn(tableMeasures, metric);
}

function rootOf(interval: Interval | null): Interval | null {
  return interval === null ? null : { low: Math.sqrt(interval.low), high: Math.sqrt(interval.high) };
}
