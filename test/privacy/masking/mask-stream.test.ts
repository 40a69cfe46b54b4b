// Masks: uniform over the ring, none used twice, and what is added can be taken away to the bit.
import { describe, expect, it } from 'vitest';
import { sha256, utf8 } from '@wardround/protocol/bytes';
import { applyMask, type RingTensor } from '@wardround/privacy/masking/mask-stream';
import { weighBeforeMasking } from '@wardround/privacy/masking/ring-tensors';
import { codeOf, must } from './world.ts';

const seed = (n: number): Uint8Array => sha256(utf8(`mask seed ${n}`));
const attempt = 'a'.repeat(64);

function tensor(name: string, length: number): RingTensor {
  return { name, values: new BigInt64Array(length) };
}

function maskOf(name: string, { from = 1, length = 65_536, of = attempt } = {}): BigInt64Array<ArrayBuffer> {
  const one = tensor(name, length);
  applyMask([one], { seed: seed(from), attempt: of, sign: 'add' });
  return one.values;
}

/** Pearson's χ² of counts that should all be the same. */
function chiSquare(counts: Float64Array): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
}

/** χ² with 255 degrees of freedom lies within 255 ± 6 √510 but for one time in 10⁸; the seeds are fixed, so these either hold or do not. */
function expectUniform(counts: Float64Array): void {
  expect(counts.length).toBe(256);
  const spread = 6 * Math.sqrt(2 * 255);
  expect(chiSquare(counts)).toBeLessThan(255 + spread);
  expect(chiSquare(counts)).toBeGreaterThan(255 - spread);
}

function countBytes(values: BigInt64Array<ArrayBuffer>, place: number): Float64Array {
  const counts = new Float64Array(256);
  const bytes = new Uint8Array(values.buffer);
  for (let i = place; i < bytes.length; i += 8) counts[bytes[i] ?? 0] = (counts[bytes[i] ?? 0] ?? 0) + 1;
  return counts;
}

describe('a mask', () => {
  it('is uniform over the ring: each of its eight bytes, for ten seeds', () => {
    for (let from = 0; from < 10; from += 1) {
      const values = maskOf('kernel', { from });
      for (let place = 0; place < 8; place += 1) expectUniform(countBytes(values, place));
    }
  });

  it('hides a constant tensor as well as a random one: the masked values are uniform too', () => {
    const values = new BigInt64Array(65_536).fill(42n);
    applyMask([{ name: 'kernel', values }], { seed: seed(77), attempt, sign: 'subtract' });
    for (let place = 0; place < 8; place += 1) expectUniform(countBytes(values, place));
  });

  it('has neighbours that say nothing of each other', () => {
    const values = maskOf('kernel', { from: 5 });
    const counts = new Float64Array(256);
    for (let i = 1; i < values.length; i += 1) {
      const difference = Number(BigInt.asUintN(64, must(values[i]) - must(values[i - 1])) >> 56n);
      counts[difference] = (counts[difference] ?? 0) + 1;
    }
    expectUniform(counts);
  });

  it('finds a generator that is not uniform: the test itself is tried', () => {
    const skewed = maskOf('kernel').map((value) => value & 0x7fff_ffff_ffff_ffffn);
    expect(() => expectUniform(countBytes(skewed, 7))).toThrow();
    const ramp = BigInt64Array.from({ length: 65_536 }, (_, i) => BigInt(i % 256));
    expect(() => expectUniform(countBytes(ramp, 0))).toThrow();
  });

  it('is never shared: by two tensors, two seeds, two attempts, nor by two places of one', () => {
    const streams = [
      maskOf('kernel'),
      maskOf('bias'),
      maskOf('kernel0'),
      maskOf('kernel', { from: 2 }),
      maskOf('kernel', { of: 'b'.repeat(64) }),
    ];
    const seen = new Set(streams.flatMap((values) => [...values]));
    // 5 · 65,536 values of 64 bits meet by chance once in 3 · 10⁸ times.
    expect(seen.size).toBe(5 * 65_536);
  });

  it('is the same again from the same seed, attempt and tensor, whatever its length', () => {
    const long = maskOf('kernel', { length: 20_000 });
    for (const length of [0, 1, 2, 8191, 8192, 8193, 16_384]) {
      expect(maskOf('kernel', { length })).toEqual(long.slice(0, length));
    }
  });

  it('adds and subtracts in the ring as BigInt does', () => {
    const mask = maskOf('kernel', { length: 9000 });
    const start = maskOf('other', { length: 9000, from: 9 });
    for (const sign of ['add', 'subtract'] as const) {
      const values = new BigInt64Array(start);
      applyMask([{ name: 'kernel', values }], { seed: seed(1), attempt, sign });
      const expected = start.map((value, i) =>
        BigInt.asIntN(64, sign === 'add' ? value + must(mask[i]) : value - must(mask[i])),
      );
      expect(values).toEqual(expected);
    }
  });
});

describe('weights before masking', () => {
  it('multiply exactly at the ends of both ranges', () => {
    expect(weighBeforeMasking(Int32Array.of(2_147_483_647, -2_147_483_648, 0, -1), 2_147_483_647)).toEqual(
      BigInt64Array.of(4_611_686_014_132_420_609n, -4_611_686_016_279_904_256n, 0n, -2_147_483_647n),
    );
  });

  it('that no site has are refused', async () => {
    for (const weight of [0, -1, 1.5, 2_147_483_648, Number.NaN]) {
      expect(await codeOf(() => weighBeforeMasking(Int32Array.of(1), weight))).toBe('masking-weight');
    }
  });
});
