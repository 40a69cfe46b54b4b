// The tensors of a boosted forest, and how they are read: the one page that whoever predicts or exports needs.
//
//   trees.feature    [trees, 2^depth − 1]  float32  input column that a node asks about (0, 1, 2, …), or −1: no split, every row goes left
//   trees.threshold  [trees, 2^depth − 1]  float32  a row goes LEFT when its value < threshold, right otherwise
//   trees.leaf       [trees, 2^depth]      float32  what a tree adds for the rows that end there, learning rate included
//   trees.base       [1]                   float32  what the sum begins with
//
// Every tree is complete: node i of a tree (0 is the root) has the children 2i + 1 (left) and 2i + 2 (right), level after level; the node
// that would be 2^depth − 1 + j is leaf j. The sum for a row is base + Σ over trees of its leaf: the log-odds of a binary label
// (probability = 1 / (1 + e^−sum)), or the number itself. Values of a row are rounded to float32 before they are compared. Trees that have
// not grown yet are zeros and add 0.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import {
  type TreesModel,
  histogramBytes,
  leavesOf,
  maxHistogramBytes,
  maxLeaves,
} from '@wardround/protocol/tree-sizes';
import { type Float32Tensor, type NamedShape, elementsOf, requireFloat32 } from '../tensor-view.ts';

export type TreesPlan = Pick<
  StudyPlan,
  | 'cohort'
  | 'encoding'
  | 'evaluation'
  | 'initialWeights'
  | 'model'
  | 'release'
  | 'rounds'
  | 'statistics'
  | 'strategy'
  | 'training'
>;

/** A forest's numbers, not copied from its tensors. */
export interface Forest {
  readonly trees: number;
  readonly depth: number;
  readonly feature: Float32Array<ArrayBuffer>;
  readonly threshold: Float32Array<ArrayBuffer>;
  readonly leaf: Float32Array<ArrayBuffer>;
  readonly base: Float32Array<ArrayBuffer>;
}

/** In `trees.feature`: a node that asks nothing. */
export const noSplit = -1;

/**
 * The plan's declaration of trees.
 *
 * @throws WardroundError `model-unsupported` for another model, `trees-standardise` (each site's own scale would give one threshold many
 * meanings), `trees-too-large` (see `protocol/tree-sizes`)
 */
export function treesModelOf({ model, cohort }: Pick<TreesPlan, 'cohort' | 'model'>): TreesModel {
  if (model.kind !== 'gradientBoostedTrees') {
    throw new WardroundError('model-unsupported', 'not a plan for trees', {
      expected: 'gradientBoostedTrees',
      got: model.kind,
      where: 'model.kind',
    });
  }
  if (cohort.standardise !== 'none') {
    throw new WardroundError('trees-standardise', 'trees ask about values in the units of the contract', {
      expected: 'none',
      got: cohort.standardise,
      where: 'cohort.standardise',
    });
  }
  requireSize('bytes of histograms', histogramBytes(cohort, model), maxHistogramBytes);
  requireSize('leaves', leavesOf(model), maxLeaves);
  return model;
}

/** Names and shapes, in the order in which they are always listed. */
export function treesShape({ trees, depth }: TreesModel): readonly NamedShape[] {
  return [
    { name: 'trees.feature', shape: [trees, 2 ** depth - 1] },
    { name: 'trees.threshold', shape: [trees, 2 ** depth - 1] },
    { name: 'trees.leaf', shape: [trees, 2 ** depth] },
    { name: 'trees.base', shape: [1] },
  ];
}

/** The forest before the first round: no tree has grown. */
export function initialTrees(model: TreesModel): readonly Float32Tensor[] {
  return treesShape(model).map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'F32',
    data: new Float32Array(elementsOf(shape)),
  }));
}

/** @throws WardroundError as {@link treesModelOf}, and `tensors-mismatch`, `tensors-not-finite`, `trees-feature` (no column of the plan) */
export function readForest(plan: Pick<TreesPlan, 'cohort' | 'model'>, tensors: readonly Tensor[]): Forest {
  const model = treesModelOf(plan);
  const columns = inputCount(plan.cohort);
  const [feature, threshold, leaf, base] = requireFloat32(tensors, treesShape(model)).map(({ data }) => data);
  if (feature === undefined || threshold === undefined || leaf === undefined || base === undefined) {
    throw new WardroundError('tensors-mismatch', 'not the tensors of a forest', { action: 'stop' });
  }
  if (!feature.every((value) => Number.isInteger(value) && value >= noSplit && value < columns)) {
    throw new WardroundError('trees-feature', 'a tree asks about something that is no column', { action: 'stop' });
  }
  return { trees: model.trees, depth: model.depth, feature, threshold, leaf, base };
}

/** A forest that may be written to, and whose tensors are given by {@link forestTensors}. */
export function copyForest({ trees, depth, feature, threshold, leaf, base }: Forest): Forest {
  return {
    trees,
    depth,
    feature: feature.slice(),
    threshold: threshold.slice(),
    leaf: leaf.slice(),
    base: base.slice(),
  };
}

export function forestTensors(model: TreesModel, { feature, threshold, leaf, base }: Forest): readonly Float32Tensor[] {
  const parts = [feature, threshold, leaf, base];
  return treesShape(model).map(({ name, shape }, i) => ({
    name,
    shape,
    dtype: 'F32',
    data: parts[i] ?? new Float32Array(0),
  }));
}

function requireSize(what: string, got: number, most: number): void {
  if (got <= most) return;
  throw new WardroundError('trees-too-large', `too many ${what}: fewer or shallower trees, fewer bins or columns`, {
    expected: `at most ${most}`,
    got: `${got}`,
    where: 'model',
  });
}
