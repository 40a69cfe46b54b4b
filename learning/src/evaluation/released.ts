// All sites' metrics for people and for the study's record: values with their intervals, small cells left out, as strict JSON.
import type { JsonValue } from '@wardround/protocol/json-scanner';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Metric } from '../metrics.ts';
import { calibrationBins } from '../metrics/score-table.ts';
import { released } from '../released-number.ts';
import { suppressed } from '../statistics/suppression.ts';
import type { EvaluationPlan } from './layout.ts';
import { type EvaluationState, readEvaluation } from './state.ts';

const notes = {
  rows: 'test rows of all contributors',
  suppressed: 'null: not defined for these rows, or a cell of fewer than suppressedBelow rows',
  interval: '95 %: percentiles of a bootstrap of test rows, the model held fixed',
} as const;

const noteOfMetric: Readonly<Partial<Record<Metric, string>>> = {
  auroc: 'of scores in bins, all sites together; resolution: the most by which the rows’ own order could differ',
  auprc: 'average precision of scores in bins, all sites together; resolution: as for auroc',
  calibration: 'expected calibration error over ten bins of equal width',
  cIndex: 'Harrell’s C over the pairs within each site',
  loss: 'mean log loss in nats, or mean squared error of a number',
};

/**
 * Counts as integers, real numbers as decimal strings of 10 digits, `null` where a value is suppressed or not defined.
 *
 * @throws WardroundError `evaluation-missing`, `tensors-mismatch`
 */
export function releasedEvaluation(plan: EvaluationPlan, state: readonly Tensor[]): JsonValue {
  const values = readEvaluation(plan, state);
  return {
    kind: 'evaluation',
    trainingRound: values.trainingRound[0] ?? 0,
    suppressedBelow: plan.evaluation.minimumCell,
    notes,
    rows: count(values.rows[0]),
    events: plan.cohort.label.type === 'number' ? null : count(values.events[0]),
    metrics: plan.evaluation.metrics.map((metric, i) => metricOf(metric, i, values)),
    ...(values.confusion.length === 0 ? {} : { confusion: confusion(values) }),
    ...(values.calibration.length === 0 ? {} : { calibration: calibration(values) }),
  };
}

function metricOf(metric: Metric, i: number, values: EvaluationState): JsonValue {
  const isShown = values.shown[i] === 1;
  const hasInterval = values.intervalShown[i] === 1;
  const resolution = metric === 'auroc' ? values.resolution[0] : metric === 'auprc' ? values.resolution[1] : undefined;
  const note = noteOfMetric[metric];
  return {
    metric,
    value: isShown ? released(values.values[i] ?? 0) : null,
    interval: hasInterval ? { low: released(values.low[i] ?? 0), high: released(values.high[i] ?? 0) } : null,
    ...(resolution === undefined || !isShown ? {} : { resolution: released(resolution) }),
    ...(note === undefined ? {} : { note }),
  };
}

function confusion({ confusion: cells }: EvaluationState): JsonValue {
  return {
    truePositives: count(cells[0]),
    falsePositives: count(cells[1]),
    trueNegatives: count(cells[2]),
    falseNegatives: count(cells[3]),
  };
}

function calibration({ calibration: cells }: EvaluationState): JsonValue {
  return Array.from({ length: calibrationBins }, (_, bin) => {
    const rows = count(cells[3 * bin]);
    return {
      fromTenths: bin,
      rows,
      positives: count(cells[3 * bin + 1]),
      meanProbability: rows === null || rows === 0 ? null : released(cells[3 * bin + 2] ?? 0),
    };
  });
}

function count(cell: number | undefined): number | null {
  return cell === undefined || cell === suppressed ? null : cell;
}
