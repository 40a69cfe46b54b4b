// How good a model's answers are, by the plan's metrics. Computed from answers and labels of one site, for that site.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { cIndex, concordance } from './cox/concordance.ts';
import {
  type ScoreTable,
  accuracyOf,
  aurocOf,
  averagePrecisionOf,
  brierOf,
  calibrationErrorOf,
  meanLogLossOf,
  tableOf,
} from './metrics/score-table.ts';

export type Metric = StudyPlan['evaluation']['metrics'][number];
export type LabelType = Cohort['label']['type'];

/** Probabilities (binary), numbers, or risks (survival: higher is earlier), and the labels that belong to them. */
export interface Answers {
  readonly predictions: Float64Array;
  /** 0 or 1, the number, or the time. */
  readonly labels: Float64Array | Float32Array;
  /** Survival: 1 where the time ends with the event. */
  readonly events?: Float64Array;
}

type Measure = (answers: Answers) => number | null;

export const tableMeasures = {
  accuracy: accuracyOf,
  auroc: aurocOf,
  auprc: averagePrecisionOf,
  brier: brierOf,
  calibration: calibrationErrorOf,
  loss: meanLogLossOf,
} as const satisfies Partial<Record<Metric, (table: ScoreTable) => number | null>>;

const ofTable =
  (measure: (table: ScoreTable) => number | null): Measure =>
  ({ predictions, labels }) =>
    measure(tableOf(predictions, labels));

const measures: Readonly<Record<LabelType, Readonly<Partial<Record<Metric, Measure>>>>> = {
  binary: {
    accuracy: ofTable(accuracyOf),
    auroc: ofTable(aurocOf),
    auprc: ofTable(averagePrecisionOf),
    brier: ofTable(brierOf),
    calibration: ofTable(calibrationErrorOf),
    loss: ofTable(meanLogLossOf),
  },
  number: { rmse: rootMeanSquaredError, loss: meanSquaredError },
  survival: { cIndex: harrellsC },
};

/** @throws WardroundError `metric-unsupported` for one that the label does not have */
export function requireSupportedMetrics(metrics: readonly Metric[], label: LabelType): void {
  for (const metric of metrics) {
    if (measures[label][metric] === undefined) {
      throw new WardroundError('metric-unsupported', 'this version cannot compute that metric for the plan’s label', {
        expected: Object.keys(measures[label]).join(', '),
        got: metric,
        where: 'evaluation.metrics',
      });
    }
  }
}

/**
 * Each metric's value; null where it is not defined (no rows; AUROC and AUPRC need both classes, the C-index a pair to compare).
 *
 * @throws WardroundError `metric-unsupported`, `metric-data` (as many answers as labels, all finite)
 */
export function evaluate(
  metrics: readonly Metric[],
  label: LabelType,
  answers: Answers,
): Readonly<Partial<Record<Metric, number | null>>> {
  requireSupportedMetrics(metrics, label);
  requireAnswers(answers);
  const isEmpty = answers.labels.length === 0;
  return Object.fromEntries(
    metrics.map((metric) => [metric, isEmpty ? null : (measures[label][metric]?.(answers) ?? null)]),
  );
}

/** As `accuracyOf`; NaN without rows. */
export function accuracy(answers: Answers): number {
  return ofTable(accuracyOf)(answers) ?? Number.NaN;
}

/** As `aurocOf`. */
export function auroc(answers: Answers): number | null {
  return ofTable(aurocOf)(answers);
}

function meanSquaredError({ predictions, labels }: Answers): number {
  return predictions.reduce((sum, value, i) => sum + (value - (labels[i] ?? 0)) ** 2, 0) / predictions.length;
}

function rootMeanSquaredError(answers: Answers): number {
  return Math.sqrt(meanSquaredError(answers));
}

function harrellsC({ predictions, labels, events }: Answers): number | null {
  return cIndex(concordance({ risks: predictions, labels, events: events ?? new Float64Array(0) }));
}

/** @throws WardroundError `metric-data` unless there is one finite answer for each label, and one event where there are any */
export function requireAnswers({ predictions, labels, events }: Answers): void {
  const isFinite = (value: number): boolean => Number.isFinite(value);
  const sizes = predictions.length === labels.length && (events?.length ?? labels.length) === labels.length;
  if (!sizes || !predictions.every(isFinite) || !labels.every(isFinite)) {
    throw new WardroundError('metric-data', 'answers that cannot be measured', {
      expected: 'one finite answer for each label',
      got: `${predictions.length} answers, ${labels.length} labels`,
    });
  }
}
