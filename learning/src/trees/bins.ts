// Which bin of a column a value falls in. The edges come from the plan's ranges, or from federated quantiles where the study has them.
import type { Cohort, Feature } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { inputColumns } from '@wardround/protocol/input-columns';
import { type TreesModel, binsOfColumns } from '@wardround/protocol/tree-sizes';

/**
 * For each input column its edges, ascending, at most one fewer than its bins. A value's bin is the number of edges that are not above it,
 * so a split at edge e sends the bins below it, which are exactly the values < e, to the left.
 */
export type Edges = readonly Float32Array<ArrayBuffer>[];

/** Where each column's bins stand in a node's row of the histogram; one entry more than columns, the last is the row's length. */
export function binOffsets(cohort: Pick<Cohort, 'features'>, model: TreesModel): Uint32Array<ArrayBuffer> {
  const bins = binsOfColumns(cohort, model);
  const offsets = new Uint32Array(bins.length + 1);
  bins.forEach((count, column) => {
    offsets[column + 1] = (offsets[column] ?? 0) + count;
  });
  return offsets;
}

/** Bins of equal width over the declared range: they depend on no patient. A one-hot column is split at ½. */
export function uniformEdges({ features }: Pick<Cohort, 'features'>, { bins }: TreesModel): Edges {
  return features.flatMap((feature) => edgesOfFeature(feature, bins));
}

/**
 * Bins that are narrow where many rows are: the stretches between neighbouring quantiles (and the range's ends) share a column's bins evenly,
 * and each is cut into equal parts, so tails keep some bins as well. Where there are more quantiles than bins, some of them are the edges.
 * A column without quantiles keeps its uniform edges, and so does a one-hot column.
 *
 * @param quantiles for each input column its known quantiles, in any number and order; null for none
 * @throws WardroundError `trees-edges` when they are not finite numbers, one list a column
 */
export function quantileEdges(
  cohort: Pick<Cohort, 'features'>,
  model: TreesModel,
  quantiles: readonly (readonly number[] | null)[],
): Edges {
  const uniform = uniformEdges(cohort, model);
  const columns = inputColumns(cohort);
  const ranges = new Map(
    cohort.features.map((feature) => [feature.name, feature.type === 'number' ? feature.range : null]),
  );
  if (quantiles.length !== uniform.length) throw badEdges(`${uniform.length} columns`, `${quantiles.length}`);
  return uniform.map((edges, column) => {
    const given = quantiles[column] ?? [];
    const range = ranges.get(columns[column]?.feature ?? '');
    if (range === null || range === undefined || given.length === 0) return edges;
    return stretched(distinct([Number(range.min), ...given, Number(range.max)]), model.bins);
  });
}

/** @param value rounded to float32, as the edges are */
export function binOf(edges: Float32Array, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function edgesOfFeature(feature: Feature, bins: number): Float32Array<ArrayBuffer>[] {
  switch (feature.type) {
    case 'number':
      return [between(Number(feature.range.min), Number(feature.range.max), bins)];
    case 'code': {
      const columns = feature.codes.length - (feature.encode === 'oneHotDropFirst' ? 1 : 0);
      return Array.from({ length: columns }, () => Float32Array.of(0.5));
    }
    case 'image':
      return Array.from({ length: feature.height * feature.width * feature.channels }, () => between(0, 1, bins));
  }
}

function between(min: number, max: number, bins: number): Float32Array<ArrayBuffer> {
  return distinct(Array.from({ length: bins - 1 }, (_, i) => min + ((max - min) * (i + 1)) / bins));
}

/** @param points ascending; the first and the last are the range's ends and no edges */
function stretched(points: Float32Array<ArrayBuffer>, bins: number): Float32Array<ArrayBuffer> {
  const stretches = points.length - 1;
  if (stretches > bins) return evenly(points.subarray(1, -1), bins - 1);
  const edges = [...points.subarray(0, -1)].flatMap((start, i) => {
    const parts = Math.floor(bins / stretches) + (i < bins % stretches ? 1 : 0);
    const end = points[i + 1] ?? start;
    return Array.from({ length: parts }, (_, part) => start + ((end - start) * part) / parts);
  });
  return distinct(edges.slice(1));
}

/** `count` of more values than that. */
function evenly(values: Float32Array, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: count },
    (_, i) => values[Math.floor(((i + 1) * (values.length + 1)) / (count + 1)) - 1] ?? 0,
  );
}

/** As float32, ascending, none twice. */
function distinct(values: readonly number[]): Float32Array<ArrayBuffer> {
  const edges = Float32Array.from(values);
  if (!edges.every((value) => Number.isFinite(value))) throw badEdges('finite numbers', 'NaN or infinity');
  return new Float32Array(new Set(edges.toSorted()));
}

function badEdges(expected: string, got: string): WardroundError {
  return new WardroundError('trees-edges', 'no bins can be made of these quantiles', { expected, got, action: 'stop' });
}
