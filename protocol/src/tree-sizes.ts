// How large a boosted forest and its histograms are, from the plan alone: the compiler, the sites and the enclave refuse the same plans.
import type { Cohort, Feature } from './documents/cohort.ts';
import type { Model } from './documents/study-plan.ts';

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
