// Rules that select: exact distances, ties by the sites' order, hostile values that cannot move the result far.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { roundTask } from '@wardround/learning/rounds/round-task';
import { coordinateMedian } from '@wardround/learning/strategies/coordinate-median';
import { krumScores, multiKrum } from '@wardround/learning/strategies/multi-krum';
import { trimmedMean } from '@wardround/learning/strategies/trimmed-mean';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cohortOf, sitesOf } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';
import { withCode } from '../tensors.ts';

const least = -(2 ** 31);
const most = 2 ** 31 - 1;
const int32 = fc.oneof(
  fc.integer({ min: least, max: most }),
  fc.constantFrom(least, most, 0, -1, 1, 65_535, 65_536, -65_536),
);
const updates = (sites: number, length = 5): fc.Arbitrary<Int32Array[]> =>
  fc.array(
    fc.array(int32, { minLength: length, maxLength: length }).map((values) => Int32Array.from(values)),
    { minLength: sites, maxLength: sites },
  );

describe('Krum’s scores', () => {
  it('are the sums of exact squared distances to the nearest', () => {
    fc.assert(
      fc.property(updates(5), (sites) => {
        const naive = sites.map((a, i) => {
          const distances = sites.flatMap((b, j) =>
            i === j ? [] : [a.reduce((sum, value, k) => sum + (BigInt(value) - BigInt(b[k] ?? 0)) ** 2n, 0n)],
          );
          const [first = 0n, second = 0n] = distances.toSorted((x, y) => (x < y ? -1 : 1));
          return first + second;
        });
        expect(krumScores(sites, 2)).toEqual(naive);
      }),
    );
  });

  it('do not round: distances that differ by 1 of 2⁶⁶ are different', () => {
    const far = new Int32Array(8).fill(most);
    const near = Int32Array.from(far, (value, i) => (i === 0 ? value - 1 : value));
    const origin = new Int32Array(8).fill(least);
    const [, , score] = krumScores([far, near, origin], 1);
    expect(score).toBe(7n * (2n ** 32n - 1n) ** 2n + (2n ** 32n - 2n) ** 2n);
    expect(Number(score)).toBe(Number((score ?? 0n) + 1n));
  });

  it('span blocks', () => {
    const length = 2 ** 20 + 3;
    const [score] = krumScores([new Int32Array(length).fill(most), new Int32Array(length).fill(least)], 1);
    expect(score).toBe(BigInt(length) * (2n ** 32n - 1n) ** 2n);
  });
});

describe('Multi-Krum', () => {
  it('takes the first sites in order where scores are equal', () => {
    const sites = [10, 20, 30, 40, 50].map((value) => Int32Array.of(value));
    // Scores: 500, 200, 200, 200, 500 (two nearest each).
    expect(multiKrum(sites, { select: 1, minimum: 5 })).toEqual(Float64Array.of(20));
    expect(multiKrum(sites, { select: 2, minimum: 5 })).toEqual(Float64Array.of(25));
  });

  it('never takes a lone far update, wherever it stands', () => {
    const honest = [1, 2, 3, 4].map((value) => Int32Array.of(value, value));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1000, max: most }), (place, value) => {
        const sites = honest.toSpliced(place, 0, Int32Array.of(value, -value));
        expect(multiKrum(sites, { select: 4, minimum: 5 })).toEqual(Float64Array.of(2.5, 2.5));
      }),
    );
  });
});

describe('median and trimmed mean', () => {
  it('stay within the honest values whatever f of 2f + 1 sites send', () => {
    fc.assert(
      fc.property(updates(3), updates(2), fc.nat(), (honest, hostile, place) => {
        const sites = honest.toSpliced(place % 4, 0, ...hostile);
        for (const rule of [coordinateMedian, (all: readonly Int32Array[]) => trimmedMean(all, 2)]) {
          rule(sites).forEach((value, j) => {
            const values = honest.map((update) => update[j] ?? 0);
            expect(value).toBeGreaterThanOrEqual(Math.min(...values));
            expect(value).toBeLessThanOrEqual(Math.max(...values));
          });
        }
      }),
    );
  });

  it('of an even number is the exact middle', () => {
    const sites = [least, most, most - 1, least].map((value) => Int32Array.of(value));
    expect(coordinateMedian(sites)).toEqual(Float64Array.of((least + most - 1) / 2));
  });
});

describe('a round of a selecting rule', () => {
  const planFor = (minimum: number, rule: object = {}): StudyPlan =>
    studyPlanOf({
      cohort: cohortOf(['a']),
      strategy: { name: 'selectingRule', rule: { kind: 'multiKrum', select: 2, ...rule } },
      sites: sitesOf(6, minimum),
      weighting: 'equal',
    });
  const integers = [Int32Array.of(1), Int32Array.of(2)];
  const closed = (count: number, overrides: object = {}): Parameters<ReturnType<typeof roundTask>['next']>[0] => ({
    base: initialCheckpoint(planFor(5)).content,
    sums: integers.map(() => new BigInt64Array(1)),
    totalWeight: count,
    contributors: count,
    each: Array.from({ length: count }, () => ({ weight: 1, integers })),
    ...overrides,
  });
  const task = roundTask(planFor(5), 1);

  it('reads each contribution within the one norm bound', () => {
    expect(task.reads).toBe('each');
    expect(task.limits).toEqual([1, 2].map(() => ({ kind: 'norm', group: 'update', bound: '10' })));
    expect(task.next(closed(5)).model.map(({ data }) => data[0])).toEqual([2 ** -24, 2 ** -23]);
  });

  it.each([
    ['fewer contributors than K', closed(4)],
    ['fewer contributions than contributors', closed(5, { contributors: 6, totalWeight: 6 })],
    ['weights', closed(5, { totalWeight: 6 })],
    ['a tensor less', closed(5, { each: closed(5).each.map((one) => ({ ...one, integers: integers.slice(1) })) })],
    [
      '64-bit integers',
      closed(5, {
        each: closed(5).each.map((one) => ({ ...one, integers: [1n, 2n].map((v) => BigInt64Array.of(v)) })),
      }),
    ],
    [
      'a value more',
      closed(5, { each: closed(5).each.map((one) => ({ ...one, integers: [Int32Array.of(1, 2), Int32Array.of(3)] })) }),
    ],
  ])('refuses %s', (_, contributions) => {
    expect(() => task.next(contributions)).toThrow(withCode('sums-mismatch'));
  });

  it('is no task for a plan with too few sites for any federation', () => {
    expect(() => roundTask(planFor(2), 1)).toThrow(withCode('selecting-minimum'));
    expect(() => roundTask(planFor(5, { select: 5 }), 1)).toThrow(withCode('selecting-select'));
    expect(() => roundTask(planFor(4, { kind: 'trimmedMean', trim: 2 }), 1)).toThrow(withCode('selecting-minimum'));
    expect(() => roundTask({ ...planFor(5), weighting: 'patients' }, 1)).toThrow(withCode('strategy-weighting'));
  });
});
