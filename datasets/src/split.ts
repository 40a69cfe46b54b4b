// Which of a site's used rows train and which test: by the plan's seed, or by a column of the data.
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import type { CheckedCohort } from './contract.ts';

export interface SplitRows {
  /** Positions in the table, ascending. */
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** Every used row in exactly one half. A fraction gives ⌈fraction · rows⌉ test rows, the ceiling taken exactly in decimals. */
export function splitRows(checked: CheckedCohort): SplitRows {
  const { usedRows, cohort, split } = checked;
  switch (cohort.split.method) {
    case 'none':
      return { train: usedRows, test: new Uint32Array(0) };
    case 'column':
      return {
        train: usedRows.filter((row) => split?.values[row] === 0),
        test: usedRows.filter((row) => split?.values[row] === 1),
      };
    case 'fraction':
      return splitBySeed(usedRows, cohort.split);
  }
}

function splitBySeed(usedRows: Uint32Array, split: { testFraction: string; seed: number }): SplitRows {
  const testCount = ceilingOfShare(split.testFraction, usedRows.length);
  const order = new SeededRandom(labels.split, [split.seed]).permutation(usedRows.length);
  const inTest = new Uint8Array(usedRows.length);
  for (const position of order.subarray(0, testCount)) inTest[position] = 1;
  return {
    train: usedRows.filter((_, i) => inTest[i] === 0),
    test: usedRows.filter((_, i) => inTest[i] === 1),
  };
}

/** ⌈fraction · count⌉ without binary rounding: 0.34 of 50 is 17, where floating point says 17.000000000000004. */
function ceilingOfShare(fraction: string, count: number): number {
  const [whole = '0', decimals = ''] = fraction.split('.');
  const scale = 10n ** BigInt(decimals.length);
  const product = BigInt(whole + decimals) * BigInt(count);
  return Number((product + scale - 1n) / scale);
}
