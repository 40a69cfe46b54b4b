// What an evaluation leaves in the checkpoint's state: float64 tensors of a size that the plan fixes, small cells left out. No NaN: a
// suppressed count is −1, a value that is not shown is 0 with 0 in the tensor that says what is.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import { calibrationBins } from '../metrics/score-table.ts';
import { readSection } from '../rounds/state-sections.ts';
import { type Float64Tensor, type NamedShape, elementsOf, requireFloat64 } from '../tensor-view.ts';
import type { EvaluationPlan } from './layout.ts';

export const evaluationStateNames = [
  /** The training round that was evaluated; 0 before the first evaluation. */
  'trainingRound',
  /** Test rows of all contributors; of them positive, or with the event. */
  'rows',
  'events',
  /** By the plan's metrics, in its order: the value, its interval, and 1 where each is shown. */
  'values',
  'low',
  'high',
  'shown',
  'intervalShown',
  /** The most by which binning may have moved the AUROC and the AUPRC. */
  'resolution',
  /** True and false positives, true and false negatives. */
  'confusion',
  /** By tenths of the probability: rows, positives, mean probability. */
  'calibration',
] as const;
export type EvaluationStateName = (typeof evaluationStateNames)[number];
export type EvaluationState = Readonly<Record<EvaluationStateName, Float64Array>>;

/** The section's tensors, in order, without its prefix; none for a plan that evaluates nothing. */
export function evaluationShapes({ cohort, evaluation: { metrics } }: EvaluationPlan): readonly NamedShape[] {
  if (metrics.length === 0) return [];
  const each = [metrics.length];
  const isBinary = cohort.label.type === 'binary';
  const shapes: Readonly<Record<EvaluationStateName, readonly number[] | null>> = {
    trainingRound: [1],
    rows: [1],
    events: cohort.label.type === 'number' ? null : [1],
    values: each,
    low: each,
    high: each,
    shown: each,
    intervalShown: each,
    resolution: isBinary ? [2] : null,
    confusion: isBinary && metrics.includes('accuracy') ? [4] : null,
    calibration: isBinary && metrics.includes('calibration') ? [calibrationBins, 3] : null,
  };
  return evaluationStateNames.flatMap((name) => {
    const shape = shapes[name];
    return shape === null ? [] : [{ name, shape }];
  });
}

/** The section before the first evaluation: zeros in its full size. */
export function initialEvaluation(plan: EvaluationPlan): readonly Float64Tensor[] {
  return evaluationShapes(plan).map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'F64',
    data: new Float64Array(elementsOf(shape)),
  }));
}

/** @throws WardroundError `tensors-mismatch`, `evaluation-missing` where no round was evaluated yet */
export function readEvaluation(plan: EvaluationPlan, state: readonly Tensor[]): EvaluationState {
  const tensors = requireFloat64(readSection(state, 'evaluation'), evaluationShapes(plan));
  const values = (name: EvaluationStateName): Float64Array =>
    tensors.find((tensor) => tensor.name === name)?.data ?? new Float64Array(0);
  if ((values('trainingRound')[0] ?? 0) === 0) {
    throw new WardroundError('evaluation-missing', 'no round was evaluated yet', { action: 'stop' });
  }
  return {
    trainingRound: values('trainingRound'),
    rows: values('rows'),
    events: values('events'),
    values: values('values'),
    low: values('low'),
    high: values('high'),
    shown: values('shown'),
    intervalShown: values('intervalShown'),
    resolution: values('resolution'),
    confusion: values('confusion'),
    calibration: values('calibration'),
  };
}
