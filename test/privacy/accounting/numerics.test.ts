// What the accountants stand on: normal tails to nearly full precision, Fourier transforms, sums in log space, minima.
import { describe, expect, it } from 'vitest';
import { gaussianDelta } from '@wardround/privacy/accounting/analytic-gaussian';
import { complexArray, inverseTransform, transform } from '@wardround/privacy/accounting/fft';
import { logAdd, logBinomials, logSumExp } from '@wardround/privacy/accounting/log-space';
import { leastNear } from '@wardround/privacy/accounting/minimum';
import {
  logUpperTail,
  millsRatio,
  quantileAbove,
  scaledErfc,
  upperTail,
} from '@wardround/privacy/accounting/normal-distribution';

function relative(got: number, expected: number): number {
  return Math.abs(got - expected) / Math.abs(expected);
}

describe('the normal distribution', () => {
  // Abramowitz and Stegun, tables 7.1 and 26.2, and mpmath at 30 digits for the far tails.
  it.each([
    [0, 0.5],
    [1, 0.15865525393145705],
    [2, 0.02275013194817921],
    [3, 0.0013498980316300946],
    [5, 2.866515718791939e-7],
    [8, 6.220960574271784e-16],
    [-1, 0.8413447460685429],
    [-3, 0.9986501019683699],
  ])('upper tail at %f', (x, expected) => {
    expect(relative(upperTail(x), expected)).toBeLessThan(1e-13);
    expect(logUpperTail(x)).toBeCloseTo(Math.log(expected), 12);
  });

  it('goes on in logarithms where the tail is no double', () => {
    expect(upperTail(50)).toBe(0);
    for (const x of [50, 1e3, 1e8]) {
      const expected = -0.5 * x * x - Math.log(x * Math.sqrt(2 * Math.PI)) - 1 / (x * x);
      expect(relative(logUpperTail(x), expected)).toBeLessThan(1e-9);
    }
  });

  it('has one scaled complement where its two formulas meet', () => {
    expect(relative(scaledErfc(1 - 1e-12), scaledErfc(1))).toBeLessThan(1e-11);
    for (let x = 0.01; x < 10; x += 0.37) {
      const slope = (scaledErfc(x + 1e-5) - scaledErfc(x - 1e-5)) / 2e-5;
      expect(slope).toBeCloseTo(2 * x * scaledErfc(x) - 2 / Math.sqrt(Math.PI), 6);
    }
  });

  it('has Mills’ ratios of both signs', () => {
    expect(relative(millsRatio(0), Math.sqrt(Math.PI / 2))).toBeLessThan(1e-14);
    expect(relative(millsRatio(-1), 0.8413447460685429 / 0.24197072451914337)).toBeLessThan(1e-13);
    expect(relative(millsRatio(100), 1 / (100 + 1 / (100 + 2 / 100)))).toBeLessThan(1e-9);
  });

  it('has quantiles that are rounded away from the centre', () => {
    for (const log of [-1, -10, -100, -1000]) {
      const x = quantileAbove(log);
      expect(logUpperTail(x)).toBeLessThanOrEqual(log);
      expect(logUpperTail(x - 2e-6)).toBeGreaterThan(log);
    }
  });
});

describe('the Gaussian’s δ', () => {
  it('is not lost where two tails nearly cancel, or neither is a double', () => {
    // For little ε and much noise: δ(0) = 2Φ(1/2σ) − 1 = 1/(σ√2π) · (1 − 1/24σ² + …).
    for (const sigma of [10, 1e3, 1e6]) {
      const expected = (1 / (sigma * Math.sqrt(2 * Math.PI))) * (1 - 1 / (24 * sigma * sigma));
      expect(relative(gaussianDelta(sigma, 0), expected)).toBeLessThan(1e-6);
    }
    expect(gaussianDelta(1, 60)).toBe(0);
    expect(gaussianDelta(0.01, 1)).toBeLessThanOrEqual(1);
    for (const epsilon of [0.1, 1, 5, 20])
      expect(gaussianDelta(1, epsilon)).toBeGreaterThan(gaussianDelta(1, epsilon * 1.01));
  });
});

describe('the Fourier transform', () => {
  it.each([1, 2, 4, 8, 64])('of %i points is the sum that defines it', (length) => {
    const given = complexArray(length);
    for (let n = 0; n < length; n += 1) [given.re[n], given.im[n]] = [Math.sin(n * n + 1), Math.cos(3 * n)];
    const got = { re: given.re.slice(), im: given.im.slice() };
    transform(got);
    for (let k = 0; k < length; k += 1) {
      let [re, im] = [0, 0];
      for (let n = 0; n < length; n += 1) {
        const angle = (-2 * Math.PI * k * n) / length;
        re += (given.re[n] ?? 0) * Math.cos(angle) - (given.im[n] ?? 0) * Math.sin(angle);
        im += (given.re[n] ?? 0) * Math.sin(angle) + (given.im[n] ?? 0) * Math.cos(angle);
      }
      expect(got.re[k]).toBeCloseTo(re, 10);
      expect(got.im[k]).toBeCloseTo(im, 10);
    }
    inverseTransform(got);
    for (let n = 0; n < length; n += 1) expect(got.re[n]).toBeCloseTo(given.re[n] ?? Number.NaN, 12);
  });

  it('loses less than the accountants allow for: there and back', () => {
    const length = 2 ** 18;
    const values = complexArray(length);
    for (let n = 0; n < length; n += 1) values.re[n] = ((n * 7919) % 1009) / 1009 / length;
    const before = values.re.slice();
    transform(values);
    inverseTransform(values);
    const worst = values.re.reduce((most, value, n) => Math.max(most, Math.abs(value - (before[n] ?? 0))), 0);
    expect(worst).toBeLessThan(16 * 2 ** -53 * 18 * 1e-3);
  });
});

describe('log space', () => {
  it('adds without overflow, and nothing to nothing', () => {
    expect(logAdd(1000, 1000)).toBeCloseTo(1000 + Math.log(2), 12);
    expect(logAdd(Number.NEGATIVE_INFINITY, 3)).toBe(3);
    expect(logAdd(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
    expect(logSumExp([-1e4, -1e4, -1e4])).toBeCloseTo(-1e4 + Math.log(3), 9);
    expect(logSumExp([])).toBe(Number.NEGATIVE_INFINITY);
  });

  it('has binomials, of fractions too', () => {
    expect(logBinomials(10, 11).map((log) => Math.round(Math.exp(log)))).toEqual([
      1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1,
    ]);
    const half = logBinomials(0.5, 4).map((log) => Math.exp(log));
    for (const [k, expected] of [1, 0.5, 0.125, 0.0625].entries()) expect(half[k]).toBeCloseTo(expected, 12);
  });
});

describe('a minimum', () => {
  it.each([-2.9, 0, 1.234, 2.99])('at %f is found', (where) => {
    expect(leastNear((x) => (x - where) ** 2, { from: -3, to: 3 })).toBeCloseTo(where, 4);
  });

  it('beyond the end is the end', () => {
    expect(leastNear((x) => x, { from: -3, to: 3 })).toBeCloseTo(-3, 4);
  });
});
