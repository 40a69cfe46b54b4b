// How large a boosted forest, its histograms and its gradients are, from the plan alone: the compiler, the sites and the enclave refuse the
// same plans.
import type { Cohort, Feature } from './documents/cohort.ts';
import type { Model, StudyPlan } from './documents/study-plan.ts';

export type TreesModel = Extract<Model, { kind: 'gradientBoostedTrees' }>;

/** The largest contribution: gradient, Hessian and count of every (node, bin) of a tree's deepest level, 8 bytes each. */
export const maxHistogramBytes = 2 ** 26;
/** Leaves of all trees together: 3 × 4 bytes each in every checkpoint. */
export const maxLeaves = 2 ** 22;

/** Bins of each input column, in the order of `inputColumns`: the plan's for a number or a pixel, two for a one-hot column. */
export function binsOfColumns({ features }: Pick<Cohort, 'features'>, { bins }: TreesModel): readonly number[] {
  return features.flatMap((feature) => {
    const { columns, isCode } = columnsOf(feature);
    return Array.from({ length: columns }, () => (isCode ? 2 : bins));
  });
}

/** Bytes of one site's contribution to the round of the deepest level, padding aside. */
export function histogramBytes({ features }: Pick<Cohort, 'features'>, model: TreesModel): number {
  const bins = features.reduce((sum, feature) => {
    const { columns, isCode } = columnsOf(feature);
    return sum + columns * (isCode ? 2 : model.bins);
  }, 0);
  return 2 ** (model.depth - 1) * bins * 3 * 8;
}

export function leavesOf({ trees, depth }: TreesModel): number {
  return trees * 2 ** depth;
}

/** One round for each level of each tree. */
export function roundsOfTrees({ trees, depth }: TreesModel): number {
  return trees * depth;
}

/** A row's gradient and Hessian stay within ±2^29 steps, so that 2^24 rows of them stay below 2^53, which doubles hold exactly. */
const rowBits = 29;
/** Steps coarser than this part of the largest gradient would be no training. */
const leastPrecisionBits = 12;

/**
 * The step of gradients and Hessians: the plan's for sums, or coarser where the label's range needs it.
 *
 * @returns null where there is none: the range is wider than 2^29, or the plan's step too coarse for it
 */
export function gradientStepLog2(label: Cohort['label'], { sums }: Pick<StudyPlan['encoding'], 'sums'>): number | null {
  const size = largestGradient(label);
  const stepLog2 = Math.max(sums.stepLog2, ceilLog2(Math.max(size, 1)) - rowBits);
  return stepLog2 > 0 || size * powerOfTwo(-stepLog2) < powerOfTwo(leastPrecisionBits) ? null : stepLog2;
}

/** Of one row: 1 for yes or no; for a number no prediction is counted as further off than the range is wide, or from 0. */
export function largestGradient(label: Cohort['label']): number {
  if (label.type !== 'number') return 1;
  const [min, max] = [Number(label.range.min), Number(label.range.max)];
  return Math.max(Math.abs(min), Math.abs(max), max - min);
}

/** Exact, by doubling or halving. */
export function powerOfTwo(exponent: number): number {
  let power = 1;
  for (let i = Math.abs(exponent); i > 0; i -= 1) power *= exponent < 0 ? 0.5 : 2;
  return power;
}

/** The least n from 0 with value ≤ 2^n. */
function ceilLog2(value: number): number {
  let n = 0;
  for (let power = 1; power < value; power *= 2) n += 1;
  return n;
}

function columnsOf(feature: Feature): { readonly columns: number; readonly isCode: boolean } {
  switch (feature.type) {
    case 'number':
      return { columns: 1, isCode: false };
    case 'code':
      return { columns: feature.codes.length - (feature.encode === 'oneHotDropFirst' ? 1 : 0), isCode: true };
    case 'image':
      return { columns: feature.height * feature.width * feature.channels, isCode: false };
  }
}
