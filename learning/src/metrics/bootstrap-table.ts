// Bootstrap of a score table: as many rows as it has are drawn from it, with replacement, again and again.
import { type Interval, type ResamplingRandom, percentileInterval } from './resampling.ts';
import { type ScoreTable, totals } from './score-table.ts';

export type TableMeasure = (table: ScoreTable) => number | null;

export interface TableBootstrap {
  readonly table: ScoreTable;
  readonly random: ResamplingRandom;
  readonly replicates: number;
}

/** Draws that all replicates together may take: about a second. */
const mostDraws = 2e7;
const leastReplicates = 200;
/** Beyond it rows are no longer drawn one by one: what a replicate takes must not grow with what sites say that they have. */
const mostRowsDrawn = 250_000;

/** 1000, fewer for more than 20,000 rows, never fewer than 200. */
export function replicatesFor(rows: number): number {
  return Math.max(leastReplicates, Math.min(1000, Math.floor(mostDraws / Math.max(1, rows))));
}

/** For each measure the 95 % percentile interval; null where no replicate has a value (a class that is missing). */
export function tableIntervals(
  { table, random, replicates }: TableBootstrap,
  measures: readonly TableMeasure[],
): readonly (Interval | null)[] {
  const filled = withoutEmpty(table);
  const { negatives, positives } = totals(filled);
  const rows = negatives + positives;
  if (rows === 0) return measures.map(() => null);
  const draw = rows <= mostRowsDrawn ? drawnRows(filled, random) : () => poissonCounts(filled, random);
  const values = measures.map((): number[] => []);
  for (let replicate = 0; replicate < replicates; replicate += 1) {
    const sample = draw();
    measures.forEach((measure, i) => {
      const value = measure(sample);
      if (value !== null) values[i]?.push(value);
    });
  }
  return values.map(percentileInterval);
}

function withoutEmpty({ scores, negatives, positives }: ScoreTable): ScoreTable {
  const isFilled = (i: number): boolean => (negatives[i] ?? 0) + (positives[i] ?? 0) > 0;
  const only = (values: Float64Array): Float64Array => values.filter((_, i) => isFilled(i));
  return { scores: only(scores), negatives: only(negatives), positives: only(positives) };
}

/** As many rows as there are, each drawn with replacement. */
function drawnRows(table: ScoreTable, random: ResamplingRandom): () => ScoreTable {
  const cells = cellsOfRows(table);
  const { scores } = table;
  return () => {
    const negatives = new Float64Array(scores.length);
    const positives = new Float64Array(scores.length);
    for (let draw = 0; draw < cells.length; draw += 1) {
      const cell = cells[random.below(cells.length)] ?? 0;
      const counts = (cell & 1) === 1 ? positives : negatives;
      counts[cell >> 1] = (counts[cell >> 1] ?? 0) + 1;
    }
    return { scores, negatives, positives };
  };
}

/** For each row its place among the counts: 2·entry for a negative, 2·entry + 1 for a positive. */
function cellsOfRows(table: ScoreTable): Uint32Array {
  const all = totals(table);
  const cells = new Uint32Array(all.negatives + all.positives);
  let at = 0;
  table.scores.forEach((_, i) => {
    for (const [cell, count] of [
      [2 * i, table.negatives[i] ?? 0],
      [2 * i + 1, table.positives[i] ?? 0],
    ] as const) {
      cells.fill(cell, at, at + count);
      at += count;
    }
  });
  return cells;
}

/**
 * Every row counted as often as a Poisson(1) says, which for many rows is the same bootstrap.
 * Source: Chamandy, Muralidharan, Najmi and Naidu, "Estimating Uncertainty for Massive Data Streams", 2012.
 */
function poissonCounts({ scores, negatives, positives }: ScoreTable, random: ResamplingRandom): ScoreTable {
  return {
    scores,
    negatives: negatives.map((count) => poisson(count, random)),
    positives: positives.map((count) => poisson(count, random)),
  };
}

/** Above it a Poisson count is taken for a normal one. */
const mostPoissonMean = 32;

function poisson(mean: number, random: ResamplingRandom): number {
  if (mean > mostPoissonMean) {
    const drawn = mean + Math.sqrt(mean) * standardNormal(random);
    return Math.max(0, Math.floor(drawn + 0.5));
  }
  let count = 0;
  for (let row = 0; row < mean; row += 1) count += poissonOfOne(random);
  return count;
}

/** e⁻¹·Σ 1/j! for j ≤ 0, 1, … 9. */
const poissonDistribution: readonly number[] = [
  0.367879441171442, 0.735758882342885, 0.919698602928606, 0.981011843123846, 0.996340153172656, 0.999405815182418,
  0.999916758850712, 0.999989750803325, 0.999998874797402, 0.999999888574522,
];

function poissonOfOne(random: ResamplingRandom): number {
  const place = random.fraction();
  const count = poissonDistribution.findIndex((share) => place < share);
  return count < 0 ? poissonDistribution.length : count;
}

/** Irwin and Hall's sum of twelve uniforms: + and − only, so that every machine draws the same. */
function standardNormal(random: ResamplingRandom): number {
  let sum = -6;
  for (let i = 0; i < 12; i += 1) sum += random.fraction();
  return sum;
}
