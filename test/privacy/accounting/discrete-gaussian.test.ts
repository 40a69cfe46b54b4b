// Discrete Gaussian noise: exactly on its grid for a count, and never cheaper than what is proved for vectors.
import { describe, expect, it } from 'vitest';
import { epsilonOf } from '@wardround/privacy/accounting/accountant';
import { integerNodes } from '@wardround/privacy/accounting/loss-nodes';
import { cumulant } from '@wardround/privacy/accounting/loss-nodes';
import type { Adjacency, Mechanism, Noise, Spending } from '@wardround/privacy/accounting/mechanism';

function uses(noise: Noise, noiseMultiplier: number, count: number, adjacency: Adjacency = 'addOrRemoveOne'): Spending {
  const mechanism: Mechanism = { noise, noiseMultiplier, sampling: { kind: 'none' } };
  return { adjacency, uses: [{ mechanism, count }] };
}

/** log of the discrete Gaussian's masses around 0. */
function masses(sigma: number, far: number): Map<number, number> {
  const points = Array.from({ length: 2 * far + 1 }, (_, k) => k - far);
  const total = points.reduce((sum, x) => sum + Math.exp((-x * x) / (2 * sigma * sigma)), 0);
  return new Map(points.map((x) => [x, Math.exp((-x * x) / (2 * sigma * sigma)) / total]));
}

/** Σ (p − e^ε q)₊ over `count` outcomes together, of noise around 0 against noise around −moved. */
function exactDelta({ sigma, moved, count }: { sigma: number; moved: number; count: 1 | 2 }, epsilon: number): number {
  const p = masses(sigma, Math.ceil(14 * sigma) + moved);
  let delta = 0;
  for (const [x, px] of p) {
    const loss = (moved * (2 * x + moved)) / (2 * sigma * sigma);
    if (count === 1) {
      delta += px * Math.max(0, -Math.expm1(epsilon - loss));
      continue;
    }
    for (const [y, py] of p) {
      const both = loss + (moved * (2 * y + moved)) / (2 * sigma * sigma);
      delta += px * py * Math.max(0, -Math.expm1(epsilon - both));
    }
  }
  return delta;
}

describe('a count with discrete Gaussian noise', () => {
  it.each([
    { sigma: 0.5, sensitivity: 1, count: 1, delta: 1e-5 },
    { sigma: 1, sensitivity: 1, count: 1, delta: 1e-5 },
    { sigma: 2, sensitivity: 3, count: 1, delta: 1e-8 },
    { sigma: 4, sensitivity: 1, count: 2, delta: 1e-5 },
    { sigma: 1, sensitivity: 2, count: 2, delta: 1e-6 },
    { sigma: 10, sensitivity: 5, count: 2, delta: 1e-10 },
  ] as const)('is exact on its grid: %o', ({ sigma, sensitivity, count, delta }) => {
    const question = uses({ kind: 'discreteGaussianCount', sensitivity }, sigma / sensitivity, count);
    const epsilon = epsilonOf({ ...question, delta, accountant: 'pld' });
    const exact = { sigma, moved: sensitivity, count };
    expect(exactDelta(exact, epsilon)).toBeLessThanOrEqual(delta);
    expect(exactDelta(exact, epsilon - 1e-6)).toBeGreaterThan(delta);
    expect(epsilonOf({ ...question, delta, accountant: 'rdp' })).toBeGreaterThanOrEqual(epsilon);
  });

  it('moved by twice as much where somebody is replaced', () => {
    const replaced = uses({ kind: 'discreteGaussianCount', sensitivity: 1 }, 3, 1, 'replaceOne');
    const epsilon = epsilonOf({ ...replaced, delta: 1e-5, accountant: 'pld' });
    expect(exactDelta({ sigma: 3, moved: 2, count: 1 }, epsilon)).toBeLessThanOrEqual(1e-5);
    expect(exactDelta({ sigma: 3, moved: 2, count: 1 }, epsilon - 1e-6)).toBeGreaterThan(1e-5);
  });

  it('has at most the Gaussian’s Rényi divergences (Canonne, Kamath, Steinke 2020, proposition 5)', () => {
    for (const sigma of [0.3, 0.7, 1, 5]) {
      for (const sensitivity of [1, 2, 4]) {
        const nodes = integerNodes({ kind: 'integer', sigma, sensitivity }, 40 + (20 * sensitivity) / sigma);
        for (const order of [1.5, 2, 4, 10]) {
          const divergence = cumulant(nodes, order - 1) / (order - 1);
          expect(divergence).toBeLessThanOrEqual(((order * sensitivity ** 2) / (2 * sigma ** 2)) * (1 + 1e-9));
        }
      }
    }
  });
});

describe('a vector with discrete Gaussian noise', () => {
  it('costs a little more than continuous noise on a coarse grid, and nothing on a fine one', () => {
    const at = { delta: 1e-5, accountant: 'pld' } as const;
    const continuous = epsilonOf({ ...uses({ kind: 'gaussian' }, 2, 5), ...at });
    const coarse = epsilonOf({ ...uses({ kind: 'discreteGaussian', clipNormSteps: 4 }, 2, 5), ...at });
    const fine = epsilonOf({ ...uses({ kind: 'discreteGaussian', clipNormSteps: 2 ** 24 }, 2, 5), ...at });
    expect(coarse).toBeGreaterThan(continuous * 1.01);
    expect(fine).toBeGreaterThanOrEqual(continuous);
    expect(fine).toBeLessThan(continuous * (1 + 1e-9));
  });

  it('of one dimension is covered by what is claimed for vectors', () => {
    for (const sigma of [6, 8, 20]) {
      const claimed = uses({ kind: 'discreteGaussian', clipNormSteps: 4 }, sigma / 4, 1);
      const epsilon = epsilonOf({ ...claimed, delta: 1e-5, accountant: 'pld' });
      expect(exactDelta({ sigma, moved: 4, count: 1 }, epsilon)).toBeLessThanOrEqual(1e-5);
    }
  });
});
