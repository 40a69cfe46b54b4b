// Batched writes: all of a batch or none, results to whom they belong, limits by number and weight.
import { describe, expect, it } from 'vitest';
import { batched } from '../../coordinator/src/store/batches.ts';

const limits = { maxItems: 3, maxWeight: 10, weightOf: (item: string): number => item.length };

/** A writer whose batches are let through one by one. */
function gated(): { batches: string[][]; write: (items: readonly string[]) => Promise<string[]>; release: () => void } {
  const batches: string[][] = [];
  let gate = Promise.withResolvers<void>();
  return {
    batches,
    write: async (items) => {
      batches.push([...items]);
      await gate.promise;
      gate = Promise.withResolvers<void>();
      return items.map((item) => item.toUpperCase());
    },
    release: () => gate.resolve(),
  };
}

describe('batched writes', () => {
  it('collect what arrives while one is being written', async () => {
    const { batches, write, release } = gated();
    const put = batched(write, limits);
    const results = Promise.all(['a', 'b', 'c', 'd', 'e'].map(put));
    expect(batches).toEqual([['a']]);
    release();
    await expect.poll(() => batches.length).toBe(2);
    release();
    await expect.poll(() => batches.length).toBe(3);
    release();
    expect(await results).toEqual(['A', 'B', 'C', 'D', 'E']);
    expect(batches).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
  });

  it('end before they are too heavy, but take one heavy item alone', async () => {
    const batches: string[][] = [];
    const put = batched(async (items: readonly string[]) => {
      batches.push([...items]);
      return await Promise.resolve(items);
    }, limits);
    await Promise.all(['x', 'x'.repeat(20), 'yyyyyy', 'zzzzzz', 'z'].map(put));
    expect(batches.map((batch) => batch.map((item) => item.length))).toEqual([[1], [20], [6], [6, 1]]);
  });

  it('fail together, and the next goes on', async () => {
    let failing = true;
    const put = batched(async (items: readonly string[]) => {
      await Promise.resolve();
      if (failing) throw new Error('disk full');
      return items;
    }, limits);
    const failures = await Promise.allSettled(['a', 'b'].map(put));
    expect(failures.map((result) => result.status)).toEqual(['rejected', 'rejected']);
    failing = false;
    expect(await put('c')).toBe('c');
  });
});
