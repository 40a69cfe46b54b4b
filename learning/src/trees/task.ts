// The enclave's part of a round of trees: histograms summed over the sites, one split for each node of the level, and after the last level
// the leaves. The checkpoint that leaves has splits and leaves; histograms stay here and are forgotten.
import { WardroundError } from '@wardround/protocol/errors';
import { powerOfTwo } from '@wardround/protocol/tree-sizes';
import type { ClosedContributions, NextContent, RoundTask } from '../rounds/round-task.ts';
import { edgesOfStudy } from './edges.ts';
import { type HistogramLayout, histogramLayout, histogramLimits, histogramTensors, treeRound } from './layout.ts';
import { type TreesLoss, lossOf } from './loss.ts';
import { requireTreesPlan } from './plan.ts';
import { type Forest, type TreesPlan, copyForest, forestTensors, noSplit, readForest, treesModelOf } from './shape.ts';
import { type Mass, type NodeCells, bestSplit, leafWeight, massOf } from './split.ts';

/**
 * The task of one training round. `next` is a function of the plan, the base checkpoint and the integer sums, by + − × ÷ alone: how the rows
 * were spread over sites, and their order, cannot change a bit. Splits leave at least the plan's `evaluation.minimumCell` rows of all sites
 * together on either side, so no threshold and no leaf speaks of fewer (a cohort that is smaller as a whole is one leaf). Without differential
 * privacy that is all: many trees together may still tell of single patients, as any model may.
 *
 * @throws WardroundError `model-unsupported`, `model-label`, `trees-round`, and those of `requireTreesPlan`
 */
export function treesTask(plan: TreesPlan, { trainingRound }: { readonly trainingRound: number }): RoundTask {
  requireTreesPlan(plan);
  const model = treesModelOf(plan);
  const loss = lossOf(plan);
  const { tree, level } = treeRound(model, trainingRound);
  const layout = histogramLayout(plan.cohort, model, level);
  return {
    tensors: histogramTensors(layout, loss),
    limits: histogramLimits(loss),
    reads: 'sums',
    next: ({ base, sums }) => grow({ plan, loss, layout, tree, level }, { base, sums }),
  };
}

interface Growth {
  readonly plan: TreesPlan;
  readonly loss: TreesLoss;
  readonly layout: HistogramLayout;
  readonly tree: number;
  readonly level: number;
}

function grow(growth: Growth, { base, sums }: Pick<ClosedContributions, 'base' | 'sums'>): NextContent {
  const { plan, loss, layout, tree, level } = growth;
  const model = treesModelOf(plan);
  const forest = copyForest(readForest(plan, base.model));
  const edges = edgesOfStudy(plan, base.state);
  const cells = cellsOf(growth, sums);
  if (tree === 0 && level === 0) forest.base.set([beginAtMean(cells, growth)]);
  const rules = { l2: Number(model.l2), leastRows: plan.evaluation.minimumCell };
  const columnEnd = layout.offsets[1] ?? 0;
  const massOfNode = (node: number): Mass => massOf(cellsOfNode(cells, layout, node), 0, columnEnd);
  const rowsOfAll = Array.from({ length: layout.nodes }, (_, node) => massOfNode(node).count).reduce(
    (a, b) => a + b,
    0,
  );
  // Whoever made a node large enough one level above may be away now: what is left of it, if not all rows, speaks of too few.
  const isTooSmall = ({ count }: Mass): boolean => count < rules.leastRows && count < rowsOfAll;
  const leaf = (mass: Mass): number =>
    isTooSmall(mass) ? 0 : leafWeight(mass, rules.l2, loss.largestLeaf) * Number(model.learningRate);
  for (let node = 0; node < layout.nodes; node += 1) {
    const own = cellsOfNode(cells, layout, node);
    const split = bestSplit(own, { edges, offsets: layout.offsets }, rules);
    const place = { forest, tree, node: layout.nodes - 1 + node };
    writeSplit(place, split);
    if (level + 1 < model.depth) continue;
    writeLeaves(place, split === null ? [leaf(massOfNode(node)), 0] : [leaf(split.left), leaf(split.right)]);
  }
  return { model: forestTensors(model, forest), state: base.state };
}

/** The sums in real units; those of 2⁵³ and more are rounded, in the one way that IEEE 754 has. */
function cellsOf({ layout: { nodes, width }, loss }: Growth, sums: readonly BigInt64Array[]): NodeCells {
  const [gradient, hessian, count] = sums;
  const isLaidOut = sums.length === 3 && sums.every(({ length }) => length === nodes * width);
  if (gradient === undefined || hessian === undefined || count === undefined || !isLaidOut) {
    throw new WardroundError('sums-mismatch', 'not the sums of this level’s histograms', {
      expected: `3 × ${nodes * width}`,
      got: sums.map(({ length }) => length).join(', '),
      action: 'stop',
    });
  }
  const step = powerOfTwo(loss.stepLog2);
  return {
    gradient: Float64Array.from(gradient, (sum) => Number(sum) * step),
    hessian: Float64Array.from(hessian, (sum) => Number(sum) * step),
    count: Float64Array.from(count, Number),
  };
}

/**
 * In the first round every row's sum is 0, so its gradient is answer(0) − target, and any other beginning shifts all gradients alike: the
 * histograms become, exactly, those that the sites would have sent had the forest begun at the mean label.
 *
 * @returns the beginning
 */
function beginAtMean({ gradient, hessian, count }: NodeCells, { loss, layout }: Growth): number {
  const step = powerOfTwo(loss.stepLog2);
  const whole = massOf({ gradient, hessian, count }, 0, layout.offsets[1] ?? 0);
  const fromZero = loss.answer(0) * step;
  const start = loss.baseOfMean(whole.count < 1 ? fromZero : fromZero - whole.gradient / whole.count);
  const shift = (loss.answer(start) - loss.answer(0)) * step;
  const hessianOfRow = loss.hessian(start) * step;
  count.forEach((rows, i) => {
    gradient[i] = (gradient[i] ?? 0) + rows * shift;
    hessian[i] = rows * hessianOfRow;
  });
  return start;
}

function cellsOfNode({ gradient, hessian, count }: NodeCells, { width }: HistogramLayout, node: number): NodeCells {
  const [start, end] = [node * width, (node + 1) * width];
  return {
    gradient: gradient.subarray(start, end),
    hessian: hessian.subarray(start, end),
    count: count.subarray(start, end),
  };
}

interface NodePlace {
  readonly forest: Forest;
  readonly tree: number;
  /** In its tree, from the root. */
  readonly node: number;
}

function writeSplit(
  { forest: { depth, feature, threshold }, tree, node }: NodePlace,
  split: { readonly column: number; readonly threshold: number } | null,
): void {
  const at = tree * (2 ** depth - 1) + node;
  feature[at] = split?.column ?? noSplit;
  threshold[at] = split?.threshold ?? 0;
}

/** The two leaves beneath a node of the last level. */
function writeLeaves({ forest: { depth, leaf }, tree, node }: NodePlace, values: readonly number[]): void {
  leaf.set(values, tree * 2 ** depth + 2 * node + 1 - (2 ** depth - 1));
}
