// One table dealt out to many imagined sites, for simulations: by a column of the data, evenly, or unevenly by label.
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { imagesAt } from './images/table-images.ts';
import { type Column, type Table, findColumn } from './table.ts';

export interface SiteTable {
  readonly name: string;
  readonly table: Table;
}

/** The rows at these positions, in this order. */
export function rowsAt(table: Table, rows: readonly number[]): Table {
  const columns = table.columns.map((column): Column =>
    column.type === 'number'
      ? { ...column, values: rows.map((row) => column.values[row] ?? null) }
      : { ...column, values: rows.map((row) => column.values[row] ?? null) },
  );
  const images = table.images === null ? null : imagesAt(table.images, rows);
  return { ...table, rows: rows.length, columns, images };
}

export interface PartitionedTable {
  /** In the order of first appearance. */
  readonly sites: readonly SiteTable[];
  /** Rows that name no site, and are at none. */
  readonly leftOut: number;
}

/**
 * One site for each value of a column; the column itself goes away.
 *
 * @throws WardroundError `partition-column` where the column is missing, or has values that make no site's name
 */
export function bySiteColumn(table: Table, name: string): PartitionedTable {
  const column = findColumn(table, name);
  if (column === undefined) {
    throw refusedColumn(name, {
      expected: `one of ${table.columns.map((known) => known.name).join(', ')}`,
      got: 'no such column',
    });
  }
  const places = new Map<string, number[]>();
  const values: readonly (string | number | null)[] = column.values;
  values.forEach((value, row) => {
    if (value === null) return;
    const site = siteName(value, name);
    const rows = places.get(site) ?? [];
    rows.push(row);
    places.set(site, rows);
  });
  const rest = { ...table, columns: table.columns.filter((known) => known !== column) };
  return {
    sites: [...places].map(([site, rows]) => ({ name: site, table: rowsAt(rest, rows) })),
    leftOut: values.filter((value) => value === null).length,
  };
}

/** Lower case, what a name may not have becomes `-`. */
function siteName(value: string | number, column: string): string {
  const site = String(value)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  if (!/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/.test(site))
    throw refusedColumn(column, { expected: 'values that can name a site', got: String(value).slice(0, 80) });
  return site;
}

/** Names `site-0001` and so on, as many digits as the count needs. */
export function imaginedSites(count: number): readonly string[] {
  const digits = String(count).length;
  return Array.from({ length: count }, (_, i) => `site-${String(i + 1).padStart(digits, '0')}`);
}

export type Partition =
  /** Every row to a site by chance, sizes equal but for one row. */
  | { readonly method: 'iid' }
  /** For each class the sites' shares are drawn from a symmetric Dirichlet distribution: the smaller alpha, the less alike. */
  | { readonly method: 'dirichlet'; readonly alpha: number };

export interface PartitionJob {
  readonly partition: Partition;
  readonly sites: readonly string[];
  /** Class of each row; rows of a class are dealt out together under `dirichlet`. */
  readonly classes: readonly (number | string)[];
  readonly seed: number;
}

/**
 * Row positions of each site, ascending; every row is at exactly one site. Fixed by the seed.
 *
 * Source of the Dirichlet partition: Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
 * Classification", 2019.
 */
export function partitionRows({ partition, sites, classes, seed }: PartitionJob): readonly (readonly number[])[] {
  const bySite: number[][] = sites.map(() => []);
  if (partition.method === 'iid') {
    const order = new SeededRandom(labels.partition, [seed, 'iid']).permutation(classes.length);
    order.forEach((row, i) => bySite[i % sites.length]?.push(row));
  } else {
    for (const [label, rows] of rowsByClass(classes)) {
      const random = new SeededRandom(labels.partition, [seed, 'dirichlet', label]);
      const order = random.permutation(rows.length);
      const ends = cumulative(dirichlet(random, { alpha: partition.alpha, size: sites.length }), rows.length);
      let site = 0;
      order.forEach((position, i) => {
        while (i >= (ends[site] ?? Number.POSITIVE_INFINITY)) site += 1;
        bySite[site]?.push(rows[position] ?? 0);
      });
    }
  }
  return bySite.map((rows) => rows.toSorted((a, b) => a - b));
}

function rowsByClass(classes: readonly (number | string)[]): readonly (readonly [string, readonly number[]])[] {
  const rows = new Map<string, number[]>();
  classes.forEach((label, row) => {
    const own = rows.get(String(label)) ?? [];
    own.push(row);
    rows.set(String(label), own);
  });
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Where each site's share of `count` rows ends. */
function cumulative(shares: readonly number[], count: number): readonly number[] {
  let sum = 0;
  return shares.map((share, i) => {
    sum += share;
    // The shares' sum is 1 but for rounding.
    return i === shares.length - 1 ? count : Math.round(sum * count);
  });
}

/** Gamma variates over their sum. */
function dirichlet(random: SeededRandom, { alpha, size }: { alpha: number; size: number }): readonly number[] {
  const draws = Array.from({ length: size }, () => gamma(random, alpha));
  const total = draws.reduce((sum, draw) => sum + draw, 0);
  return total === 0 ? draws.map((_, i) => Number(i === 0)) : draws.map((draw) => draw / total);
}

/** Source: Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000; for shapes below 1 their section 6. */
function gamma(random: SeededRandom, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * open(random) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(open(random)) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Box and Muller 1958. */
function normal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(open(random))) * Math.cos(2 * Math.PI * random.fraction());
}

/** Uniform in (0, 1). */
function open(random: SeededRandom): number {
  return (random.uint32() + 0.5) / 0x1_0000_0000;
}

function refusedColumn(where: string, details: { expected: string; got: string }): WardroundError {
  return new WardroundError('partition-column', 'the column does not say which site a row belongs to', {
    where,
    ...details,
  });
}
