// Small cells of two columns together: Pearson's r of two columns of ones and zeros, beside their means, is the number of rows that have both.
import type { StatisticsLayout } from './layout.ts';
import type { ColumnSums } from './moments.ts';
import { type CodedFeature, codedFeatures, type StatisticsPlan } from './variables.ts';

export interface JointSums {
  readonly columns: readonly ColumnSums[];
  /** Σ u·u′ of the upper triangle, row by row without the diagonal. */
  readonly products: BigInt64Array;
  /** Rows as the sums count them: 2³¹ each. */
  readonly unit: number;
}

/** Columns that are one thing: the codes of a feature, or a column of which every value is at one end of its range. */
type Coded = readonly number[];

/**
 * The coded thing that each position belongs to, if any. What has no column of its own (`oneHotDropFirst`, a column's other end) is the rest.
 */
export function codedGroups(
  plan: StatisticsPlan,
  { variables }: Pick<StatisticsLayout, 'variables'>,
  isTwoValued: (position: number) => boolean,
): ReadonlyMap<number, Coded> {
  const byPosition = new Map<number, Coded>();
  for (const group of codedFeatures(plan).map(columnsOf)) for (const position of group) byPosition.set(position, group);
  variables.forEach((_, position) => {
    if (!byPosition.has(position) && isTwoValued(position)) byPosition.set(position, [position]);
  });
  return byPosition;
}

/**
 * Whether any cell of the whole table of these two, their rests included, has from 1 to `minimum` − 1 rows. All their correlations are hidden
 * then: what is left of them would give a rest's cells.
 */
export function hasSmallJointCell(sums: JointSums, [first, second]: readonly [Coded, Coded], minimum: number): boolean {
  const firstRows = withRest(
    first.map((a) => rowsOf(sums, a)),
    allRows(sums),
  );
  const secondRows = withRest(
    second.map((b) => rowsOf(sums, b)),
    allRows(sums),
  );
  const known = first.map((a, i) =>
    withRest(
      second.map((b) => rowsOfBoth(sums, a, b)),
      firstRows[i] ?? 0,
    ),
  );
  const rest = secondRows.map((all, j) => known.reduce((left, cells) => left - (cells[j] ?? 0), all));
  return [...known, rest].some((cells) => cells.some((count) => count > 0 && count < minimum));
}

function columnsOf({ columns }: CodedFeature): Coded {
  return columns.filter((column) => column !== null);
}

function withRest(counts: readonly number[], all: number): readonly number[] {
  return [...counts, counts.reduce((left, count) => left - count, all)];
}

function allRows({ columns }: JointSums): number {
  return columns[0]?.rows ?? 0;
}

/** u is 1 or −1: (n + Σu) / 2. */
function rowsOf(sums: JointSums, position: number): number {
  return Math.round((allRows(sums) + sumOf(sums, position)) / 2);
}

/** (n + Σu + Σu′ + Σu·u′) / 4. */
function rowsOfBoth(sums: JointSums, a: number, b: number): number {
  const product = Number(sums.products[pairAt(sums.columns.length, Math.min(a, b), Math.max(a, b))] ?? 0n) / sums.unit;
  return Math.round((allRows(sums) + sumOf(sums, a) + sumOf(sums, b) + product) / 4);
}

function sumOf({ columns, unit }: JointSums, position: number): number {
  return Number(columns[position]?.sum ?? 0n) / unit;
}

/** Place of a pair in the upper triangle, `a` before `b`. */
function pairAt(columns: number, a: number, b: number): number {
  return a * columns - (a * (a + 1)) / 2 + (b - a - 1);
}
