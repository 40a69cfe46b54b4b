// The integers of an evaluation round: sums over test rows from which all sites' metrics follow, and what no honest site exceeds.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Integers, TensorLimit } from '../rounds/round-task.ts';
import { maxRowsLog2, sumsStepLog2 } from '../statistics/layout.ts';
import { calibrationBins } from '../metrics/score-table.ts';
import { powerOfTwo } from '../strategies/server-strategy.ts';
import { scoreBins } from './score-bins.ts';

export type EvaluationPlan = Pick<StudyPlan, 'cohort' | 'evaluation'>;

/** Replicates of every site's own bootstrap, which add up to replicates of the pooled one. */
export const replicates = 500;
/** Losses of up to 17 nats a row. */
const lossStepLog2 = -26;
/** Squared errors in squares of the label's range, at most 256 of them a row. */
const squaresStepLog2 = -23;
export const mostSquare = 256;

interface Part {
  readonly name: EvaluationTensorName;
  readonly shape: readonly number[];
  readonly stepLog2: number;
  /** Of the integers, as a power of two. */
  readonly mostLog2: number;
}

export const evaluationTensorNames = [
  /** Test rows; of them positive, or with the event. */
  'rows',
  /** By `scoreBin`: negatives, positives. */
  'scores',
  /** Rows that are called positive: of the positives, of the negatives. */
  'calledPositive',
  /** Σ (p − y)². */
  'brier',
  /** By tenths of the probability: rows, positives; Σ p. */
  'calibration.rows',
  'calibration.scores',
  /** Σ −ln of what was given to the label. */
  'loss',
  'loss.replicates',
  /** Σ ((p − y) / range)². */
  'squares',
  'squares.replicates',
  /** Concordant, discordant, tied. */
  'pairs',
  'pairs.replicates',
] as const;
export type EvaluationTensorName = (typeof evaluationTensorNames)[number];

export interface EvaluationLayout {
  readonly tensors: readonly TensorHeader[];
  readonly limits: readonly TensorLimit[];
}

/** Nothing is weighted: every test row counts once. */
export function evaluationLayout(plan: EvaluationPlan): EvaluationLayout {
  const parts = [
    { name: 'rows', shape: [2], stepLog2: 0, mostLog2: maxRowsLog2 } as const,
    ...partsOf(plan),
  ] satisfies readonly Part[];
  return {
    tensors: parts.map(({ name, shape, stepLog2 }) => ({
      name: `evaluation.${name}`,
      shape: [...shape],
      ring: 'int64',
      stepLog2,
      weighting: 'none',
    })),
    limits: parts.map(({ mostLog2 }) => ({ kind: 'range', least: 0n, most: 1n << BigInt(mostLog2) })),
  };
}

function partsOf({ cohort, evaluation: { metrics } }: EvaluationPlan): readonly Part[] {
  const counts = { stepLog2: 0, mostLog2: maxRowsLog2 };
  const sums = { stepLog2: sumsStepLog2, mostLog2: maxRowsLog2 - sumsStepLog2 };
  switch (cohort.label.type) {
    case 'binary': {
      const wants = (...names: EvaluationPlan['evaluation']['metrics']): boolean =>
        names.some((name) => metrics.includes(name));
      const losses = { stepLog2: lossStepLog2, mostLog2: maxRowsLog2 - lossStepLog2 + 5 };
      const parts: readonly (readonly [boolean, Part])[] = [
        [
          wants('accuracy', 'auroc', 'auprc', 'brier', 'calibration'),
          { name: 'scores', shape: [scoreBins, 2], ...counts },
        ],
        [wants('accuracy'), { name: 'calledPositive', shape: [2], ...counts }],
        [wants('brier'), { name: 'brier', shape: [1], ...sums }],
        [wants('calibration'), { name: 'calibration.rows', shape: [calibrationBins, 2], ...counts }],
        [wants('calibration'), { name: 'calibration.scores', shape: [calibrationBins], ...sums }],
        [wants('loss'), { name: 'loss', shape: [1], ...losses }],
        [wants('loss'), { name: 'loss.replicates', shape: [replicates], ...losses }],
      ];
      return parts.flatMap(([isWanted, part]) => (isWanted ? [part] : []));
    }
    case 'number': {
      const squares = { stepLog2: squaresStepLog2, mostLog2: maxRowsLog2 - squaresStepLog2 + 8 };
      return [
        { name: 'squares', shape: [1], ...squares },
        { name: 'squares.replicates', shape: [replicates], ...squares },
      ];
    }
    case 'survival': {
      const pairs = { stepLog2: 0, mostLog2: 2 * maxRowsLog2 };
      return [
        { name: 'pairs', shape: [3], ...pairs },
        { name: 'pairs.replicates', shape: [replicates, 3], ...pairs },
      ];
    }
  }
}

/** The numbers that a tensor's integers stand for; empty where the plan does not have the tensor. */
export function realsOf({ tensors }: EvaluationLayout, integers: Integers, name: EvaluationTensorName): Float64Array {
  const at = tensors.findIndex((header) => header.name === `evaluation.${name}`);
  const step = powerOfTwo(tensors[at]?.stepLog2 ?? 0);
  const values = integers[at];
  return Float64Array.from({ length: values?.length ?? 0 }, (_, i) => Number(values?.[i] ?? 0) * step);
}

/** The label's range, in whose squares errors are counted. */
export function labelRange({ cohort: { label } }: EvaluationPlan): number {
  return label.type === 'number' ? Number(label.range.max) - Number(label.range.min) : 1;
}
