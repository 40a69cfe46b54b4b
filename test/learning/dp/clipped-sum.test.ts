// Clipping in integers: no example's share is ever beyond the bound, whatever its gradient; what is within it comes through.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClippedSum, type GradientGrid, type LayerGradients } from '@wardround/learning/dp/clipped-sum';
import { withCode } from '../tensors.ts';

const grid: GradientGrid = { stepLog2: -24, clipNormSteps: 2 ** 24 };
const lengths = [6, 2, 4, 1];

/** A dense layer of 3 inputs and 2 outputs, and one written out: of so many examples, by one list of numbers. */
function layersOf(values: readonly number[], examples: number): LayerGradients[] {
  let at = 0;
  const take = (count: number): Float32Array =>
    Float32Array.from({ length: count * examples }, () => values[at++ % values.length] ?? 0);
  return [
    { kind: 'outer', inputs: take(3), slopes: take(2) },
    { kind: 'whole', weight: take(4), bias: take(1) },
  ];
}

function sumOf(layers: readonly LayerGradients[], count: number, of = grid): ClippedSum {
  const sum = new ClippedSum(lengths, of);
  sum.add(layers, count);
  return sum;
}

const squaresOf = (sum: ClippedSum): bigint =>
  sum.sums.flatMap((values) => [...values]).reduce((total, value) => total + BigInt(value) ** 2n, 0n);

/** Example `row` as numbers, without clipping. */
function written(layers: readonly LayerGradients[], row: number): number[] {
  return layers.flatMap((layer, i) => {
    const [weights = 0, biases = 0] = lengths.slice(2 * i);
    const part = (values: Float32Array, length: number): number[] => [
      ...values.subarray(row * length, (row + 1) * length),
    ];
    if (layer.kind === 'whole') return [...part(layer.weight, weights), ...part(layer.bias, biases)];
    const slopes = part(layer.slopes, biases);
    return [...part(layer.inputs, weights / biases).flatMap((a) => slopes.map((b) => a * b)), ...slopes];
  });
}

const finite = fc.float({ noNaN: true, noDefaultInfinity: true });

describe('one example', () => {
  it('is never longer than the bound, to the last integer, whatever its gradient', () => {
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 10, maxLength: 10 }),
        fc.integer({ min: 1, max: 2 ** 25 }),
        fc.integer({ min: -48, max: 5 }),
        (values, clipNormSteps, stepLog2) => {
          const sum = sumOf(layersOf(values, 1), 1, { stepLog2, clipNormSteps });
          expect(squaresOf(sum) <= BigInt(clipNormSteps) ** 2n).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('that is too long keeps its direction and nearly all of the bound', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 1, max: 1000, noNaN: true }), { minLength: 10, maxLength: 10 }),
        (values) => {
          const layers = layersOf(values, 1);
          const got = sumOf(layers, 1).sums.flatMap((part) => [...part]);
          const expected = written(layers, 0);
          const norm = Math.hypot(...expected);
          got.forEach((value, i) =>
            expect(Math.abs(value / grid.clipNormSteps - (expected[i] ?? 0) / norm)).toBeLessThan(2e-7),
          );
        },
      ),
    );
  });

  it('that is short comes through as it is, rounded toward zero', () => {
    const layers = layersOf([0.01, -0.02, 0.03, 0.125, -0.0001, 0.07], 1);
    const expected = written(layers, 0).map((value) => Math.trunc(value * 2 ** 24) + 0);
    expect(sumOf(layers, 1).sums.flatMap((part) => [...part])).toEqual(expected);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 3e38])('with %s somewhere adds nothing, and is counted', (value) => {
    for (let at = 0; at < 10; at += 1) {
      const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((other, i) => (i === at ? value : other));
      const sum = sumOf(layersOf(values, 1), 1);
      if (Number.isFinite(value)) expect(squaresOf(sum) <= BigInt(grid.clipNormSteps) ** 2n).toBe(true);
      else expect({ squares: squaresOf(sum), dropped: sum.withoutGradient }).toEqual({ squares: 0n, dropped: 1 });
    }
  });
});

describe('many examples', () => {
  const values = Array.from({ length: 97 }, (_, i) => Math.sin(i * i) * 3);
  const rows = (layers: readonly LayerGradients[], order: readonly number[]): LayerGradients[] => {
    const pick = (all: Float32Array, length: number): Float32Array =>
      Float32Array.from(order.flatMap((row) => [...all.subarray(row * length, (row + 1) * length)]));
    return layers.map((layer, i) => {
      const [weights = 0, biases = 0] = lengths.slice(2 * i);
      return layer.kind === 'outer'
        ? { kind: 'outer', inputs: pick(layer.inputs, weights / biases), slopes: pick(layer.slopes, biases) }
        : { kind: 'whole', weight: pick(layer.weight, weights), bias: pick(layer.bias, biases) };
    });
  };
  const all = layersOf(values, 10);
  const whole = sumOf(all, 10).sums;

  it('are the sum of each alone, to the bit', () => {
    const sum = new ClippedSum(lengths, grid);
    for (let row = 0; row < 10; row += 1) sum.add(rows(all, [row]), 1);
    expect(sum.sums).toEqual(whole);
    expect(sum.examples).toBe(10);
  });

  it('are the same in any order and in any groups, to the bit', () => {
    const sum = new ClippedSum(lengths, grid);
    for (const group of [[9, 3, 1], [0], [8, 2, 7, 4, 5, 6]]) sum.add(rows(all, group), group.length);
    expect(sum.sums).toEqual(whole);
  });

  it('move by at most the bound when one goes, though all others stay', () => {
    for (let gone = 0; gone < 10; gone += 1) {
      const others = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((row) => row !== gone);
      const rest = sumOf(rows(all, others), 9).sums;
      const moved = whole.flatMap((part, i) => [...part].map((value, j) => BigInt(value) - BigInt(rest[i]?.[j] ?? 0)));
      expect(moved.reduce((sum, value) => sum + value * value, 0n) <= BigInt(grid.clipNormSteps) ** 2n).toBe(true);
    }
  });

  it('leave padding out', () => {
    expect(sumOf(rows(all, [0, 1, 2, 0, 0]), 3).sums).toEqual(sumOf(rows(all, [0, 1, 2]), 3).sums);
  });

  it('are refused beyond what is summed exactly, and in another shape', () => {
    const sum = new ClippedSum(lengths, { stepLog2: -24, clipNormSteps: 2 ** 25 });
    expect(() => sum.add(all, 2 ** 27 + 1)).toThrow(withCode('gradient-too-many'));
    expect(() => sum.add(all, 11)).toThrow(withCode('gradient-shape'));
    expect(() => sum.add(all.slice(1), 1)).toThrow(withCode('gradient-shape'));
    expect(() => sum.add(all.toReversed(), 10)).toThrow(withCode('gradient-shape'));
  });
});
