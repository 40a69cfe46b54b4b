// A site's part of a round of trees: its rows, sent down the trees that stand, counted into the histograms of the level that is due.
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Checkpoint } from '../checkpoint.ts';
import type { Rows } from '../rounds/site-rows.ts';
import { type Edges, binOf } from './bins.ts';
import { edgesOfStudy } from './edges.ts';
import { type HistogramLayout, histogramLayout, treeRound } from './layout.ts';
import { type TreesLoss, lossOf, maxRows } from './loss.ts';
import { type Forest, type TreesPlan, readForest, treesModelOf } from './shape.ts';
import { SumsOfRows } from './sums-of-rows.ts';

export interface TreesRequest {
  readonly plan: TreesPlan;
  readonly base: Checkpoint;
  /** From 1. */
  readonly trainingRound: number;
  /** Not to be changed while a study runs: what was computed from them is remembered beside the features. */
  readonly data: Rows;
}

/** Rows as the trees see them. Not standardised, row-major. */
interface PreparedRows {
  readonly values: Float32Array<ArrayBuffer>;
  readonly bins: Uint8Array<ArrayBuffer>;
  readonly targets: Float64Array<ArrayBuffer>;
  readonly sums: SumsOfRows;
}

/** Work of earlier rounds on the same rows, dropped with them. Without it every round would walk all trees anew; the integers are the same. */
const prepared = new WeakMap<
  Rows['features'],
  { readonly key: string; readonly labels: Rows['labels']; readonly rows: PreparedRows }
>();

/**
 * The integers of `histogramTensors`: for every node of the level, column and bin the sums over this site's rows there of gradient and
 * Hessian, each row's rounded to whole steps first, and their count.
 *
 * What they show: cells may be of one patient. They leave the site only sealed to the enclave, which adds them up over at least K sites and
 * makes of the sums one split a node; the checkpoint has splits and leaves, never a histogram.
 *
 * @throws WardroundError `trees-*`, `model-unsupported`, `model-label`, `tensors-mismatch`, `training-data` (sizes)
 */
export function treesContribution({
  plan,
  base,
  trainingRound,
  data,
}: TreesRequest): readonly BigInt64Array<ArrayBuffer>[] {
  const model = treesModelOf(plan);
  const loss = lossOf(plan);
  const { tree, level } = treeRound(model, trainingRound);
  const forest = readForest(plan, base.model);
  const edges = edgesOfStudy(plan, base.state);
  requireData(plan, data);
  const rows = prepare({ plan, data, edges, loss });
  const layout = histogramLayout(plan.cohort, model, level);
  return histograms({ rows, forest, loss, layout, tree, level });
}

function prepare({
  plan,
  data,
  edges,
  loss,
}: {
  plan: TreesPlan;
  data: Rows;
  edges: Edges;
  loss: TreesLoss;
}): PreparedRows {
  const key = JSON.stringify([loss.stepLog2, plan.cohort.label, edges.map((column) => [...column])]);
  const known = prepared.get(data.features);
  if (known?.key === key && known.labels === data.labels) return known.rows;
  const values = Float32Array.from(data.features);
  const columns = edges.length;
  const noEdges = new Float32Array(0);
  const rows = {
    values,
    bins: Uint8Array.from(values, (value, i) => binOf(edges[i % columns] ?? noEdges, value)),
    targets: Float64Array.from(data.labels, loss.target),
    sums: new SumsOfRows(values, columns),
  };
  prepared.set(data.features, { key, labels: data.labels, rows });
  return rows;
}

interface Job {
  readonly rows: PreparedRows;
  readonly forest: Forest;
  readonly loss: TreesLoss;
  readonly layout: HistogramLayout;
  readonly tree: number;
  readonly level: number;
}

/** In doubles, which hold these integers exactly: at most 2²⁴ rows of at most 2²⁹ steps. */
function histograms({ rows, forest, loss, layout, tree, level }: Job): readonly BigInt64Array<ArrayBuffer>[] {
  const { nodes, width, offsets } = layout;
  const gradient = new Float64Array(nodes * width);
  const hessian = new Float64Array(nodes * width);
  const count = new Float64Array(nodes * width);
  const sums = rows.sums.after(forest, tree);
  const columns = offsets.length - 1;
  for (let row = 0; row < sums.length; row += 1) {
    const sum = sums[row] ?? 0;
    const g = loss.gradient(loss.answer(sum), rows.targets[row] ?? 0);
    const h = loss.hessian(sum);
    const start = width * rows.sums.nodeOf(row, { forest, tree, level });
    for (let column = 0; column < columns; column += 1) {
      const cell = start + (offsets[column] ?? 0) + (rows.bins[row * columns + column] ?? 0);
      gradient[cell] = (gradient[cell] ?? 0) + g;
      hessian[cell] = (hessian[cell] ?? 0) + h;
      count[cell] = (count[cell] ?? 0) + 1;
    }
  }
  return [gradient, hessian, count].map((cells) => BigInt64Array.from(cells, BigInt));
}

function requireData(plan: TreesPlan, { rows, features, labels }: Rows): void {
  const columns = inputCount(plan.cohort);
  if (features.length !== rows * columns || labels.length !== rows || rows > maxRows) {
    throw new WardroundError('training-data', 'the data do not fit the model', {
      expected: `${columns} features and one label a row, at most ${maxRows} rows`,
      got: `${features.length} features, ${labels.length} labels, ${rows} rows`,
    });
  }
}
