// The two losses of trees, in integers from the first: each row's gradient and Hessian are whole steps before anything is added, so that it
// does not matter which row stands at which site.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { gradientStepLog2, largestGradient, powerOfTwo } from '@wardround/protocol/tree-sizes';
import type { TreesPlan } from './shape.ts';
import { logOdds, logistic } from './exact-logistic.ts';

/** Rows that one site may train on: with `gradientStepLog2`, no sum of one site leaves the integers that a double holds (2⁵³). */
export const maxRows = 2 ** 24;

/** Derivatives of a row's loss by its sum, in steps. */
export interface TreesLoss {
  readonly stepLog2: number;
  /** Bounds of a row's |gradient| and Hessian, in steps. */
  readonly gradientBound: number;
  readonly hessianBound: number;
  /** The label as {@link gradient} wants it. */
  readonly target: (label: number) => number;
  /** What the model says for a row whose sum this is, in steps: gradient = answer − target. */
  readonly answer: (sum: number) => number;
  readonly hessian: (sum: number) => number;
  readonly gradient: (answer: number, target: number) => number;
  /** Where the sum of every row begins, from the mean label, as float32. */
  readonly baseOfMean: (mean: number) => number;
  /** The largest move of one leaf before the learning rate: an empty or hostile Hessian cannot throw a model away. */
  readonly largestLeaf: number;
}

/**
 * Binary labels: logistic loss, g = p − y, h = p(1 − p). Numbers: half the squared error, g = sum − y, h = 1.
 * Source: Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016, section 2.2.
 *
 * @throws WardroundError `model-label` for a survival label, `trees-step` where the plan's step or the label's range leaves no precision
 */
export function lossOf({ cohort: { label }, encoding }: Pick<TreesPlan, 'cohort' | 'encoding'>): TreesLoss {
  switch (label.type) {
    case 'binary':
      return logisticLoss(requireStep(label, encoding));
    case 'number':
      return squaredLoss(label, requireStep(label, encoding));
    case 'survival':
      throw new WardroundError('model-label', 'trees do not predict survival', {
        expected: 'a label of type binary or number',
        got: label.type,
        where: 'cohort.label',
      });
  }
}

/** More than ±8 of log-odds at once, before the learning rate, is no step that data ask for. */
const largestLogOdds = 8;
/** The mean of labels that are all alike is held this far from 0 and 1. */
const leastChance = 2 ** -20;

function logisticLoss(stepLog2: number): TreesLoss {
  const one = powerOfTwo(-stepLog2);
  return {
    stepLog2,
    gradientBound: one,
    hessianBound: Math.round(one / 4),
    target: (label) => (label === 1 ? one : 0),
    answer: (sum) => Math.round(logistic(sum) * one),
    hessian: (sum) => {
      const p = logistic(sum);
      return Math.round(p * (1 - p) * one);
    },
    gradient: (answer, target) => answer - target,
    baseOfMean: (mean) => Math.fround(logOdds(within(mean, leastChance, 1 - leastChance))),
    largestLeaf: largestLogOdds,
  };
}

type NumberLabel = Extract<Cohort['label'], { type: 'number' }>;

/** Sums may leave the label's range, so gradients are held to its largest size: what a bound proves, nobody has to believe. */
function squaredLoss(label: NumberLabel, stepLog2: number): TreesLoss {
  const [min, max] = [Number(label.range.min), Number(label.range.max)];
  const size = largestGradient(label);
  const one = powerOfTwo(-stepLog2);
  const bound = Math.ceil(size * one);
  return {
    stepLog2,
    gradientBound: bound,
    hessianBound: one,
    target: (label) => Math.round(label * one),
    answer: (sum) => Math.round(within(sum, -4 * size, 4 * size) * one),
    hessian: () => one,
    gradient: (answer, target) => within(answer - target, -bound, bound),
    baseOfMean: (mean) => Math.fround(within(mean, min, max)),
    largestLeaf: size,
  };
}

function requireStep(label: Cohort['label'], encoding: TreesPlan['encoding']): number {
  const stepLog2 = gradientStepLog2(label, encoding);
  if (stepLog2 !== null) return stepLog2;
  throw new WardroundError('trees-step', 'no step of sums fits the gradients of this label', {
    expected: 'a range of at most 2^29, and a step that is small beside it',
    got: `2^${encoding.sums.stepLog2}`,
    where: 'encoding.sums.stepLog2',
  });
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
