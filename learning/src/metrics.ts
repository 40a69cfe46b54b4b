// How good a model's answers are, by the plan's metrics. Computed from answers and labels of one site, for that site.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { Task } from './model-shape.ts';

export type Metric = StudyPlan['evaluation']['metrics'][number];

/** Probabilities (binary) or numbers, and the labels that belong to them. */
export interface Answers {
  readonly predictions: Float64Array;
  readonly labels: Float64Array;
}

type Measure = (answers: Answers) => number | null;

/** Confidence below which the log loss does not look, so that one sure mistake is not infinite. */
const leastProbability = 1e-7;
const calibrationBins = 10;

const measures: Readonly<Record<Task, Readonly<Partial<Record<Metric, Measure>>>>> = {
  binary: {
    accuracy,
    auroc,
    auprc: averagePrecision,
    brier: meanSquaredError,
    calibration: expectedCalibrationError,
    loss: logLoss,
  },
  number: { rmse: rootMeanSquaredError, loss: meanSquaredError },
};

/** @throws WardroundError `metric-unsupported` for one that the task does not have */
export function requireSupportedMetrics(metrics: readonly Metric[], task: Task): void {
  for (const metric of metrics) {
    if (measures[task][metric] === undefined) {
      throw new WardroundError('metric-unsupported', 'this version cannot compute that metric for the plan’s label', {
        expected: Object.keys(measures[task]).join(', '),
        got: metric,
        where: 'evaluation.metrics',
      });
    }
  }
}

/**
 * Each metric's value; null where it is not defined (no rows; AUROC and AUPRC need both classes).
 *
 * @throws WardroundError `metric-unsupported`, `metric-data` (as many answers as labels, all finite)
 */
export function evaluate(
  metrics: readonly Metric[],
  task: Task,
  answers: Answers,
): Readonly<Partial<Record<Metric, number | null>>> {
  requireSupportedMetrics(metrics, task);
  requireAnswers(answers);
  const isEmpty = answers.labels.length === 0;
  return Object.fromEntries(
    metrics.map((metric) => [metric, isEmpty ? null : (measures[task][metric]?.(answers) ?? null)]),
  );
}

/** Share of rows where (probability > ½) is the label. */
export function accuracy({ predictions, labels }: Answers): number {
  return meanOf(predictions, (p, i) => (Number(p > 0.5) === labels[i] ? 1 : 0));
}

/**
 * Area under the ROC curve as the Mann–Whitney statistic, ties counted half: the chance that a positive is ranked above a negative.
 * Source: Hanley and McNeil, Radiology 143, 1982.
 */
export function auroc({ predictions, labels }: Answers): number | null {
  let negativesBelow = 0;
  let favourable = 0;
  let positives = 0;
  for (const tie of ascendingTies({ predictions, labels })) {
    favourable += tie.positives * (negativesBelow + tie.negatives / 2);
    negativesBelow += tie.negatives;
    positives += tie.positives;
  }
  return positives === 0 || negativesBelow === 0 ? null : favourable / (positives * negativesBelow);
}

/** Area under the precision-recall curve as average precision: Σ (Rₙ − Rₙ₋₁)·Pₙ over descending thresholds, ties together. */
export function averagePrecision(answers: Answers): number | null {
  const ties = [...ascendingTies(answers)].toReversed();
  const allPositives = ties.reduce((sum, tie) => sum + tie.positives, 0);
  if (allPositives === 0 || allPositives === answers.labels.length) return null;
  let above = 0;
  let positivesAbove = 0;
  let area = 0;
  for (const tie of ties) {
    above += tie.positives + tie.negatives;
    positivesAbove += tie.positives;
    area += (tie.positives / allPositives) * (positivesAbove / above);
  }
  return area;
}

/** Mean squared difference; of probabilities it is the Brier score (Brier 1950, halved as is usual for two classes). */
export function meanSquaredError({ predictions, labels }: Answers): number {
  return meanOf(predictions, (p, i) => (p - (labels[i] ?? 0)) ** 2);
}

export function rootMeanSquaredError(answers: Answers): number {
  return Math.sqrt(meanSquaredError(answers));
}

/** Mean negative log-likelihood of the labels, in nats. */
export function logLoss({ predictions, labels }: Answers): number {
  return meanOf(predictions, (p, i) => {
    const ofLabel = labels[i] === 1 ? p : 1 - p;
    return -Math.log(Math.min(Math.max(ofLabel, leastProbability), 1 - leastProbability));
  });
}

/**
 * Expected calibration error over ten bins of equal width: Σ share · |mean probability − share of positives|.
 * Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.
 */
export function expectedCalibrationError({ predictions, labels }: Answers): number {
  const gaps = new Float64Array(calibrationBins);
  predictions.forEach((p, i) => {
    const bin = Math.min(Math.floor(p * calibrationBins), calibrationBins - 1);
    gaps[bin] = (gaps[bin] ?? 0) + p - (labels[i] ?? 0);
  });
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / predictions.length;
}

interface Tie {
  readonly positives: number;
  readonly negatives: number;
}

/** Rows of equal prediction together, lowest prediction first. */
function* ascendingTies({ predictions, labels }: Answers): Generator<Tie> {
  const order = Array.from(predictions.keys()).toSorted((a, b) => (predictions[a] ?? 0) - (predictions[b] ?? 0));
  for (let start = 0; start < order.length;) {
    let end = start;
    let positives = 0;
    const value = predictions[order[start] ?? 0];
    while (end < order.length && predictions[order[end] ?? 0] === value) {
      if (labels[order[end] ?? 0] === 1) positives += 1;
      end += 1;
    }
    yield { positives, negatives: end - start - positives };
    start = end;
  }
}

function meanOf(values: Float64Array, term: (value: number, i: number) => number): number {
  return values.reduce((sum, value, i) => sum + term(value, i), 0) / values.length;
}

function requireAnswers({ predictions, labels }: Answers): void {
  const isFinite = (value: number): boolean => Number.isFinite(value);
  if (predictions.length !== labels.length || !predictions.every(isFinite) || !labels.every(isFinite)) {
    throw new WardroundError('metric-data', 'answers that cannot be measured', {
      expected: 'one finite answer for each label',
      got: `${predictions.length} answers, ${labels.length} labels`,
    });
  }
}
