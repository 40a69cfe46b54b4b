// Who stays in the sum: a function of the set, whose result satisfies everybody in it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, remaining } from '../../aggregator-enclave/src/enclave/conditions.ts';

function candidate(site: string, change: Partial<Candidate> = {}): Candidate {
  return {
    site,
    agent: `agent ${site}`,
    weight: 100,
    peers: ['a', 'b', 'c', 'd', 'e'].filter((name) => name !== site).map((name) => `agent ${name}`),
    minimumContributors: 2,
    maxShare: '1',
    ...change,
  };
}

const names = (candidates: readonly Candidate[]): readonly string[] => candidates.map(({ site }) => site);

describe('the set that remains', () => {
  const plan = { minimum: 3, maxShare: '0.7' };
  const all = ['a', 'b', 'c', 'd'].map((site) => candidate(site));

  it('is everybody where all conditions hold', () => {
    expect(names(remaining(all, plan))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('leaves out who counts too few of the others', () => {
    const choosy = candidate('d', { peers: ['agent a'] });
    expect(names(remaining([...all.slice(0, 3), choosy], plan))).toEqual(['a', 'b', 'c']);
  });

  it('leaves out who asks for more contributors than there are', () => {
    const shy = candidate('d', { minimumContributors: 5 });
    expect(names(remaining([...all.slice(0, 3), shy], plan))).toEqual(['a', 'b', 'c']);
  });

  it('goes on until nobody fails: one that left takes others with it', () => {
    const shy = candidate('d', { minimumContributors: 5 });
    const needsFour = candidate('c', { minimumContributors: 4 });
    expect(names(remaining([candidate('a'), candidate('b'), needsFour, shy], plan))).toEqual([]);
  });

  it('takes out the site that weighs more than the plan allows, not those that it outweighs', () => {
    const heavy = candidate('d', { weight: 1000 });
    expect(names(remaining([...all.slice(0, 3), heavy], plan))).toEqual(['a', 'b', 'c']);
  });

  it('takes out who accepts less than the plan does', () => {
    const heavy = candidate('d', { weight: 250 });
    const strict = candidate('a', { maxShare: '0.4' });
    const five = [strict, candidate('b'), candidate('c'), heavy, candidate('e')];
    expect(names(remaining(five, plan))).toEqual(names(five));
    expect(names(remaining([strict, candidate('b'), candidate('c'), heavy], plan))).toEqual(['b', 'c', 'd']);
  });

  it('compares shares exactly', () => {
    const third = ['a', 'b', 'c'].map((site) => candidate(site, { weight: 1 }));
    expect(remaining(third, { minimum: 3, maxShare: '0.333333333333333333333333333333333333' })).toEqual([]);
    expect(remaining(third, { minimum: 3, maxShare: '0.333333333333333333333333333333333334' })).toHaveLength(3);
  });
});

describe('properties', () => {
  const sites = ['a', 'b', 'c', 'd', 'e', 'f'];
  const arbitrary = fc.tuple(
    ...sites.map((site) =>
      fc.record({
        weight: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        peers: fc
          .subarray(sites)
          .map((chosen) => chosen.filter((name) => name !== site).map((name) => `agent ${name}`)),
        minimumContributors: fc.integer({ min: 2, max: 6 }),
        maxShare: fc.constantFrom('0.2', '0.3', '0.5', '0.8', '1'),
      }),
    ),
  );
  const plans = fc.record({
    minimum: fc.integer({ min: 2, max: 5 }),
    maxShare: fc.constantFrom('0.3', '0.5', '0.7', '1'),
  });
  const candidates = arbitrary.map((all) => all.map((change, i) => candidate(sites[i] ?? '', change)));

  it('every remaining site’s conditions hold in the remaining set', () => {
    fc.assert(
      fc.property(candidates, plans, (all, plan) => {
        const stay = remaining(all, plan);
        const total = stay.reduce((sum, { weight }) => sum + weight, 0);
        const largest = Math.max(0, ...stay.map(({ weight }) => weight)) / total;
        for (const { site, peers, minimumContributors, maxShare } of stay) {
          const counted = stay.filter((other) => other.site === site || peers.includes(other.agent)).length;
          expect(counted).toBeGreaterThanOrEqual(Math.max(plan.minimum, minimumContributors));
          expect(largest).toBeLessThanOrEqual(Math.min(Number(maxShare), Number(plan.maxShare)) + 1e-12);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on the order of arrival', () => {
    fc.assert(
      fc.property(candidates, plans, fc.func(fc.integer()), (all, plan, key) => {
        const shuffled = all.toSorted((a, b) => key(a.site) - key(b.site));
        expect(new Set(names(remaining(shuffled, plan)))).toEqual(new Set(names(remaining(all, plan))));
      }),
    );
  });

  it('is stable: what remains remains', () => {
    fc.assert(
      fc.property(candidates, plans, (all, plan) => {
        const stay = remaining(all, plan);
        expect(remaining(stay, plan)).toEqual(stay);
      }),
    );
  });

  it('loses nobody where nobody objects', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 3, maxLength: 5 }), (weights) => {
        const all = weights.map((weight, i) => candidate(sites[i] ?? '', { weight }));
        expect(remaining(all, { minimum: 3, maxShare: '1' })).toEqual(all);
      }),
    );
  });
});
