// What a site contributes to one round of trees: for every node of one level and every bin of every column the sum of gradients, the sum of
// Hessians and the count of its rows. The layout is the plan's; only the integers are the site's.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import { type TreesModel, roundsOfTrees } from '@wardround/protocol/tree-sizes';
import type { TensorLimit } from '../rounds/round-task.ts';
import { binOffsets } from './bins.ts';
import { type TreesLoss, maxRows } from './loss.ts';
import type { TreesPlan } from './shape.ts';

/** Tree and level count from 0. */
export interface TreeRound {
  readonly tree: number;
  readonly level: number;
}

/**
 * Round r (from 1) grows level (r − 1) mod depth of tree ⌊(r − 1) / depth⌋.
 *
 * @throws WardroundError `trees-round` beyond the forest's last level
 */
export function treeRound(model: TreesModel, trainingRound: number): TreeRound {
  const last = roundsOfTrees(model);
  if (!Number.isInteger(trainingRound) || trainingRound < 1 || trainingRound > last) {
    throw new WardroundError('trees-round', 'no level of a tree is grown in that round', {
      expected: `1 to ${last}`,
      got: `${trainingRound}`,
    });
  }
  return {
    tree: Math.floor((trainingRound - 1) / model.depth),
    level: (trainingRound - 1) % model.depth,
  };
}

export interface HistogramLayout {
  readonly nodes: number;
  /** Cells a node. */
  readonly width: number;
  /** Where each column's bins begin in a node's cells, and where the last one's end. */
  readonly offsets: Uint32Array<ArrayBuffer>;
}

export function histogramLayout(cohort: TreesPlan['cohort'], model: TreesModel, level: number): HistogramLayout {
  const offsets = binOffsets(cohort, model);
  return { nodes: 2 ** level, width: offsets.at(-1) ?? 0, offsets };
}

/** [nodes of the level, bins of all columns] each; counts have the step 1. */
export function histogramTensors({ nodes, width }: HistogramLayout, { stepLog2 }: TreesLoss): readonly TensorHeader[] {
  const header = (name: string, step: number): TensorHeader => ({
    name,
    shape: [nodes, width],
    ring: 'int64',
    stepLog2: step,
    weighting: 'none',
  });
  return [header('gradient', stepLog2), header('hessian', stepLog2), header('count', 0)];
}

/** What `maxRows` rows could add up to in one cell: at most 2⁵³, so a thousand sites stay below 2⁶³. */
export function histogramLimits({ gradientBound, hessianBound }: TreesLoss): readonly TensorLimit[] {
  const rows = BigInt(maxRows);
  const gradient = rows * BigInt(gradientBound);
  return [
    { kind: 'range', least: -gradient, most: gradient },
    { kind: 'range', least: 0n, most: rows * BigInt(hessianBound) },
    { kind: 'range', least: 0n, most: rows },
  ];
}
