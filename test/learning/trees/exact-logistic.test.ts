// The functions made of + − × ÷ against the library's, which are right to a unit in the last place or so.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exponential, logOdds, logarithm, logistic } from '@wardround/learning/trees/exact-logistic';

const isClose = (got: number, expected: number): void => {
  expect(Math.abs(got - expected)).toBeLessThanOrEqual(8 * Number.EPSILON * Math.abs(expected));
};

describe('exact functions', () => {
  it('e^x', () => {
    expect(exponential(0)).toBe(1);
    for (const x of [-40, -1, -Math.LN2 / 2, Math.LN2 / 2, Math.LN2, 1, 40]) isClose(exponential(x), Math.exp(x));
    fc.assert(fc.property(fc.double({ min: -40, max: 40, noNaN: true }), (x) => isClose(exponential(x), Math.exp(x))));
  });

  it('ln y', () => {
    expect(logarithm(1)).toBe(0);
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1e12, noNaN: true }), (y) => {
        expect(Math.abs(logarithm(y) - Math.log(y))).toBeLessThanOrEqual(
          4 * Number.EPSILON * Math.max(1, Math.abs(Math.log(y))),
        );
      }),
    );
  });

  it('the logistic function, symmetric, 0 and 1 nowhere but far out', () => {
    expect(logistic(0)).toBe(0.5);
    expect(logistic(1000)).toBe(1);
    expect(logistic(-1000)).toBeLessThan(2 ** -50);
    fc.assert(
      fc.property(fc.double({ min: -30, max: 30, noNaN: true }), (x) => {
        isClose(logistic(x), 1 / (1 + Math.exp(-x)));
        expect(Math.abs(logistic(x) + logistic(-x) - 1)).toBeLessThanOrEqual(Number.EPSILON);
      }),
    );
  });

  it('log-odds undo it', () => {
    expect(logOdds(0.5)).toBe(0);
    fc.assert(
      fc.property(fc.double({ min: -10, max: 10, noNaN: true }), (x) => {
        expect(logOdds(logistic(x))).toBeCloseTo(x, 9);
      }),
    );
  });
});
