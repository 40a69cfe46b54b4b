// Exact sums: against arbitrary-precision arithmetic, in any order, and taken back to the bit.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Accumulator } from '../../aggregator-enclave/src/enclave/accumulator.ts';
import { kernelWasm } from '../../aggregator-enclave/src/enclave/kernel-wasm.ts';
import { assemble } from './wat.ts';

const int32 = fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0, 1, -1));
const weight = fc.oneof(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.constantFrom(1, 2 ** 31 - 1));
const update = fc.record({ values: fc.array(int32, { minLength: 23, maxLength: 23 }), weight });

describe('the kernel', () => {
  it('is kernel.wat, assembled', async () => {
    const text = await readFile(new URL('../../aggregator-enclave/src/enclave/kernel.wat', import.meta.url), 'utf8');
    expect(Buffer.from(assemble(text)).toString('base64')).toBe(kernelWasm);
  });
});

describe('the accumulator', () => {
  it('sums weighted integers exactly, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(update, { minLength: 1, maxLength: 6 }), (updates) => {
        const accumulator = new Accumulator([23]);
        for (const { values, weight } of updates)
          accumulator.add({ tensor: 0, start: 0, values: Int32Array.from(values) }, weight);
        const expected = Array.from({ length: 23 }, (_, i) =>
          BigInt.asIntN(
            64,
            updates.reduce((sum, { values, weight }) => sum + BigInt(values[i] ?? 0) * BigInt(weight), 0n),
          ),
        );
        expect([...(accumulator.sums()[0] ?? [])]).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('reaches the ends of 64 bits without wrapping when all weights stay below 2^32', () => {
    const accumulator = new Accumulator([5]);
    const least = new Int32Array(5).fill(-(2 ** 31));
    accumulator.add({ tensor: 0, start: 0, values: least }, 2 ** 31 - 1);
    accumulator.add({ tensor: 0, start: 0, values: least }, 2 ** 31 - 1);
    accumulator.add({ tensor: 0, start: 0, values: least }, 1);
    const total = -(2n ** 31n) * (2n ** 32n - 1n);
    expect([...(accumulator.sums()[0] ?? [])]).toEqual(Array.from({ length: 5 }, () => total));
  });

  it.each([0, 1, 2, 3, 4, 5, 7, 8, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 3])('touches exactly %i coordinates', (length) => {
    const accumulator = new Accumulator([2, length, 2]);
    accumulator.add({ tensor: 1, start: 0, values: Int32Array.from({ length }, (_, i) => i - 5) }, 3);
    const [before, sums, after] = accumulator.sums();
    expect([...(before ?? []), ...(after ?? [])]).toEqual([0n, 0n, 0n, 0n]);
    expect(sums?.every((sum, i) => sum === BigInt(3 * (i - 5)))).toBe(true);
  });

  it('depends neither on the order of updates nor on how they are cut', () => {
    fc.assert(
      fc.property(fc.array(update, { minLength: 2, maxLength: 5 }), fc.integer({ min: 1, max: 22 }), (updates, cut) => {
        const whole = new Accumulator([23]);
        for (const { values, weight } of updates)
          whole.add({ tensor: 0, start: 0, values: Int32Array.from(values) }, weight);
        const pieces = new Accumulator([23]);
        for (const { values, weight } of updates.toReversed()) {
          pieces.add({ tensor: 0, start: cut, values: Int32Array.from(values.slice(cut)) }, weight);
          pieces.add({ tensor: 0, start: 0, values: Int32Array.from(values.slice(0, cut)) }, weight);
        }
        expect(pieces.sums()).toEqual(whole.sums());
      }),
    );
  });

  it('takes back exactly what it added', () => {
    fc.assert(
      fc.property(update, update, (kept, removed) => {
        const accumulator = new Accumulator([23]);
        const run = (values: readonly number[]): { tensor: number; start: number; values: Int32Array } => ({
          tensor: 0,
          start: 0,
          values: Int32Array.from(values),
        });
        accumulator.add(run(kept.values), kept.weight);
        const before = accumulator.sums().map((sums) => sums.slice());
        accumulator.add(run(removed.values), removed.weight);
        accumulator.subtract(run(removed.values), removed.weight);
        expect(accumulator.sums()).toEqual(before);
      }),
    );
  });

  it.each([
    ['a tensor that is not there', { tensor: 1, start: 0, values: new Int32Array(1) }, 1],
    ['a place behind the end', { tensor: 0, start: 4, values: new Int32Array(1) }, 1],
    ['a run over the end', { tensor: 0, start: 2, values: new Int32Array(3) }, 1],
    ['a place before the start', { tensor: 0, start: -1, values: new Int32Array(1) }, 1],
    ['a 64-bit run over the end', { tensor: 0, start: 3, values: new BigInt64Array(2) }, 1],
    ['a weight of 0', { tensor: 0, start: 0, values: new Int32Array(1) }, 0],
    ['a weight of 2^31', { tensor: 0, start: 0, values: new Int32Array(1) }, 2 ** 31],
    ['half a weight', { tensor: 0, start: 0, values: new Int32Array(1) }, 0.5],
  ])('refuses %s', (_, run, weight) => {
    expect(() => new Accumulator([4]).add(run, weight)).toThrow(expect.objectContaining({ code: 'accumulator-range' }));
  });

  it('refuses a model beyond its memory before it asks for any', () => {
    expect(() => new Accumulator([2 ** 29])).toThrow(expect.objectContaining({ code: 'accumulator-too-large' }));
  });

  it('sums weighted 64-bit integers modulo 2^64, and takes them back to the bit, whatever wrapped between', () => {
    const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(-(2n ** 63n), -1n));
    const long = fc.record({ values: fc.array(int64, { minLength: 7, maxLength: 7 }), weight });
    fc.assert(
      fc.property(fc.array(long, { minLength: 2, maxLength: 5 }), (updates) => {
        const accumulator = new Accumulator([3, 7]);
        const run = (values: readonly bigint[]): { tensor: number; start: number; values: BigInt64Array } => ({
          tensor: 1,
          start: 0,
          values: BigInt64Array.from(values),
        });
        for (const { values, weight: by } of updates) accumulator.add(run(values), by);
        const sumOf = (list: typeof updates): bigint[] =>
          Array.from({ length: 7 }, (_, i) =>
            BigInt.asIntN(
              64,
              list.reduce((sum, { values, weight: by }) => sum + BigInt(by) * (values[i] ?? 0n), 0n),
            ),
          );
        expect([...(accumulator.sums()[1] ?? [])]).toEqual(sumOf(updates));
        const [first, ...rest] = updates;
        if (first !== undefined) accumulator.subtract(run(first.values), first.weight);
        expect([...(accumulator.sums()[1] ?? [])]).toEqual(sumOf(rest));
        expect([...(accumulator.sums()[0] ?? [])]).toEqual([0n, 0n, 0n]);
      }),
    );
  });

  it('begins a round of other tensors with zeros, in more memory where it needs more', () => {
    const accumulator = new Accumulator([]);
    for (const lengths of [[2, 3], [2 ** 20], [1], [2 ** 19, 2 ** 19]]) {
      accumulator.begin(lengths);
      expect(accumulator.sums().map((sums) => sums.length)).toEqual(lengths);
      expect(accumulator.sums().every((sums) => sums.every((sum) => sum === 0n))).toBe(true);
      lengths.forEach((length, tensor) =>
        accumulator.add({ tensor, start: 0, values: new Int32Array(length).fill(-1) }, 2),
      );
      expect(accumulator.sums().every((sums) => sums.every((sum) => sum === -2n))).toBe(true);
    }
    expect(() => accumulator.begin([2 ** 29])).toThrow(expect.objectContaining({ code: 'accumulator-too-large' }));
  });

  it('begins anew when cleared', () => {
    const accumulator = new Accumulator([3, 2]);
    accumulator.add({ tensor: 0, start: 0, values: Int32Array.of(1, 2, 3) }, 5);
    accumulator.clear();
    expect(accumulator.sums().flatMap((sums) => [...sums])).toEqual([0n, 0n, 0n, 0n, 0n]);
  });
});
