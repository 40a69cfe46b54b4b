// Small cells: what is hidden, and that neither a small cell nor a small union follows from the total.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binnedQuantile, coarser } from '@wardround/learning/statistics/quantiles';
import { ExactSum } from '@wardround/learning/statistics/exact-sum';
import { hiddenCells, withoutSmallCells, withoutSmallCount } from '@wardround/learning/statistics/suppression';

describe('hiddenCells', () => {
  it.each<[readonly number[], readonly number[]]>([
    [
      [10, 20, 0],
      [10, 20, 0],
    ],
    [
      [9, 20, 30],
      [-1, -1, 30],
    ],
    [
      [9, 30, 20],
      [-1, 30, -1],
    ],
    [
      [5, 5, 40],
      [-1, -1, 40],
    ],
    [
      [2, 3, 40, 50],
      [-1, -1, -1, 50],
    ],
    [
      [1, 0, 0],
      [-1, 0, 0],
    ],
    [[], []],
  ])('of %j shows %j', (counts, shown) => {
    expect(withoutSmallCells(counts, 10)).toEqual(shown);
  });

  it('never leaves one small cell, or a small union, to be computed from the total', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        (counts, minimum) => {
          const hidden = hiddenCells(counts, minimum);
          const inside = counts.filter((_, i) => hidden[i] === true);
          const filled = counts.filter((count) => count > 0);
          counts.forEach((count, i) => {
            if (count > 0 && count < minimum) expect(hidden[i]).toBe(true);
            if (count === 0) expect(hidden[i]).toBe(false);
          });
          if (inside.length === 0 || inside.length === filled.length) return;
          expect(inside.length).toBeGreaterThanOrEqual(2);
          expect(inside.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(minimum);
        },
      ),
    );
  });

  it('hides nothing where one row is enough', () => {
    expect(withoutSmallCells([1, 2, 0], 1)).toEqual([1, 2, 0]);
    expect([withoutSmallCount(0, 10), withoutSmallCount(9, 10), withoutSmallCount(10, 10)]).toEqual([0, -1, 10]);
  });
});

describe('binnedQuantile', () => {
  it('is at most one bin from the rows’ own', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.constantFrom(5, 25, 50, 90),
        (values, percent) => {
          const counts = Array.from({ length: 64 }, () => 0);
          for (const value of values) {
            const bin = Math.min(63, Math.floor(value * 64));
            counts[bin] = (counts[bin] ?? 0) + 1;
          }
          const exact =
            values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil((values.length * percent) / 100) - 1)] ?? 0;
          const found = binnedQuantile({ counts, min: 0, max: 1 }, percent, 0) ?? Number.NaN;
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(1 / 64 + 1e-12);
        },
      ),
    );
  });

  it('is not shown with few rows on one side', () => {
    const binned = { counts: [100, 0, 100], min: 0, max: 3 };
    expect([5, 10, 50, 95].map((percent) => binnedQuantile(binned, percent, 15) === null)).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('coarser bins hold the same rows', () => {
    expect(coarser([1, 2, 3, 4, 5, 6], 3)).toEqual([3, 7, 11]);
  });
});

describe('ExactSum', () => {
  it('does not lose small values, nor gain from many', () => {
    const sum = new ExactSum();
    for (const value of [1e16, 1, -1e16, 1]) sum.add(value);
    expect(sum.value).toBe(2);
    const many = new ExactSum();
    for (let i = 0; i < 1_000_000; i += 1) many.add(0.1);
    expect(many.value).toBe(100_000);
  });
});
