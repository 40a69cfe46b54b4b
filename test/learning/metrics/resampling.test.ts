// The bootstrap's generator against its published algorithm in BigInt; intervals by rank; how often an interval holds the truth.
import { describe, expect, it } from 'vitest';
import { replicatesFor, tableIntervals } from '@wardround/learning/metrics/bootstrap-table';
import { ResamplingRandom, percentileInterval } from '@wardround/learning/metrics/resampling';
import { resampledPairs, resampledSums } from '@wardround/learning/metrics/row-bootstrap';
import { accuracyOf, aurocOf, tableOf } from '@wardround/learning/metrics/score-table';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';

/** xoshiro128** as its authors print it (prng.di.unimi.it), in BigInt. */
function* published(context: readonly (string | number)[]): Generator<bigint, never> {
  const mask = 0xffff_ffffn;
  const seed = new SeededRandom(labels.bootstrap, [...context]);
  const s = [0, 1, 2, 3].map(() => BigInt(seed.uint32()));
  const at = (i: number): bigint => s[i] ?? 0n;
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & mask;
  for (;;) {
    yield (rotl((at(1) * 5n) & mask, 7n) * 9n) & mask;
    const t = (at(1) << 9n) & mask;
    s[2] = at(2) ^ at(0);
    s[3] = at(3) ^ at(1);
    s[1] = at(1) ^ at(2);
    s[0] = at(0) ^ at(3);
    s[2] = at(2) ^ t;
    s[3] = rotl(at(3), 11n);
  }
}

describe('the generator', () => {
  it('is xoshiro128**', () => {
    const random = new ResamplingRandom(['a', 1]);
    const reference = published(['a', 1]);
    for (let i = 0; i < 2000; i += 1) expect(random.below(2 ** 32)).toBe(Number(reference.next().value));
  });

  it('stays below its bound, reaches all of it, and differs by context', () => {
    const draws = (context: readonly (string | number)[]): readonly number[] => {
      const random = new ResamplingRandom([...context]);
      return Array.from({ length: 500 }, () => random.below(7));
    };
    expect(new Set(draws(['a']))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    expect(draws(['a'])).toEqual(draws(['a']));
    expect(draws(['a'])).not.toEqual(draws(['b']));
  });
});

describe('percentileInterval', () => {
  it('takes the middle 95 % by rank, whatever the order', () => {
    const values = Array.from({ length: 1001 }, (_, i) => 1000 - i);
    expect(percentileInterval(values)).toEqual({ low: 25, high: 975 });
    expect(percentileInterval([3])).toEqual({ low: 3, high: 3 });
    expect(percentileInterval([])).toBeNull();
  });
});

describe('the bootstrap of a table', () => {
  it('holds the truth about as often as it says', () => {
    const truth = 0.7;
    const random = new ResamplingRandom(['worlds']);
    const held = Array.from({ length: 200 }, () => {
      const rows = Float64Array.from({ length: 120 }, () => (random.below(1000) < 1000 * truth ? 1 : 0));
      const table = tableOf(
        rows.map(() => 0.9),
        rows,
      );
      const [interval] = tableIntervals({ table, random, replicates: 200 }, [accuracyOf]);
      return interval != null && interval.low <= truth && truth <= interval.high;
    }).filter(Boolean).length;
    expect(held).toBeGreaterThan(178);
    expect(held).toBeLessThan(200);
  });

  it('says nothing of no rows, nor of one class', () => {
    const random = new ResamplingRandom(['none']);
    const table = (scores: readonly number[]): ReturnType<typeof tableOf> =>
      tableOf(Float64Array.from(scores), new Float64Array(scores.length));
    expect(tableIntervals({ table: table([]), random, replicates: 200 }, [accuracyOf, aurocOf])).toEqual([null, null]);
    expect(tableIntervals({ table: table([0.1, 0.2]), random, replicates: 200 }, [accuracyOf, aurocOf])).toEqual([
      { low: 1, high: 1 },
      null,
    ]);
  });

  it('says the same where counts are drawn in the place of rows', () => {
    const tableWith = (rows: number): ReturnType<typeof tableOf> => ({
      scores: Float64Array.of(0.1, 0.4, 0.9),
      negatives: Float64Array.of(0.3 * rows, 0.2 * rows, 0.1 * rows),
      positives: Float64Array.of(0.001 * rows, 0.199 * rows, 0.2 * rows),
    });
    const width = (rows: number): number => {
      const random = new ResamplingRandom(['many', rows]);
      const [interval] = tableIntervals({ table: tableWith(rows), random, replicates: 400 }, [aurocOf]);
      return (interval?.high ?? 0) - (interval?.low ?? 0);
    };
    // Ten times as many rows: narrower by √10, also across the change of method.
    expect(width(200_000) / width(2_000_000)).toBeGreaterThan(0.8 * Math.sqrt(10));
    expect(width(200_000) / width(2_000_000)).toBeLessThan(1.25 * Math.sqrt(10));
  });

  it('takes no longer for counts that no hospital has', () => {
    const scores = Float64Array.from({ length: 100 }, (_, i) => i / 100);
    const counts = scores.map(() => 2 ** 32);
    const table = { scores, negatives: counts, positives: counts.map((_, i) => (i % 2 === 0 ? 3 : 2 ** 40)) };
    const [interval] = tableIntervals({ table, random: new ResamplingRandom(['huge']), replicates: 200 }, [aurocOf]);
    expect(interval?.low).toBeGreaterThan(0.4);
    expect(interval?.high).toBeLessThan(0.6);
  });

  it('takes fewer replicates for many rows, never too few', () => {
    expect([0, 1, 20_000, 40_000, 100_000, 4_000_000].map(replicatesFor)).toEqual([1000, 1000, 1000, 500, 200, 200]);
  });
});

describe('the bootstrap of rows', () => {
  it('has sums around the sum', () => {
    const of = Float64Array.from({ length: 50 }, (_, i) => i);
    const sums = resampledSums({ random: new ResamplingRandom(['sums']), replicates: 400, of });
    const mean = sums.reduce((total, sum) => total + sum, 0) / 400;
    // 1225, within four standard errors of a sum of 50 draws with variance (50² − 1)/12, over 400 replicates.
    expect(Math.abs(mean - 1225)).toBeLessThan(4 * Math.sqrt((50 * (2500 - 1)) / 12 / 400));
  });

  it('draws times, events and risks of one row together', () => {
    const predictions = Float64Array.from({ length: 20 }, (_, i) => -i);
    const times = Float64Array.from({ length: 20 }, (_, i) => i);
    const pairs = resampledPairs({
      random: new ResamplingRandom(['pairs']),
      replicates: 20,
      of: { predictions, labels: times, events: new Float64Array(20).fill(1) },
    });
    expect(pairs.every(({ concordant, discordant, tied }) => concordant > 0 && discordant === 0 && tied === 0)).toBe(
      true,
    );
  });
});
