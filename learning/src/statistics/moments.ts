// Means, standard deviations and correlations from exact sums of integers: the differences of large numbers are taken before any rounding.
import { powerOfTwo } from '../strategies/server-strategy.ts';
import { sumsStepLog2 } from './layout.ts';
import type { Variable } from './variables.ts';

/** Sums over all rows of all contributors, of u and u², as the integers of a contribution. */
export interface ColumnSums {
  readonly rows: number;
  readonly sum: bigint;
  readonly squares: bigint;
}

const step = powerOfTwo(sumsStepLog2);
const unit = 1n << BigInt(-sumsStepLog2);

/** centre + half · Σu / n. */
export function meanOf({ rows, sum }: ColumnSums, { centre, half }: Variable): number {
  return centre + half * ((Number(sum) * step) / rows);
}

/**
 * The sample standard deviation (ddof 1). 0 where the column is constant within what the contributions' rounding lets one see: every site
 * rounds Σu and Σu² by up to half a step.
 */
export function deviationOf(sums: ColumnSums, { half }: Variable, contributors: number): number {
  const { rows } = sums;
  const scatter = scatterOf(sums);
  if (rows < 2 || scatter <= BigInt(3 * contributors * rows) * unit) return 0;
  return half * Math.sqrt((Number(scatter) * step * step) / (rows * (rows - 1)));
}

/** n·Σu² − (Σu)² in steps of 2⁻⁶². */
function scatterOf({ rows, sum, squares }: ColumnSums): bigint {
  return BigInt(rows) * squares * unit - sum * sum;
}

/** Pearson's r; null where a column is constant. */
export function correlationOf(
  first: ColumnSums,
  second: ColumnSums,
  { products, contributors }: { readonly products: bigint; readonly contributors: number },
): number | null {
  const rounding = BigInt(3 * contributors * first.rows) * unit;
  const [a, b] = [scatterOf(first), scatterOf(second)];
  if (a <= rounding || b <= rounding) return null;
  const together = BigInt(first.rows) * products * unit - first.sum * second.sum;
  const r = Number(together) / (Math.sqrt(Number(a)) * Math.sqrt(Number(b)));
  return Math.min(1, Math.max(-1, r));
}
