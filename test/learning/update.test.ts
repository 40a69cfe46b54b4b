// Updates as integers: never over the bound, never NaN, never wrapped around.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type UpdateEncoding, quantiseUpdate } from '@wardround/learning/update';
import { compareNorm, sumOfSquares } from '@wardround/protocol/fixed-point';
import type { Tensor } from '@wardround/protocol/safetensors';
import { f32, f64, withCode } from './tensors.ts';

const encoding: UpdateEncoding = { ring: 'int32', stepLog2: -24, normBound: '10' };
const base = [f32('weight', [1, -1], [2, 1]), f32('bias', [0])];
const local = (weight: readonly number[], bias = 0): readonly Tensor[] => [
  f32('weight', weight, [2, 1]),
  f32('bias', [bias]),
];
const exactSquares = (tensors: readonly { data: Int32Array }[]): bigint =>
  tensors.reduce((sum, { data }) => sum + sumOfSquares(data), 0n);

describe('quantiseUpdate', () => {
  it('is the difference in steps, rounded toward zero', () => {
    const step = 2 ** -24;
    const { tensors, clipped } = quantiseUpdate({ base, local: local([1.5, -1.25], 1.75 * step) }, encoding);
    expect(clipped).toBe(false);
    expect(tensors).toEqual([
      { name: 'weight', shape: [2, 1], dtype: 'I32', data: Int32Array.of(2 ** 23, -(2 ** 22)) },
      { name: 'bias', shape: [1], dtype: 'I32', data: Int32Array.of(1) },
    ]);
    expect(quantiseUpdate({ base, local: local([1, -1], -1.75 * step) }, encoding).tensors[1]?.data).toEqual(
      Int32Array.of(-1),
    );
  });

  it('keeps an update of exactly the bound, and clips the next longer one', () => {
    const exact = quantiseUpdate({ base: [f32('w', [0, 0])], local: [f32('w', [6, 8])] }, encoding);
    expect(exact.clipped).toBe(false);
    expect(exact.tensors[0]?.data).toEqual(Int32Array.of(6 * 2 ** 24, 8 * 2 ** 24));
    const longer = quantiseUpdate(
      { base: [f32('w', [0, 0])], local: [f32('w', [6, Math.fround(8.000001)])] },
      encoding,
    );
    expect(longer.clipped).toBe(true);
    expect(compareNorm(exactSquares(longer.tensors), '10', -24)).toBeLessThanOrEqual(0);
  });

  it('never exceeds the bound, exactly, and points where the update pointed', () => {
    const bounds = fc.constantFrom('10', '0.1', '0.3333333333333333', '127', '0.0000001');
    const values = fc.array(fc.float({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(bounds, values, (normBound, weights) => {
        const update = {
          base: [
            f32(
              'w',
              weights.map(() => 0),
            ),
          ],
          local: [f32('w', weights)],
        };
        const { tensors, clipped } = quantiseUpdate(update, { ...encoding, normBound });
        const norm = Math.sqrt(Number(exactSquares(tensors))) * 2 ** -24;
        expect(compareNorm(exactSquares(tensors), normBound, -24)).toBeLessThanOrEqual(0);
        // Rounding toward zero loses less than a step an element.
        if (clipped)
          expect(norm).toBeGreaterThan(Number(normBound) * (1 - 1e-9) - Math.sqrt(weights.length) * 2 ** -24);
        weights.forEach((weight, i) =>
          expect(Math.sign(tensors[0]?.data[i] ?? 0) * Math.sign(weight)).toBeGreaterThanOrEqual(0),
        );
      }),
    );
  });

  it.each([
    ['NaN', local([Number.NaN, 0]), 'update-not-finite'],
    ['infinity', local([Number.POSITIVE_INFINITY, 0]), 'update-not-finite'],
    ['a NaN bias', local([1, 1], Number.NaN), 'update-not-finite'],
    ['another shape', [f32('weight', [1, 2], [1, 2]), f32('bias', [0])], 'tensors-mismatch'],
    ['another name', [f32('weights', [1, 2], [2, 1]), f32('bias', [0])], 'tensors-mismatch'],
    ['another type', [f64('weight', [1, 2], [2, 1]), f32('bias', [0])], 'tensors-mismatch'],
    ['a tensor less', [f32('weight', [1, 2], [2, 1])], 'tensors-mismatch'],
    ['data shorter than the shape', [f32('weight', [1], [2, 1]), f32('bias', [0])], 'tensors-mismatch'],
  ])('refuses %s', (_, trained, code) => {
    expect(() => quantiseUpdate({ base, local: trained }, encoding)).toThrow(withCode(code));
  });

  it('refuses one value that int32 cannot hold though the bound would allow it', () => {
    const wide = { ...encoding, normBound: '1000' };
    expect(() => quantiseUpdate({ base, local: local([129.1, -1]) }, wide)).toThrow(withCode('update-out-of-range'));
    expect(quantiseUpdate({ base, local: local([128.9, -1]) }, wide).tensors[0]?.data[0]).toBeGreaterThan(2 ** 30);
  });

  it('refuses the ring of masked plans', () => {
    expect(() => quantiseUpdate({ base, local: base }, { ...encoding, ring: 'z2pow64' })).toThrow(
      withCode('update-ring-unsupported'),
    );
  });
});
