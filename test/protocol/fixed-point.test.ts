// Attacks on fixed-point numbers: NaN, infinities, ranges, rounding that grows a norm, sums that wrap.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDecimal } from '@wardround/protocol/decimal';
import { WardroundError } from '@wardround/protocol/errors';
import {
  compareNorm,
  fromFixed,
  quantiseTowardZero,
  quantiseTowardZero64,
  sumOfSquares,
  toFixed,
  toFixed64,
} from '@wardround/protocol/fixed-point';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

const naive = (values: Int32Array | BigInt64Array): bigint => {
  let sum = 0n;
  for (const value of values) sum += BigInt(value) ** 2n;
  return sum;
};

describe('quantising', () => {
  it.each([
    ['toFixed', toFixed],
    ['toFixed64', toFixed64],
    ['quantiseTowardZero', quantiseTowardZero],
    ['quantiseTowardZero64', quantiseTowardZero64],
  ])('%s refuses what is no number', (_name, quantise) => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(codeOf(() => quantise(Float64Array.of(0, bad), -24))).toBe('fixed-not-finite');
    }
    for (const bad of [1e300, -1e300, Number.MAX_VALUE]) {
      expect(codeOf(() => quantise([bad], -24))).toBe('fixed-out-of-range');
    }
    for (const step of [1, -63, -0.5, Number.NaN]) expect(codeOf(() => quantise([1], step))).toBe('fixed-step');
  });

  it('never names the value: it comes from patients', () => {
    const error = ((): unknown => {
      try {
        return toFixed([12345.678], -24);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(WardroundError);
    expect(inspect(error)).not.toContain('12345');
  });

  it('holds exactly the ring’s range', () => {
    expect([...toFixed([127.99999994039536, -128], -24)]).toEqual([2 ** 31 - 1, -(2 ** 31)]);
    expect(codeOf(() => toFixed([128], -24))).toBe('fixed-out-of-range');
    expect(codeOf(() => toFixed([2 ** 31 - 0.5], 0))).toBe('fixed-out-of-range');
    expect([...quantiseTowardZero([2 ** 31 - 0.5, -(2 ** 31) - 0.5], 0)]).toEqual([2 ** 31 - 1, -(2 ** 31)]);
    expect([...toFixed64([2 ** 63 - 1024, -(2 ** 63)], 0)]).toEqual([2n ** 63n - 1024n, -(2n ** 63n)]);
    expect(codeOf(() => toFixed64([2 ** 63], 0))).toBe('fixed-out-of-range');
    expect(codeOf(() => quantiseTowardZero64([-(2 ** 63) - 2048], 0))).toBe('fixed-out-of-range');
  });

  it.each([
    [0.49999999999999994, 0, 0],
    [0.5, 1, 0],
    [-0.5, -1, 0],
    [1.5, 2, 1],
    [-1.5, -2, -1],
    [2.4999, 2, 2],
    [-2.5001, -3, -2],
    [-0, 0, 0],
  ])('%d is %d to the nearest and %d toward zero', (value, near, zero) => {
    expect(toFixed([value], 0)[0]).toBe(near);
    expect(toFixed64([value], 0)[0]).toBe(BigInt(near));
    expect(quantiseTowardZero([value], 0)[0]).toBe(zero);
    expect(quantiseTowardZero64([value], 0)[0]).toBe(BigInt(zero));
  });

  const value = fc.double({ min: -127, max: 127, noNaN: true });
  it('to the nearest is within half a step, toward zero within one and never larger', () => {
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const near = fromFixed(toFixed(values, -24), -24);
        const zero = fromFixed(quantiseTowardZero(values, -24), -24);
        for (const [i, v] of values.entries()) {
          expect(Math.abs((near[i] ?? Number.NaN) - v)).toBeLessThanOrEqual(2 ** -25);
          expect(Math.abs((zero[i] ?? Number.NaN) - v)).toBeLessThan(2 ** -24);
          expect(Math.abs(zero[i] ?? Number.NaN)).toBeLessThanOrEqual(Math.abs(v));
        }
      }),
    );
  });

  it('and back is exact for int32, and for int64 up to 53 bits', () => {
    fc.assert(
      fc.property(fc.int32Array(), fc.array(fc.bigInt(-(2n ** 53n), 2n ** 53n)), (small, large) => {
        expect(toFixed(fromFixed(new Int32Array(small), -24), -24)).toEqual(new Int32Array(small));
        const values = BigInt64Array.from(large);
        expect(toFixed64(fromFixed(values, -30), -30)).toEqual(values);
      }),
    );
  });

  it('reads Float32Array as the doubles they are', () => {
    expect([...toFixed(Float32Array.of(0.1), -24)]).toEqual([Math.round(Math.fround(0.1) * 2 ** 24)]);
  });
});

describe('sumOfSquares', () => {
  it('is exact at the extremes, over more than one block', () => {
    for (const extreme of [-(2 ** 31), 2 ** 31 - 1, 0xffff, -1]) {
      const values = new Int32Array(600_000).fill(extreme);
      expect(sumOfSquares(values)).toBe(600_000n * BigInt(extreme) ** 2n);
    }
    for (const extreme of [-(2n ** 63n), 2n ** 63n - 1n, 0xffff_ffff_ffffn, -1n]) {
      const values = new BigInt64Array(600_000).fill(extreme);
      expect(sumOfSquares(values)).toBe(600_000n * extreme ** 2n);
    }
  });

  it('agrees with plain arithmetic', () => {
    fc.assert(
      fc.property(fc.int32Array(), fc.bigInt64Array(), fc.nat(3), (small, large, cut) => {
        expect(sumOfSquares(new Int32Array(small))).toBe(naive(small));
        expect(sumOfSquares(new BigInt64Array(large))).toBe(naive(large));
        expect(sumOfSquares(large.subarray(cut))).toBe(naive(large.subarray(cut)));
      }),
    );
  });

  it('of nothing is 0', () => {
    expect(sumOfSquares(new Int32Array())).toBe(0n);
    expect(sumOfSquares(new BigInt64Array())).toBe(0n);
  });
});

describe('compareNorm', () => {
  it('is exact on both sides of the bound', () => {
    // 3² + 4² = 5², in steps of 2⁻²⁴.
    const exact = sumOfSquares(toFixed([3, 4], -24));
    expect(compareNorm(exact, '5', -24)).toBe(0);
    expect(compareNorm(exact + 1n, '5', -24)).toBe(1);
    expect(compareNorm(exact - 1n, '5', -24)).toBe(-1);
    expect(compareNorm(exact, `5.${'0'.repeat(29)}1`, -24)).toBe(-1);
    expect(compareNorm(exact, `4.${'9'.repeat(30)}`, -24)).toBe(1);
    expect(compareNorm(0n, '0', 0)).toBe(0);
  });

  it('keeps an update that was clipped to its bound within it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1 }), (values) => {
        const norm = Math.hypot(...values);
        fc.pre(norm > 1e-6);
        // A clipper that leaves one part in 10¹² for its own rounding.
        const clipped = values.map((v) => (v / norm) * 1.5 * (1 - 1e-12));
        expect(compareNorm(sumOfSquares(quantiseTowardZero(clipped, -24)), '1.5', -24)).not.toBe(1);
      }),
    );
  });

  it.each([
    ['a negative bound', '-1', -24, 'fixed-norm-bound'],
    ['an exponent', '1e3', -24, 'decimal-invalid'],
    ['a trailing zero', '1.50', -24, 'decimal-invalid'],
    ['nothing', '', -24, 'decimal-invalid'],
    ['a positive step', '1', 1, 'fixed-step'],
  ])('refuses %s', (_name, bound, step, code) => {
    expect(codeOf(() => compareNorm(1n, bound, step))).toBe(code);
  });
});

describe('parseDecimal', () => {
  it.each([
    ['0', 0n, 1n],
    ['1.5', 15n, 10n],
    ['-0.25', -25n, 100n],
    ['100', 100n, 1n],
    ['0.001', 1n, 1000n],
  ])('%s', (text, numerator, denominator) => {
    expect(parseDecimal(text)).toEqual({ numerator, denominator });
  });

  it.each(['-0', '+1', '01', '.5', '1.', '1,5', ' 1', '0x1', 'NaN', '1'.repeat(65)])('refuses %j', (text) => {
    expect(codeOf(() => parseDecimal(text))).toBe('decimal-invalid');
  });
});
