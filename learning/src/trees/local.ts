// A site's part of a round of trees: its rows, sent down the trees that stand, counted into the histograms of the level that is due.
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Checkpoint } from '../checkpoint.ts';
import type { Rows } from '../rounds/site-rows.ts';
import type { Edges } from './bins.ts';
import { edgesOfStudy } from './edges.ts';
import { type HistogramLayout, histogramLayout, treeRound } from './layout.ts';
import { type TreesLoss, lossOf, maxRows } from './loss.ts';
import { type OccupiedCells, occupiedCells } from './occupied-cells.ts';
import { type Forest, type TreesPlan, readForest, treesModelOf } from './shape.ts';
import { SumsOfRows, valuesOf } from './sums-of-rows.ts';

export interface TreesRequest {
  readonly plan: TreesPlan;
  readonly base: Checkpoint;
  /** From 1. */
  readonly trainingRound: number;
  /** Not to be changed while a study runs: what was computed from them is remembered beside the features. */
  readonly data: Rows;
}

/** Rows as the trees see them. */
interface PreparedRows {
  readonly occupied: OccupiedCells;
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
  const layout = histogramLayout(plan.cohort, model, level);
  const rows = prepare({ plan, data, edges, loss, layout });
  return histograms({ rows, forest, loss, layout, tree, level });
}

interface Preparation {
  readonly plan: TreesPlan;
  readonly data: Rows;
  readonly edges: Edges;
  readonly loss: TreesLoss;
  readonly layout: HistogramLayout;
}

function prepare({ plan, data, edges, loss, layout }: Preparation): PreparedRows {
  const key = JSON.stringify([
    loss.stepLog2,
    plan.cohort.label,
    edges.map((column) => [...column]),
    [...layout.offsets],
  ]);
  const known = prepared.get(data.features);
  if (known?.key === key && known.labels === data.labels) return known.rows;
  const values = valuesOf(data.features);
  const rows = {
    occupied: occupiedCells(values, edges, layout.offsets),
    targets: Float64Array.from(data.labels, loss.target),
    sums: new SumsOfRows(values, edges.length),
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

/** Of each cell, side by side: gradient, Hessian, count. */
const parts = [0, 1, 2] as const;

/** Added up in doubles, which hold these integers exactly: at most 2²⁴ rows of at most 2²⁹ steps. */
function histograms(job: Job): readonly BigInt64Array<ArrayBuffer>[] {
  const { nodes, width } = job.layout;
  const cells = new Float64Array(parts.length * nodes * width);
  const totals = addRows(cells, job);
  for (let node = 0; node < nodes; node += 1) fillFirstBins(cells, { node, totals, layout: job.layout });
  return parts.map((part) =>
    BigInt64Array.from({ length: nodes * width }, (_, cell) => BigInt(cells[parts.length * cell + part] ?? 0)),
  );
}

/** @returns the nodes' totals; the first bin of every column is still to be filled */
function addRows(
  cells: Float64Array,
  { rows: { occupied, targets, sums }, forest, loss, layout: { nodes, width }, tree, level }: Job,
): Float64Array {
  const totals = new Float64Array(parts.length * nodes);
  const place = { forest, tree, level };
  const own = Float64Array.of(0, 0, 1);
  sums.after(forest, tree).forEach((sum, row) => {
    const node = sums.nodeOf(row, place);
    own[0] = loss.gradient(loss.answer(sum), targets[row] ?? 0);
    own[1] = loss.hessian(sum);
    addTo(totals, node, own);
    const end = occupied.starts[row + 1] ?? 0;
    for (let i = occupied.starts[row] ?? 0; i < end; i += 1) addTo(cells, node * width + (occupied.cells[i] ?? 0), own);
  });
  return totals;
}

/** @param own of one row: gradient, Hessian, 1 */
function addTo(cells: Float64Array, cell: number, own: Float64Array): void {
  const at = parts.length * cell;
  cells[at] = (cells[at] ?? 0) + (own[0] ?? 0);
  cells[at + 1] = (cells[at + 1] ?? 0) + (own[1] ?? 0);
  cells[at + 2] = (cells[at + 2] ?? 0) + (own[2] ?? 0);
}

/** What is in no other bin of a column is in its first. */
function fillFirstBins(
  cells: Float64Array,
  { node, totals, layout }: { node: number; totals: Float64Array; layout: HistogramLayout },
): void {
  const { width, offsets } = layout;
  for (let column = 0; column + 1 < offsets.length; column += 1) {
    const first = node * width + (offsets[column] ?? 0);
    const end = node * width + (offsets[column + 1] ?? 0);
    for (const part of parts) {
      let rest = totals[parts.length * node + part] ?? 0;
      for (let cell = first + 1; cell < end; cell += 1) rest -= cells[parts.length * cell + part] ?? 0;
      cells[parts.length * first + part] = rest;
    }
  }
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
