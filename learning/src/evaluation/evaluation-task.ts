// The evaluation round on the enclave's side: sums of all sites' test rows become metrics that every site may see, small cells left out.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { Stage } from '@wardround/protocol/schedule';
import type { Metric } from '../metrics.ts';
import { calibrationBins } from '../metrics/score-table.ts';
import type { RoundTask } from '../rounds/round-task.ts';
import { withSection } from '../rounds/state-sections.ts';
import { hiddenCells, suppressed, withoutSmallCells } from '../statistics/suppression.ts';
import { elementsOf } from '../tensor-view.ts';
import { evaluationLayout, realsOf } from './layout.ts';
import { type PooledSums, type PooledValue, pooledMetrics } from './pooled-metrics.ts';
import { binnedTable, resolutionOf } from './score-bins.ts';
import { type EvaluationStateName, evaluationShapes } from './state.ts';

/** @throws WardroundError in `next`: `sums-mismatch` */
export function evaluationTask(plan: StudyPlan, { trainingRound }: Extract<Stage, { task: 'evaluation' }>): RoundTask {
  const layout = evaluationLayout(plan);
  return {
    tensors: layout.tensors,
    limits: layout.limits,
    reads: 'sums',
    next: ({ base, sums }) => {
      layout.tensors.forEach((header, i) => {
        if (sums[i]?.length !== elementsOf(header.shape)) throw mismatch(header.name);
      });
      const values = stateOf({ plan, layout, sums, trainingRound });
      const tensors = evaluationShapes(plan).map(({ name, shape }) => {
        const found = Object.entries(values).find(([key]) => key === name)?.[1] ?? [];
        const data = Float64Array.from(found);
        if (data.length !== elementsOf(shape)) throw mismatch(name);
        return { name, shape, dtype: 'F64' as const, data };
      });
      return { model: base.model, state: withSection(base.state, 'evaluation', tensors) };
    },
  };
}

function stateOf(pooled: PooledSums): Readonly<Record<EvaluationStateName, readonly number[]>> {
  const counts = countsOf(pooled);
  const metrics = pooled.plan.evaluation.metrics.map((metric) => ({
    metric,
    isShown: isShown(metric, counts, pooled),
  }));
  const values = pooledMetrics(pooled).map((value, i) => (metrics[i]?.isShown === true ? value : null));
  const each = (of: (value: PooledValue) => number): readonly number[] =>
    values.map((value) => (value === null ? 0 : of(value)));
  return {
    trainingRound: [pooled.trainingRound],
    rows: [counts.rows],
    events: [counts.events],
    values: each(({ value }) => value),
    low: each(({ interval }) => interval?.low ?? 0),
    high: each(({ interval }) => interval?.high ?? 0),
    shown: each(() => 1),
    intervalShown: each(({ interval }) => (interval === null ? 0 : 1)),
    resolution: resolution(pooled, counts),
    confusion: confusion(pooled, counts),
    calibration: calibration(pooled),
  };
}

interface Counts {
  /** Or −1 where suppressed. */
  readonly rows: number;
  readonly events: number;
}

/** With an event and without are the two cells of a group. */
function countsOf({ plan, layout, sums }: PooledSums): Counts {
  const { minimumCell } = plan.evaluation;
  const [rows = 0, events = 0] = realsOf(layout, sums, 'rows');
  if (rows > 0 && rows < minimumCell) return { rows: suppressed, events: suppressed };
  return { rows, events: withoutSmallCells([events, rows - events], minimumCell)[0] ?? suppressed };
}

/** What ranks one class against the other tells little else than the few rows of a small class. */
const needsBothClasses: readonly Metric[] = ['auroc', 'auprc', 'cIndex'];

function isShown(metric: Metric, { rows, events }: Counts, { plan }: PooledSums): boolean {
  if (rows === suppressed || rows === 0) return false;
  return plan.cohort.label.type === 'number' || !needsBothClasses.includes(metric) || events !== suppressed;
}

function resolution(pooled: PooledSums, { events }: Counts): readonly number[] {
  if (events === suppressed) return [0, 0];
  const { auroc, auprc } = resolutionOf(binnedTable(realsOf(pooled.layout, pooled.sums, 'scores')));
  return [auroc, auprc];
}

/** All four cells or none: rows, classes and accuracy are known, so that one cell gives the others. */
function confusion({ plan, layout, sums }: PooledSums, counts: Counts): readonly number[] {
  const [truePositives = 0, falsePositives = 0] = realsOf(layout, sums, 'calledPositive');
  const [rows = 0, positives = 0] = realsOf(layout, sums, 'rows');
  const cells = [truePositives, falsePositives, rows - positives - falsePositives, positives - truePositives];
  const isHidden = counts.events === suppressed || hiddenCells(cells, plan.evaluation.minimumCell).includes(true);
  return cells.map((count) => (isHidden ? suppressed : count));
}

/**
 * A tenth is shown where its rows, its positives and its negatives are; each of the three adds up to a known total over the tenths, and beside
 * a confusion table over those above ½ and those below.
 */
function calibration({ plan, layout, sums }: PooledSums): readonly number[] {
  const counts = realsOf(layout, sums, 'calibration.rows');
  const scores = realsOf(layout, sums, 'calibration.scores');
  const bins = Array.from({ length: counts.length === 0 ? 0 : calibrationBins }, (_, bin) => bin);
  const rows = bins.map((bin) => counts[2 * bin] ?? 0);
  const positives = bins.map((bin) => counts[2 * bin + 1] ?? 0);
  const negatives = bins.map((bin) => (rows[bin] ?? 0) - (positives[bin] ?? 0));
  const { metrics, minimumCell } = plan.evaluation;
  const halves = metrics.includes('accuracy') ? calibrationBins / 2 : calibrationBins;
  const hidden = [rows, positives, negatives].flatMap((cells) => [
    hiddenCells(cells, minimumCell),
    [...hiddenCells(cells.slice(0, halves), minimumCell), ...hiddenCells(cells.slice(halves), minimumCell)],
  ]);
  return bins.flatMap((bin) => {
    if (hidden.some((cells) => cells[bin] === true)) return [suppressed, suppressed, 0];
    const count = rows[bin] ?? 0;
    return [count, positives[bin] ?? 0, count === 0 ? 0 : (scores[bin] ?? 0) / count];
  });
}

function mismatch(where: string): WardroundError {
  return new WardroundError('sums-mismatch', 'the sums do not fit the evaluation', { where, action: 'stop' });
}
