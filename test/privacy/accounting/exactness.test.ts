// The loss distributions against numbers that are known exactly: never below them, and hardly above.
import { describe, expect, it } from 'vitest';
import { deltaOf, epsilonOf } from '@wardround/privacy/accounting/accountant';
import { gaussianDelta } from '@wardround/privacy/accounting/analytic-gaussian';
import { composedDelta, composedEpsilon } from '@wardround/privacy/accounting/loss-composition';
import { dominatingPairs, pairFunctions } from '@wardround/privacy/accounting/loss-law';
import { cumulant, lossNodes } from '@wardround/privacy/accounting/loss-nodes';
import { mechanismRdp } from '@wardround/privacy/accounting/rdp';
import type { Mechanism } from '@wardround/privacy/accounting/mechanism';
import { fixedSize, gaussianSteps, spending } from './mechanisms.ts';
import { exactStepDelta, exactTwoStepsDelta, removalPair } from './other-accountants.ts';

const single = [
  { sigma: 0.5, rate: 0.01, delta: 1e-5 },
  { sigma: 0.8, rate: 0.001, delta: 1e-6 },
  { sigma: 0.8, rate: 0.3, delta: 1e-8 },
  { sigma: 1, rate: 0.9, delta: 1e-10 },
  { sigma: 1.1, rate: 0.01, delta: 1e-5 },
  { sigma: 3, rate: 0.5, delta: 1e-12 },
  { sigma: 10, rate: 0.2, delta: 1e-3 },
];

describe('one sampled step', () => {
  it.each(single)('σ $sigma, q $rate, δ $delta: ε suffices, and a little less does not', ({ sigma, rate, delta }) => {
    const question = spending({ noiseMultiplier: sigma, rate, steps: 1 });
    const epsilon = epsilonOf({ ...question, delta, accountant: 'pld' });
    expect(exactStepDelta({ sigma, rate }, epsilon)).toBeLessThanOrEqual(delta);
    expect(exactStepDelta({ sigma, rate }, epsilon - 2e-5)).toBeGreaterThan(delta);
    const back = deltaOf({ ...question, epsilon, accountant: 'pld' });
    expect(back).toBeGreaterThanOrEqual(exactStepDelta({ sigma, rate }, epsilon));
    expect(back).toBeLessThanOrEqual(delta * 1.01);
  });
});

describe('two different steps', () => {
  it.each([
    [{ sigma: 0.8, rate: 0.1 }, { sigma: 1.5, rate: 0.4 }, 1e-5],
    [{ sigma: 1, rate: 0.01 }, { sigma: 0.7, rate: 0.02 }, 1e-6],
    [{ sigma: 2, rate: 0.5 }, { sigma: 2, rate: 0.5 }, 1e-8],
  ])('%o, then %o', (first, second, delta) => {
    const laws = [first, second].map((step) => ({ law: removalPair(step), count: 1 }));
    const epsilon = composedEpsilon(laws, delta, 1e-5);
    expect(exactTwoStepsDelta(first, second, epsilon * (1 + 1e-9))).toBeLessThanOrEqual(delta * (1 + 1e-9));
    expect(exactTwoStepsDelta(first, second, epsilon - 4e-5)).toBeGreaterThan(delta);
    const atOne = composedDelta(laws, 1, 1e-5);
    expect(atOne).toBeGreaterThanOrEqual(exactTwoStepsDelta(first, second, 1) * (1 - 1e-9));
    expect(atOne).toBeLessThan(exactTwoStepsDelta(first, second, 1) * (1 + 1e-3) + 1e-12);
  });
});

describe('many steps', () => {
  it.each([
    { noiseMultiplier: 1.1, rate: 0.01, steps: 1000, delta: 1e-5 },
    { noiseMultiplier: 4, rate: 0.001, steps: 5000, delta: 1e-7 },
    { noiseMultiplier: 0.8, rate: 0.1, steps: 20, delta: 1e-15 },
  ])('a coarser grid never says less: $noiseMultiplier, $rate, $steps', ({ noiseMultiplier, rate, steps, delta }) => {
    const laws = [{ law: removalPair({ sigma: noiseMultiplier, rate }), count: steps }];
    const fine = composedEpsilon(laws, delta, 1e-7);
    const usual = composedEpsilon(laws, delta, 1e-5);
    const coarse = composedEpsilon(laws, delta, 1e-4);
    expect(usual).toBeGreaterThanOrEqual(fine - 1e-8);
    expect(usual - fine).toBeLessThan(2e-5);
    expect(coarse).toBeGreaterThanOrEqual(usual - 1e-8);
  });

  it('a Gaussian through the grid is the Gaussian', () => {
    const law = removalPair({ sigma: 3, rate: 1 - 1e-12 });
    for (const delta of [1e-3, 1e-6, 1e-12, 1e-20]) {
      const epsilon = composedEpsilon([{ law, count: 9 }], delta, 1e-6);
      expect(gaussianDelta(1, epsilon)).toBeLessThanOrEqual(delta * (1 + 1e-9));
      expect(gaussianDelta(1, epsilon - 1e-5)).toBeGreaterThan(delta);
    }
  });
});

describe('the dominating pairs', () => {
  const sampled: Mechanism = gaussianSteps({ noiseMultiplier: 0.9, rate: 0.2, steps: 1 }).mechanism;

  /** ∫ (p − e^ε q)₊ by adding up, for patients whose contributions are `ours` and `theirs`. */
  function hockeyStick(ours: number, theirs: number, epsilon: number): number {
    const [sigma, rate] = [0.9, 0.2];
    const density = (x: number, centre: number) =>
      Math.exp(-((x - centre) ** 2) / (2 * sigma * sigma)) / (sigma * Math.sqrt(2 * Math.PI));
    let sum = 0;
    for (let x = -15; x < 15; x += 1e-3) {
      const p = (1 - rate) * density(x, 0) + rate * density(x, ours);
      const q = (1 - rate) * density(x, 0) + rate * density(x, theirs);
      sum += 1e-3 * Math.max(0, p - Math.exp(epsilon) * q);
    }
    return sum;
  }

  it('replaceOne: no pair of contributions within the clip norm tells more than the opposite ones', () => {
    for (const epsilon of [0.1, 0.5, 1, 2]) {
      const claimed = deltaOf({
        adjacency: 'replaceOne',
        uses: [{ mechanism: sampled, count: 1 }],
        epsilon,
        accountant: 'pld',
      });
      expect(claimed).toBeGreaterThanOrEqual(hockeyStick(1, -1, epsilon) * (1 - 1e-6));
      expect(claimed).toBeLessThan(hockeyStick(1, -1, epsilon) * 1.001 + 1e-9);
      for (const [ours, theirs] of [
        [1, 0],
        [0, -1],
        [1, 0.5],
        [0.5, -1],
        [-1, 1],
      ] as const) {
        expect(hockeyStick(ours, theirs, epsilon)).toBeLessThanOrEqual(claimed);
      }
    }
  });

  it('have losses that increase', () => {
    for (const adjacency of ['addOrRemoveOne', 'replaceOne'] as const) {
      for (const law of dominatingPairs(sampled, adjacency)) {
        if (law.kind !== 'normal') throw new Error('not a normal pair');
        const { loss } = pairFunctions(law);
        for (let x = -9; x < 9; x += 0.1) expect(loss(x + 0.1)).toBeGreaterThan(loss(x));
      }
    }
  });

  it('have the Rényi divergences of the formulas', () => {
    const orders = [2, 3, 8, 32];
    const expected = mechanismRdp(sampled, 'addOrRemoveOne', orders);
    for (const [k, order] of orders.entries()) {
      const [removed, added] = dominatingPairs(sampled, 'addOrRemoveOne').map(
        (law) => cumulant(lossNodes(law, 14 + (2 * order) / 0.9), order - 1) / (order - 1),
      );
      expect(removed).toBeCloseTo(expected[k] ?? Number.NaN, 9);
      expect(added).toBeLessThanOrEqual((removed ?? 0) + 1e-12);
    }
    const fractional = [1.1, 1.7, 2.5, 7.3];
    for (const [k, bound] of mechanismRdp(sampled, 'addOrRemoveOne', fractional).entries()) {
      const order = fractional[k] ?? Number.NaN;
      const exact =
        cumulant(lossNodes(removalPair({ sigma: 0.9, rate: 0.2 }), 14 + order / 0.9), order - 1) / (order - 1);
      expect(bound).toBeGreaterThanOrEqual(exact);
    }
  });

  it('of fixed batches: symmetric, and of all patients the Gaussian again', () => {
    const [law] = dominatingPairs(fixedSize({ noiseMultiplier: 1, rate: 0.1, steps: 1 }).mechanism, 'replaceOne');
    if (law === undefined) throw new Error('no pair');
    const nodes = lossNodes(law, 12);
    // H(1/α) and H(α) mirror each other: the law's cumulant function is symmetric around −1/2.
    for (const tilt of [0.5, 1, 3]) expect(cumulant(nodes, tilt)).toBeCloseTo(cumulant(nodes, -1 - tilt), 6);
    const all = { adjacency: 'replaceOne', uses: [fixedSize({ noiseMultiplier: 6, rate: 1, steps: 4 })] } as const;
    const plain = spending({ noiseMultiplier: 6, rate: 1, steps: 4 }, 'replaceOne');
    expect(epsilonOf({ ...all, delta: 1e-5, accountant: 'pld' })).toBe(
      epsilonOf({ ...plain, delta: 1e-5, accountant: 'pld' }),
    );
  });
});
