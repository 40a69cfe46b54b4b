// The two losses of trees, in integers from the first: each row's gradient and Hessian are whole steps before anything is added, so that it
// does not matter which row stands at which site.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import type { TreesPlan } from './shape.ts';
import { logOdds, logistic } from './exact-logistic.ts';

/** Rows that one site may train on: with it, and {@link rowBits}, no sum of one site leaves the integers that a double holds (2⁵³). */
export const maxRows = 2 ** 24;
/** A row's gradient and Hessian stay within ±2^29 steps. */
const rowBits = 29;
/** Coarser steps than this part of the gradient's bound would be no training. */
const leastStepsLog2 = 12;

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
 * The step is the plan's for sums, or coarser where the label's range needs it: its bound is then still {@link rowBits} bits of steps.
 *
 * @throws WardroundError `model-label` for a survival label, `trees-step` where the plan's step is too coarse for the label
 */
export function lossOf({ cohort: { label }, encoding }: Pick<TreesPlan, 'cohort' | 'encoding'>): TreesLoss {
  const planned = encoding.sums.stepLog2;
  switch (label.type) {
    case 'binary':
      return logisticLoss(requireStep(planned, 1));
    case 'number':
      return squaredLoss(label, planned);
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
function squaredLoss({ range }: NumberLabel, planned: number): TreesLoss {
  const [min, max] = [Number(range.min), Number(range.max)];
  const size = Math.max(Math.abs(min), Math.abs(max), max - min);
  const stepLog2 = requireStep(planned, size);
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

/** The plan's step, or the finest with which `size` and 1 stay within 2^29 steps. */
function requireStep(planned: number, size: number): number {
  const stepLog2 = Math.max(planned, ceilLog2(Math.max(size, 1)) - rowBits);
  if (size * powerOfTwo(-stepLog2) < powerOfTwo(leastStepsLog2)) {
    throw new WardroundError('trees-step', 'the step of sums is too coarse for the gradients of this label', {
      expected: `2^${ceilLog2(size) - leastStepsLog2} or finer`,
      got: `2^${stepLog2}`,
      where: 'encoding.sums.stepLog2',
    });
  }
  return stepLog2;
}

/** The least n with value ≤ 2^n. */
function ceilLog2(value: number): number {
  let n = 0;
  for (; powerOfTwo(n) < value; n += 1);
  for (; powerOfTwo(n - 1) >= value && n > -64; n -= 1);
  return n;
}

/** Exact, by doubling or halving. */
export function powerOfTwo(exponent: number): number {
  let power = 1;
  for (let i = Math.abs(exponent); i > 0; i -= 1) power *= exponent < 0 ? 0.5 : 2;
  return power;
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
