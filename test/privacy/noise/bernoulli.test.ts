// The coins: their frequencies, and that where a double is in doubt the exact ratio decides, on either side of the edge.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bernoulli, bernoulliExp, type Exponent } from '@wardround/privacy/noise/bernoulli';
import { RandomWords } from '@wardround/privacy/noise/random-words';
import { nearestDouble, rootCeiling } from '@wardround/privacy/noise/rational';
import { seededBytes, wordsFirst } from './seeded-bytes.ts';

function exponent(numerator: bigint, denominator: bigint): Exponent {
  return { near: Number(numerator) / Number(denominator), exact: () => ({ numerator, denominator }) };
}

/** Reads the ratio exactly at every comparison: a double that is always in doubt. */
const undecided = (numerator: bigint, denominator: bigint, words: readonly number[]): boolean => {
  const [first = 0] = words;
  return bernoulli(new RandomWords(wordsFirst(words)), {
    near: first / 2 ** 32,
    exact: () => ({ numerator, denominator }),
  });
};

describe('a coin', () => {
  it.each([
    [1n, 3n],
    [1n, 2n],
    [7n, 1000n],
    [999n, 1000n],
  ])('of %s/%s falls so often', (numerator, denominator) => {
    const words = new RandomWords(seededBytes('coin'));
    const p = Number(numerator) / Number(denominator);
    const heads = Array.from({ length: 100_000 }, () => bernoulli(words, exponent(numerator, denominator)));
    const got = heads.filter(Boolean).length;
    expect(Math.abs(got - 100_000 * p)).toBeLessThan(4 * Math.sqrt(100_000 * p * (1 - p)));
  });

  it('of 0 and of 1 never errs, whatever the word', () => {
    for (const word of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
      expect(bernoulli(new RandomWords(wordsFirst([word])), exponent(0n, 1n))).toBe(false);
      expect(bernoulli(new RandomWords(wordsFirst([word])), exponent(5n, 5n))).toBe(true);
    }
  });

  it('of e to minus a number falls so often, below and above 1', () => {
    for (const [numerator, denominator] of [
      [1n, 10n],
      [1n, 1n],
      [5n, 4n],
      [3n, 1n],
      [13n, 3n],
    ] as const) {
      const words = new RandomWords(seededBytes('exp'));
      const p = Math.exp(-Number(numerator) / Number(denominator));
      const got = Array.from({ length: 100_000 }, () => bernoulliExp(words, exponent(numerator, denominator)));
      expect(Math.abs(got.filter(Boolean).length - 100_000 * p)).toBeLessThan(4 * Math.sqrt(100_000 * p * (1 - p)));
    }
  });
});

describe('where a double is in doubt', () => {
  it('the whole numbers decide, a part in 2⁶⁴ apart', () => {
    // p = (word · 2³² + second) / 2⁶⁴: a uniform that begins with word, then second, is not below it; one less is.
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (word, second) => {
        const numerator = (BigInt(word) << 32n) + BigInt(second);
        expect(undecided(numerator, 1n << 64n, [word, second])).toBe(false);
        expect(undecided(numerator, 1n << 64n, [word, second - 1])).toBe(true);
      }),
    );
  });

  it('the exact decision is the one that a double would have reached where it can', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 32 - 1),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 1001, max: 3000 }),
        (word, n, d) => {
          const expected = BigInt(word) * BigInt(d) < BigInt(n) << 32n;
          fc.pre((BigInt(n) << 32n) % BigInt(d) === 0n || BigInt(word) !== (BigInt(n) << 32n) / BigInt(d));
          expect(undecided(BigInt(n), BigInt(d), [word])).toBe(expected);
          expect(bernoulli(new RandomWords(wordsFirst([word])), exponent(BigInt(n), BigInt(d)))).toBe(expected);
        },
      ),
    );
  });
});

describe('words', () => {
  it.each([1, 2, 3, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53])('below %s stay below, and reach far', (bound) => {
    const words = new RandomWords(seededBytes('below'));
    const values = Array.from({ length: 2000 }, () => words.below(bound));
    expect(values.every((value) => Number.isSafeInteger(value) && value >= 0 && value < bound)).toBe(true);
    expect(Math.max(...values)).toBeGreaterThanOrEqual(Math.floor((bound - 1) * 0.99));
  });

  it('below three are a third each', () => {
    const words = new RandomWords(seededBytes('third'));
    const counts = [0, 0, 0];
    for (let i = 0; i < 90_000; i += 1) {
      const value = words.below(3);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 30_000)).toBeLessThan(700);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 54])('refuses to draw below %s', (bound) => {
    const words = new RandomWords(seededBytes('below'));
    expect(() => words.below(bound)).toThrow(expect.objectContaining({ code: 'noise-bound' }));
  });

  it('refuses a source that gives less than was asked for', () => {
    const words = new RandomWords(() => new Uint8Array(4));
    expect(() => words.uint32()).toThrow(expect.objectContaining({ code: 'noise-random' }));
  });
});

describe('ratios', () => {
  it('have their nearest double to 52 bits', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 300n }),
        fc.bigInt({ min: 1n, max: 2n ** 300n }),
        (numerator, denominator) => {
          const near = nearestDouble({ numerator, denominator });
          // near = m · 2^e exactly; |m · 2^e · d − n| ≤ n · 2⁻⁵²
          const exponentOfTwo = Math.floor(Math.log2(near)) - 60;
          const m = BigInt(near * 2 ** -exponentOfTwo);
          const [left, right] =
            exponentOfTwo >= 0
              ? [(m << BigInt(exponentOfTwo)) * denominator, numerator]
              : [m * denominator, numerator << BigInt(-exponentOfTwo)];
          const off = left > right ? left - right : right - left;
          expect(off << 52n <= right).toBe(true);
        },
      ),
    );
  });

  it('have roots that are rounded up, exactly', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 200n }),
        fc.bigInt({ min: 1n, max: 2n ** 60n }),
        (numerator, denominator) => {
          const root = rootCeiling({ numerator, denominator });
          expect(root * root * denominator >= numerator).toBe(true);
          expect(root === 0n || (root - 1n) * (root - 1n) * denominator < numerator).toBe(true);
        },
      ),
    );
  });
});
