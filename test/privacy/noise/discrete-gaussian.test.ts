// The sampler against the distribution's own definition: chi-square at three widths, tails, moments at wide ones, extremes, refusals.
import { describe, expect, it } from 'vitest';
import { noised32, noised64 } from '@wardround/privacy/noise/add-noise';
import { DiscreteGaussian } from '@wardround/privacy/noise/discrete-gaussian';
import { RandomWords } from '@wardround/privacy/noise/random-words';
import { parseDecimal } from '@wardround/protocol/decimal';
import { seededBytes } from './seeded-bytes.ts';

const gaussianOf = (sigma: string): DiscreteGaussian => new DiscreteGaussian(parseDecimal(sigma));

function drawn(sigma: string, count: number, seed = sigma): number[] {
  const gaussian = gaussianOf(sigma);
  const words = new RandomWords(seededBytes(seed));
  return Array.from({ length: count }, () => gaussian.sample(words));
}

/** exp(−x²/2σ²), divided by the sum over all integers. */
function probabilityOf(sigma: number): (x: number) => number {
  const weight = (x: number): number => Math.exp((-x * x) / (2 * sigma * sigma));
  let total = 0;
  for (let x = -Math.ceil(40 * sigma) - 1; x <= Math.ceil(40 * sigma) + 1; x += 1) total += weight(x);
  return (x) => weight(x) / total;
}

/** Pearson's statistic over integers that are expected at least five times, the rest together; and its degrees of freedom. */
function chiSquare(
  values: readonly number[],
  probability: (x: number) => number,
): { statistic: number; freedom: number } {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const cells: { expected: number; got: number }[] = [];
  for (let x = 0; ; x += 1) {
    const expected = probability(x) * values.length;
    if (expected < 5) break;
    for (const at of x === 0 ? [0] : [x, -x]) cells.push({ expected, got: counts.get(at) ?? 0 });
  }
  const rest = (of: 'expected' | 'got'): number => values.length - cells.reduce((sum, cell) => sum + cell[of], 0);
  if (rest('expected') >= 5) cells.push({ expected: rest('expected'), got: rest('got') });
  const statistic = cells.reduce((sum, { expected, got }) => sum + (got - expected) ** 2 / expected, 0);
  return { statistic, freedom: cells.length - 1 };
}

/** What a chi-square variable exceeds once in ten thousand (Wilson and Hilferty 1931). */
function critical(freedom: number): number {
  return freedom * (1 - 2 / (9 * freedom) + 3.719 * Math.sqrt(2 / (9 * freedom))) ** 3;
}

describe('the discrete Gaussian', () => {
  it.each(['0.5', '1', '2.75', '10'])('is what its definition says at σ = %s', (sigma) => {
    const { statistic, freedom } = chiSquare(drawn(sigma, 200_000), probabilityOf(Number(sigma)));
    expect(freedom).toBeGreaterThan(2);
    expect(statistic).toBeLessThan(critical(freedom));
  });

  it('is told from one a fiftieth wider, and from a rounded continuous one', () => {
    const values = drawn('1', 200_000);
    const wider = chiSquare(values, probabilityOf(1.02));
    expect(wider.statistic).toBeGreaterThan(critical(wider.freedom));
    // Φ(0.5) − Φ(−0.5) = 0.3829 where the discrete one has 0.3989.
    const zeros = values.filter((value) => value === 0).length / values.length;
    expect(zeros).toBeCloseTo(probabilityOf(1)(0), 2);
    expect(Math.abs(zeros - 0.3829)).toBeGreaterThan(0.01);
  });

  it('at σ = 0.1 is 0 but for e⁻⁵⁰, which no sample shows', () => {
    expect(drawn('0.1', 50_000).every((value) => value === 0)).toBe(true);
  });

  it('at σ = 0.3 finds its few ones on both sides', () => {
    const values = drawn('0.3', 400_000);
    const expected = probabilityOf(0.3)(1) * values.length;
    for (const side of [1, -1]) {
      const got = values.filter((value) => value === side).length;
      expect(Math.abs(got - expected)).toBeLessThan(4 * Math.sqrt(expected));
    }
  });

  it.each(['1', '10', '16777216'])('has symmetric tails at σ = %s', (sigma) => {
    const values = drawn(sigma, 100_000, `tails ${sigma}`);
    const beyond = (side: number): number => values.filter((value) => side * value > 1.5 * Number(sigma)).length;
    const both = beyond(1) + beyond(-1);
    expect(both).toBeGreaterThan(5000);
    expect(Math.abs(beyond(1) - beyond(-1))).toBeLessThan(4 * Math.sqrt(both));
  });

  it.each(['1000.5', '16777216', '33333333.25', '70368744177664'])(
    'has mean, variance and kurtosis at σ = %s',
    (sigma) => {
      const scaled = drawn(sigma, 200_000).map((value) => value / Number(sigma));
      const mean = (power: number): number => scaled.reduce((sum, value) => sum + value ** power, 0) / scaled.length;
      expect(Math.abs(mean(1))).toBeLessThan(4 / Math.sqrt(scaled.length));
      expect(Math.abs(mean(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / scaled.length));
      expect(Math.abs(mean(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / scaled.length));
    },
  );

  it('uses every integer of a wide one, odd and even alike', () => {
    const values = drawn('1048576.5', 100_000);
    for (const modulus of [2, 3, 7]) {
      const zero = values.filter((value) => value % modulus === 0).length;
      const expected = values.length / modulus;
      expect(Math.abs(zero - expected)).toBeLessThan(4 * Math.sqrt(expected));
    }
    expect(values.every((value) => Number.isSafeInteger(value) && !Object.is(value, -0))).toBe(true);
  });

  it('gives the same for the same bytes', () => {
    expect(drawn('5', 100, 'a')).toEqual(drawn('5', 100, 'a'));
    expect(drawn('5', 100, 'a')).not.toEqual(drawn('5', 100, 'b'));
  });

  it.each([
    ['zero', 0n, 1n],
    ['below zero', -1n, 1n],
    ['over zero', 1n, 0n],
    ['of two minuses', -1n, -1n],
    ['too wide', 2n ** 46n + 1n, 1n],
    ['too narrow', 1n, 2n ** 20n + 1n],
    ['of endless digits', 2n ** 4097n, 2n ** 4096n],
  ])('refuses a deviation that is %s', (_, numerator, denominator) => {
    expect(() => new DiscreteGaussian({ numerator, denominator })).toThrow(
      expect.objectContaining({ code: 'noise-sigma' }),
    );
  });

  it('takes the widest and the narrowest', () => {
    const words = new RandomWords(seededBytes('ends'));
    const widest = new DiscreteGaussian({ numerator: 2n ** 46n, denominator: 1n });
    const narrowest = new DiscreteGaussian({ numerator: 1n, denominator: 2n ** 20n });
    expect(Array.from({ length: 100 }, () => widest.sample(words)).every(Number.isSafeInteger)).toBe(true);
    expect(Array.from({ length: 100 }, () => narrowest.sample(words)).every((value) => value === 0)).toBe(true);
  });
});

describe('noise onto integers', () => {
  const source = () => ({ gaussian: gaussianOf('1000'), words: new RandomWords(seededBytes('onto')) });

  it('is the samples in their order, alike on both rings', () => {
    const samples = drawn('1000', 50, 'onto');
    expect([...noised32(new Int32Array(50).fill(7), source())]).toEqual(samples.map((sample) => sample + 7));
    expect([...noised64(new BigInt64Array(50).fill(-9n), source())]).toEqual(
      samples.map((sample) => BigInt(sample) - 9n),
    );
  });

  it('stops at the ends of the ring instead of coming out at the other', () => {
    const [most, least] = [2 ** 31 - 1, -(2 ** 31)];
    expect([...noised32(new Int32Array(200).fill(most), source())].every((value) => value > most - 10_000)).toBe(true);
    expect([...noised32(new Int32Array(200).fill(least), source())].every((value) => value < least + 10_000)).toBe(
      true,
    );
    const top = noised64(new BigInt64Array(200).fill(2n ** 63n - 1n), source());
    expect(top.every((value) => value > 2n ** 63n - 10_000n)).toBe(true);
    const bottom = noised64(new BigInt64Array(200).fill(-(2n ** 63n)), source());
    expect(bottom.every((value) => value < -(2n ** 63n) + 10_000n)).toBe(true);
  });

  it('leaves what it was given as it was', () => {
    const values = new BigInt64Array(5);
    noised64(values, source());
    expect([...values]).toEqual([0n, 0n, 0n, 0n, 0n]);
  });
});
