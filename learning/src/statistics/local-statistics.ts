// A site's part of a statistics round: its training rows as counts and sums. What is counted of test rows is only how many there are.
import { WardroundError } from '@wardround/protocol/errors';
import { toFixed64 } from '@wardround/protocol/fixed-point';
import type { Integers } from '../rounds/round-task.ts';
import type { Rows, SiteRows } from '../rounds/site-rows.ts';
import { sumOver } from './exact-sum.ts';
import {
  type StatisticsLayout,
  type StatisticsTensorName,
  requireCountable,
  statisticsLayout,
  sumsStepLog2,
} from './layout.ts';
import { type CodedFeature, type StatisticsPlan, type Variable, codedFeatures } from './variables.ts';

/** A value a little beyond its range is only rounding; more is not what the contract checked. */
const rangeTolerance = 1e-9;

/**
 * @param data not standardised
 * @throws WardroundError `statistics-rows`, `statistics-range` (a value outside the contract's range), `statistics-data` (sizes)
 */
export function localStatistics(plan: StatisticsPlan, data: SiteRows): Integers {
  const layout = statisticsLayout(plan);
  const rowsOfTable = data.train.rows + data.test.rows + data.missing.droppedRows;
  requireCountable(rowsOfTable);
  const scaled = columnReader(layout, data.train);
  const all = layout.variables.map((_, position) => position);
  const counts = (values: Iterable<number>): BigInt64Array => BigInt64Array.from(values, BigInt);
  const sums = (values: readonly number[]): BigInt64Array => toFixed64(values, sumsStepLog2);
  const makers: Readonly<Record<StatisticsTensorName, () => BigInt64Array>> = {
    'counts.rows': () => counts([data.train.rows, data.test.rows]),
    'counts.events': () => counts([eventsIn(data.train), eventsIn(data.test)]),
    'counts.codes': () =>
      counts(codedFeatures(plan).flatMap((feature) => codeCounts(feature, scaled, data.train.rows))),
    'missing.cells': () => counts(missingByFeature(plan, data)),
    'missing.droppedRows': () => counts([data.missing.droppedRows]),
    'moments.sums': () => sums(all.map((position) => total(scaled(position)))),
    'moments.squares': () => sums(all.map((position) => square(scaled(position)))),
    'moments.products': () => sums(products(all.map((position) => scaled(position)))),
    'histogram.counts': () =>
      counts(layout.measured.flatMap((position) => [...histogram(scaled(position), layout.bins)])),
  };
  return layout.tensors.map(({ name }) => makerOf(makers, name)());
}

function makerOf(makers: Readonly<Record<string, () => BigInt64Array>>, name: string): () => BigInt64Array {
  const maker = makers[name];
  if (maker === undefined) throw badData(`no maker for ${name}`);
  return maker;
}

/** A variable's training values as u in [−1, 1]; made anew each time, so that memory holds one column, never all. */
type ColumnReader = (position: number) => Float64Array;

function columnReader({ variables }: StatisticsLayout, { rows, features, labels }: Rows): ColumnReader {
  const inputs = variables.filter(({ kind }) => kind !== 'label').length;
  if (features.length !== rows * inputs || labels.length !== rows) {
    throw badData(`${features.length} features, ${labels.length} labels, ${rows} rows`);
  }
  const size = features instanceof Uint8Array ? 1 / 255 : 1;
  return (position) => {
    const variable = variables[position];
    if (variable === undefined) throw badData(`no column ${position}`);
    return Float64Array.from({ length: rows }, (_, row) =>
      variable.kind === 'label'
        ? scaledValue(labels[row] ?? Number.NaN, variable)
        : scaledValue((features[row * inputs + position] ?? Number.NaN) * size, variable),
    );
  };
}

function scaledValue(value: number, { centre, half, name }: Variable): number {
  const scaled = (value - centre) / half;
  if (!(Math.abs(scaled) <= 1 + rangeTolerance)) {
    throw new WardroundError('statistics-range', 'a value outside the range that the plan declares', {
      where: name,
      action: 'stop',
    });
  }
  return Math.min(1, Math.max(-1, scaled));
}

/** 1 rows of a binary label, or rows whose time ends with the event. */
function eventsIn({ rows, labels, events }: Rows): number {
  const marks = events ?? labels;
  return sumOver(rows, (row) => (marks[row] === 1 ? 1 : 0));
}

/** Rows of each code. The first may have no column of its own: then it has the rows that no other code has. */
function codeCounts({ columns }: CodedFeature, scaled: ColumnReader, rows: number): readonly number[] {
  const known = columns.map((column) =>
    column === null ? 0 : scaled(column).reduce((sum, value) => sum + (value > 0 ? 1 : 0), 0),
  );
  const others = known.reduce((sum, count) => sum + count, 0);
  return columns.map((column, i) => (column === null ? rows - others : (known[i] ?? 0)));
}

/** `missing.cells` is by input column: the columns of one feature are empty together. */
function missingByFeature({ cohort }: StatisticsPlan, { missing }: SiteRows): readonly number[] {
  let column = 0;
  return cohort.features.map((feature) => {
    const cells = missing.cells[column] ?? 0;
    column += columnsOf(feature);
    return cells;
  });
}

function columnsOf(feature: StatisticsPlan['cohort']['features'][number]): number {
  switch (feature.type) {
    case 'number':
      return 1;
    case 'code':
      return feature.codes.length - (feature.encode === 'oneHotDropFirst' ? 1 : 0);
    case 'image':
      return feature.height * feature.width * feature.channels;
  }
}

function total(column: Float64Array): number {
  return sumOver(column.length, (i) => column[i] ?? 0);
}

function square(column: Float64Array): number {
  return product(column, column);
}

/** The upper triangle, row by row, without the diagonal. */
function products(columns: readonly Float64Array[]): readonly number[] {
  return columns.flatMap((first, a) => columns.slice(a + 1).map((second) => product(first, second)));
}

function product(first: Float64Array, second: Float64Array): number {
  return sumOver(first.length, (i) => (first[i] ?? 0) * (second[i] ?? 0));
}

/** Counts in bins of equal width over the range; the last bin has the range's end. */
function histogram(scaled: Float64Array, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  for (const value of scaled) {
    const bin = Math.min(bins - 1, Math.floor(((value + 1) / 2) * bins));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

function badData(got: string): WardroundError {
  return new WardroundError('statistics-data', 'the data do not fit the plan', { got, action: 'stop' });
}
