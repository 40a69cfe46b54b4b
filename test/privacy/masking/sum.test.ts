// The sum is exact, whoever drops out and when, as long as t sites stay.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptOf, codeOf, plainSum, prepare, restarted, unmaskOver } from './world.ts';

function subsets<T>(items: readonly T[], least: number): T[][] {
  const all: T[][] = [[]];
  for (const item of items) all.push(...all.map((subset) => [...subset, item]));
  return all.filter((subset) => subset.length >= least);
}

describe('with any n − t sites dropped out before their inputs', () => {
  for (const n of [2, 3, 4, 5, 6]) {
    it(`the sum of ${n} sites is exact, for every set of survivors`, { timeout: 120_000 }, async () => {
      const attempt = attemptOf(n);
      const prepared = await prepare(attempt);
      const sets = subsets(prepared.sites, attempt.threshold);
      expect(sets.length).toBeGreaterThan(0);
      for (const set of sets) {
        const survivors = set.map((placed) => restarted(attempt, placed));
        expect(await unmaskOver(prepared, { survivors })).toEqual(plainSum(survivors));
      }
    });
  }
});

describe('with sites dropped out at any step', () => {
  it('the sum is exact, or is not opened', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 7, max: 10 }),
        fc.integer({ min: 0, max: 2 }),
        fc.array(fc.constantFrom('keys', 'shares', 'input', 'reveal'), { maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        async (n, colluding, steps, chance) => {
          const attempt = attemptOf(n, { colluding });
          const names = attempt.members.map(({ name }) => name);
          const lost = { keys: [], shares: [], input: [], reveal: [] } as Record<(typeof steps)[number], string[]>;
          for (const step of steps.slice(0, n - attempt.threshold)) {
            const [name] = names.splice((chance.next().value ?? 0) % names.length, 1);
            lost[step].push(name ?? '');
          }
          const prepared = await prepare(attempt, lost);
          const survivors = prepared.sites.filter(({ name }) => !lost.input.includes(name));
          const revealing = survivors.filter(({ name }) => !lost.reveal.includes(name));
          expect(await unmaskOver(prepared, { survivors, revealing })).toEqual(plainSum(survivors));
        },
      ),
      { numRuns: 24, seed: 20_261_123 },
    );
  });

  it('one more than n − t before the reveal leaves the sum closed', async () => {
    const attempt = attemptOf(4);
    const prepared = await prepare(attempt);
    const revealing = prepared.sites.slice(0, attempt.threshold - 1);
    expect(await codeOf(() => unmaskOver(prepared, { survivors: prepared.sites, revealing }))).toBe(
      'masking-shares-few',
    );
  });
});
