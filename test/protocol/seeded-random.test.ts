// The public generator: the same everywhere, unbiased, and apart from every other label and context.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.uint32());

describe('SeededRandom', () => {
  it('is SHA-256 in counter mode, recomputed here by hand', () => {
    const key = createHash('sha256').update(`${labels.split}\0[42,"a"]`).digest();
    const block = (i: number): Buffer =>
      createHash('sha256')
        .update(Buffer.concat([Buffer.from(`${labels.split}\0`), key, Buffer.from([0, 0, 0, 0, 0, 0, 0, i])]))
        .digest();
    const expected = [0, 1].flatMap((i) => Array.from({ length: 8 }, (_, w) => block(i).readUInt32BE(4 * w)));
    expect(draw(new SeededRandom(labels.split, [42, 'a']), 16)).toEqual(expected);
  });

  it.each([
    ['another label', new SeededRandom(labels.batchOrder, [42, 'a'])],
    ['another seed', new SeededRandom(labels.split, [43, 'a'])],
    ['another site', new SeededRandom(labels.split, [42, 'b'])],
    ['parts joined differently', new SeededRandom(labels.split, ['42a'])],
  ])('differs for %s', (_, other) => {
    expect(draw(other, 8)).not.toEqual(draw(new SeededRandom(labels.split, [42, 'a']), 8));
  });

  it('permutes: every index once, and the identity is not favoured', () => {
    const random = new SeededRandom(labels.batchOrder, [1]);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i += 1) {
      const order = random.permutation(3).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['012', '021', '102', '120', '201', '210']);
    // Chi-squared with 5 degrees of freedom: 20.5 is the 99.9 % point.
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(20.5);
    expect(new SeededRandom(labels.batchOrder, [1]).permutation(0)).toEqual(new Uint32Array(0));
    expect(new SeededRandom(labels.batchOrder, [1]).permutation(1)).toEqual(new Uint32Array(1));
  });

  it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses the bound %s', (bound) => {
    expect(() => new SeededRandom(labels.split, []).below(bound)).toThrow(
      expect.objectContaining({ code: 'random-bound' }),
    );
  });

  it('draws fractions in [0, 1) with the mean and variance of the uniform distribution', () => {
    const random = new SeededRandom(labels.split, ['moments']);
    const draws = Array.from({ length: 20_000 }, () => random.fraction());
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.008);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
  });
});
