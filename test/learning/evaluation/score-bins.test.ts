// Bins of probabilities: in order, each score in its own bin, fine at both ends; the stated resolution holds.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binnedTable, resolutionOf, scoreBin, scoreBins, scoreOfBin } from '@wardround/learning/evaluation/score-bins';
import { aurocOf, averagePrecisionOf } from '@wardround/learning/metrics/score-table';
import { type Row, aurocByPairs, averagePrecisionByThresholds } from './by-hand.ts';

const score = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1e-4, noNaN: true }),
  fc.double({ min: 1 - 1e-4, max: 1, noNaN: true }),
  fc.constantFrom(0, 0.25, 0.5, 0.75, 1, 2 ** -21, 2 ** -22, 1 - 2 ** -21),
);

describe('score bins', () => {
  it('hold their own midpoints, ascending', () => {
    for (let bin = 0; bin < scoreBins; bin += 1) {
      expect(scoreBin(scoreOfBin(bin))).toBe(bin);
      if (bin > 0) expect(scoreOfBin(bin)).toBeGreaterThan(scoreOfBin(bin - 1));
    }
  });

  it('keep the order of scores', () => {
    fc.assert(
      fc.property(score, score, (a, b) => {
        const [low, high] = a <= b ? [a, b] : [b, a];
        expect(scoreBin(low)).toBeLessThanOrEqual(scoreBin(high));
      }),
    );
  });

  it('are at most one 256th of the score wide, and put one half with the negatives', () => {
    fc.assert(
      fc.property(score, (p) => {
        const bin = scoreBin(p);
        expect(bin).toBeGreaterThanOrEqual(0);
        expect(bin).toBeLessThan(scoreBins);
        const near = Math.min(p, 1 - p);
        expect(Math.abs(scoreOfBin(bin) - p)).toBeLessThanOrEqual(Math.max(near / 256, 2 ** -21));
        expect(scoreOfBin(bin) > 0.5).toBe(p > 0.5);
      }),
    );
  });

  it('move AUROC and AUPRC by no more than they say', () => {
    const row = fc.record({ p: score, y: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 60 }), (rows: readonly Row[]) => {
        const counts = new Float64Array(2 * scoreBins);
        for (const { p, y } of rows) {
          const cell = 2 * scoreBin(p) + y;
          counts[cell] = (counts[cell] ?? 0) + 1;
        }
        const table = binnedTable(counts);
        const resolution = resolutionOf(table);
        const exact = [aurocByPairs(rows), averagePrecisionByThresholds(rows)];
        if (exact[0] === null) {
          expect([aurocOf(table), averagePrecisionOf(table)]).toEqual([null, null]);
          return;
        }
        expect(Math.abs((aurocOf(table) ?? 0) - (exact[0] ?? 0))).toBeLessThanOrEqual(resolution.auroc + 1e-12);
        expect(Math.abs((averagePrecisionOf(table) ?? 0) - (exact[1] ?? 0))).toBeLessThanOrEqual(
          resolution.auprc + 1e-12,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('knows that rows of one bin may be tied among themselves', () => {
    const rows: readonly Row[] = [
      { p: 0.9999, y: 0 },
      { p: 0.5, y: 1 },
      { p: 0.5, y: 1 },
      { p: 5e-324, y: 1 },
      { p: 0, y: 0 },
    ];
    const counts = new Float64Array(2 * scoreBins);
    for (const { p, y } of rows) counts[2 * scoreBin(p) + y] = (counts[2 * scoreBin(p) + y] ?? 0) + 1;
    const table = binnedTable(counts);
    const moved = Math.abs((averagePrecisionOf(table) ?? 0) - (averagePrecisionByThresholds(rows) ?? 0));
    expect(moved).toBeGreaterThan(0.01);
    expect(moved).toBeLessThanOrEqual(resolutionOf(table).auprc);
  });

  it('bounds what one full bin could hide, and does not count it row by row', () => {
    const full = (no: number, yes: number): number => {
      const counts = new Float64Array(2 * scoreBins);
      counts[2 * 5000] = no;
      counts[2 * 5000 + 1] = yes;
      return resolutionOf(binnedTable(counts)).auprc;
    };
    // All positives first: average precision 1, where the tie has 1/2.
    expect(full(500, 500)).toBeCloseTo(0.5, 12);
    expect(full(2 ** 40, 2 ** 40)).toBeCloseTo(0.5, 12);
  });
});
