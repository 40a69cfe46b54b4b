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
  const cells = cellsOfRows(filled);
  if (cells.length === 0) return measures.map(() => null);
  const values = measures.map((): number[] => []);
  for (let replicate = 0; replicate < replicates; replicate += 1) {
    const sample = resample(filled, cells, random);
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

function resample({ scores }: ScoreTable, cells: Uint32Array, random: ResamplingRandom): ScoreTable {
  const negatives = new Float64Array(scores.length);
  const positives = new Float64Array(scores.length);
  for (let draw = 0; draw < cells.length; draw += 1) {
    const cell = cells[random.below(cells.length)] ?? 0;
    const counts = (cell & 1) === 1 ? positives : negatives;
    counts[cell >> 1] = (counts[cell >> 1] ?? 0) + 1;
  }
  return { scores, negatives, positives };
}
