// DP-SGD's chance: Poisson's sizes and independence, empty samples, the grid, the noise's width, and what a plan must say for it.
import { describe, expect, it } from 'vitest';
import { gradientGrid, GradientNoise } from '@wardround/privacy/noise/gradient-noise';
import { PoissonSampling } from '@wardround/privacy/noise/poisson-sampling';
import { RandomWords, freshBytes } from '@wardround/privacy/noise/random-words';
import { centralPrivacy, dpSgdPrivacy, noisePlan } from './plans.ts';
import { seededBytes } from './seeded-bytes.ts';

const code = (name: string): unknown => expect.objectContaining({ code: name });

function samples(rate: string, rows: number, count: number): Uint32Array[] {
  const sampling = new PoissonSampling(rate);
  const words = new RandomWords(seededBytes(`poisson ${rate}`));
  return Array.from({ length: count }, () => sampling.sample(words, rows));
}

describe('Poisson sampling', () => {
  it.each(['0.01', '0.2', '0.9'])('at rate %s has binomial sizes', (text) => {
    const [rate, rows, count] = [Number(text), 200, 4000];
    const sizes = samples(text, rows, count).map((batch) => batch.length);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / count;
    const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / count;
    const expected = rows * rate * (1 - rate);
    expect(Math.abs(mean - rows * rate)).toBeLessThan(4 * Math.sqrt(expected / count));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.12);
  });

  it('draws every row alike, and two rows as if the other were not there', () => {
    const count = 20_000;
    const drawn = samples('0.3', 6, count).map((batch) => new Set(batch));
    for (let row = 0; row < 6; row += 1) {
      const alone = drawn.filter((batch) => batch.has(row)).length;
      expect(Math.abs(alone - 0.3 * count)).toBeLessThan(4 * Math.sqrt(0.21 * count));
      const both = drawn.filter((batch) => batch.has(row) && batch.has((row + 1) % 6)).length;
      expect(Math.abs(both - 0.09 * count)).toBeLessThan(4 * Math.sqrt(0.0819 * count));
    }
  });

  it('draws nobody as often as it should', () => {
    const empty = samples('0.05', 20, 5000).filter((batch) => batch.length === 0).length;
    const p = 0.95 ** 20;
    expect(Math.abs(empty - 5000 * p)).toBeLessThan(4 * Math.sqrt(5000 * p * (1 - p)));
  });

  it('draws all at rate 1, nobody of none, rows in order and once', () => {
    expect(samples('1', 5, 3).map((batch) => [...batch])).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ]);
    expect(samples('0.5', 0, 1)[0]).toHaveLength(0);
    for (const batch of samples('0.5', 100, 20))
      expect([...batch]).toEqual([...new Set(batch)].toSorted((a, b) => a - b));
  });

  it.each(['0', '-0.5', '1.000001', '2'])('refuses a rate of %s', (rate) => {
    expect(() => new PoissonSampling(rate)).toThrow(code('noise-sampling'));
  });
});

describe('the grid of gradients', () => {
  it.each([
    ['1', -24, 2 ** 24],
    ['0.5', -25, 2 ** 24],
    ['1.5', -24, 1.5 * 2 ** 24],
    ['0.1', -28, 26843545],
    ['100', -18, 26214400],
    ['0.0000001', -48, 28147497],
    ['1000000000', 5, 31250000],
  ])('of clip norm %s has steps of 2^%s and %s of them, rounded down', (clipNorm, stepLog2, clipNormSteps) => {
    expect(gradientGrid(clipNorm)).toEqual({ stepLog2, clipNormSteps });
  });

  it.each(['0', '-1', '100000000000000000000', '0.00000000000000000001'])('refuses %s', (clipNorm) => {
    expect(() => gradientGrid(clipNorm)).toThrow(code('noise-grid'));
  });
});

describe('the noise of a step', () => {
  it('is as wide as multiplier times clip norm, and new at each step', () => {
    const noise = new GradientNoise(noisePlan(dpSgdPrivacy), seededBytes('step'));
    const sums = [new Float64Array(20_000), new Float64Array(3).fill(5)];
    const [first = new Float64Array(), second] = noise.noised(sums);
    const sigma = 1.1 * noise.grid.clipNormSteps;
    const variance = first.reduce((sum, value) => sum + (value / sigma) ** 2, 0) / first.length;
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / first.length));
    expect(second).toHaveLength(3);
    expect([...first].every(Number.isSafeInteger)).toBe(true);
    expect(noise.noised(sums)[0]).not.toEqual(first);
    expect(sums[0]?.every((value) => value === 0)).toBe(true);
  });

  it('says in the receipt what the plan says', () => {
    expect(new GradientNoise(noisePlan(dpSgdPrivacy), freshBytes).record).toEqual({
      mode: 'dpSgd',
      noiseMultiplier: '1.1',
      samplingRate: '0.01',
    });
  });

  it('draws other rows and noise from fresh bytes every time', () => {
    const draw = (): number[] => {
      const noise = new GradientNoise(noisePlan(dpSgdPrivacy), freshBytes);
      return [...noise.sampledRows(1000), ...(noise.noised([new Float64Array(4)])[0] ?? [])];
    };
    expect(draw()).not.toEqual(draw());
  });

  it.each<readonly [string, Parameters<typeof noisePlan>[0]]>([
    ['no privacy', { mode: 'noDifferentialPrivacy' }],
    ['noise in the enclave', centralPrivacy],
    ['a whole site as its unit', { ...dpSgdPrivacy, unit: 'site' }],
  ])('refuses %s', (_, privacy) => {
    expect(() => new GradientNoise(noisePlan(privacy), freshBytes)).toThrow(code('noise-plan'));
  });

  it('lets a rule select among noisy updates, but not a strategy tell how many rows there are', () => {
    const under = (strategy: Parameters<typeof noisePlan>[1]) => () =>
      new GradientNoise(noisePlan(dpSgdPrivacy, strategy), freshBytes);
    expect(under({ strategy: { name: 'selectingRule', rule: { kind: 'coordinateMedian' } } })).not.toThrow();
    expect(under({ strategy: { name: 'fedNova' } })).toThrow(code('noise-plan'));
  });
});
