// What must be true of any accountant: more noise costs less, parts add up to the whole, and what makes no sense is refused by name.
import { describe, expect, it } from 'vitest';
import { deltaOf, epsilonOf } from '@wardround/privacy/accounting/accountant';
import { assumptions } from '@wardround/privacy/accounting/assumptions';
import { calibrateNoise } from '@wardround/privacy/accounting/calibrate';
import {
  type AccountantName,
  type Mechanism,
  type MechanismCount,
  type Spending,
} from '@wardround/privacy/accounting/mechanism';
import { fixedSize, gaussianSteps, type GaussianSteps, spending } from './mechanisms.ts';

const base: GaussianSteps = { noiseMultiplier: 1.2, rate: 0.02, steps: 200 };
const delta = 1e-5;
const both = ['pld', 'rdp'] as const satisfies readonly AccountantName[];

function cost(change: Partial<GaussianSteps>, accountant: AccountantName, at = delta): number {
  return epsilonOf({ ...spending({ ...base, ...change }), delta: at, accountant });
}

describe.each(both)('%s is monotone', (accountant) => {
  it.each([
    ['σ', [0.5, 0.7, 1, 1.01, 1.5, 3, 10, 100].map((noiseMultiplier) => ({ noiseMultiplier }))],
    ['q', [1, 0.9, 0.5, 0.1, 0.05, 0.049, 0.01, 0.001].map((rate) => ({ rate }))],
    ['steps', [5000, 1000, 201, 200, 50, 10, 2, 1].map((steps) => ({ steps }))],
  ])('in %s', (_, changes) => {
    const costs = changes.map((change) => cost(change, accountant));
    for (const [k, value] of costs.entries())
      if (k > 0) expect(value).toBeLessThanOrEqual((costs[k - 1] ?? 0) * (1 + 1e-6));
    expect(costs.at(-1)).toBeLessThan(costs[0] ?? 0);
  });

  it('in δ, down to where ε is 0', () => {
    const costs = [1e-20, 1e-10, 1e-6, 1e-5, 1e-3, 0.1, 0.9].map((at) => cost({}, accountant, at));
    for (const [k, value] of costs.entries()) if (k > 0) expect(value).toBeLessThanOrEqual(costs[k - 1] ?? 0);
    expect(costs.at(-1)).toBe(0);
  });

  it('and its δ falls with ε and returns to it', () => {
    const question = { ...spending(base), accountant };
    const deltas = [0.1, 0.5, 1, 2, 4].map((epsilon) => deltaOf({ ...question, epsilon }));
    for (const [k, value] of deltas.entries()) if (k > 0) expect(value).toBeLessThan(deltas[k - 1] ?? 0);
    const epsilon = epsilonOf({ ...question, delta });
    const back = deltaOf({ ...question, epsilon });
    expect(back).toBeLessThanOrEqual(delta * 1.001);
    expect(back).toBeGreaterThan(delta * 0.99);
  });
});

describe.each(both)('%s composes', (accountant) => {
  it('parts to the whole, in any order', () => {
    const parts = [120, 30, 50].map((steps) => gaussianSteps({ ...base, steps }));
    const whole = cost({}, accountant);
    const ask = (uses: readonly MechanismCount[]) =>
      epsilonOf({ adjacency: 'addOrRemoveOne', uses, delta, accountant });
    expect(ask(parts)).toBeCloseTo(whole, 10);
    expect(ask(parts.toReversed())).toBeCloseTo(whole, 10);
  });

  it('different mechanisms to more than the dearest and less than the sum', () => {
    const parts = [
      gaussianSteps(base),
      gaussianSteps({ noiseMultiplier: 8, rate: 1, steps: 3 }),
      gaussianSteps({ noiseMultiplier: 0.9, rate: 0.01, steps: 40 }),
    ];
    const ask = (uses: readonly MechanismCount[]) =>
      epsilonOf({ adjacency: 'addOrRemoveOne', uses, delta, accountant });
    const alone = parts.map((part) => ask([part]));
    expect(ask(parts)).toBeGreaterThan(Math.max(...alone));
    expect(ask(parts)).toBeLessThan(alone.reduce((sum, each) => sum + each, 0));
  });

  it('plain Gaussians to the one Gaussian that they are', () => {
    const many = cost({ rate: 1, noiseMultiplier: 6, steps: 9 }, accountant);
    expect(many).toBeCloseTo(cost({ rate: 1, noiseMultiplier: 2, steps: 1 }, accountant), 9);
  });
});

describe('the tight accountant', () => {
  it.each([
    spending(base),
    spending(base, 'replaceOne'),
    spending({ ...base, rate: 1 }),
    spending({ noiseMultiplier: 0.6, rate: 0.2, steps: 5 }),
    { adjacency: 'replaceOne', uses: [fixedSize({ ...base, noiseMultiplier: 3 })] },
  ] as readonly Spending[])('never says more than Rényi: %o', (question) => {
    const tight = epsilonOf({ ...question, delta, accountant: 'pld' });
    expect(tight).toBeGreaterThan(0);
    expect(tight).toBeLessThanOrEqual(epsilonOf({ ...question, delta, accountant: 'rdp' }) * (1 + 1e-6));
  });

  it('charges replacement more than presence, and at most for two clip norms', () => {
    for (const accountant of both) {
      const presence = epsilonOf({ ...spending(base), delta, accountant });
      const replacement = epsilonOf({ ...spending(base, 'replaceOne'), delta, accountant });
      const halved = epsilonOf({
        ...spending({ ...base, noiseMultiplier: base.noiseMultiplier / 2 }),
        delta,
        accountant,
      });
      expect(replacement).toBeGreaterThan(presence);
      expect(replacement).toBeLessThan(halved);
    }
  });
});

describe('calibration', () => {
  it.each([
    { target: 0.5, steps: base, adjacency: 'addOrRemoveOne', accountant: 'pld' },
    { target: 3, steps: base, adjacency: 'replaceOne', accountant: 'pld' },
    { target: 3, steps: { ...base, rate: 1 }, adjacency: 'addOrRemoveOne', accountant: 'pld' },
    { target: 1, steps: base, adjacency: 'addOrRemoveOne', accountant: 'rdp' },
    { target: 8, steps: { ...base, steps: 20 }, adjacency: 'replaceOne', accountant: 'rdp' },
  ] as const)(
    'comes back to its target from below: $target $accountant $adjacency',
    ({ target, steps, adjacency, accountant }) => {
      const usesAt = (noiseMultiplier: number) => [gaussianSteps({ ...steps, noiseMultiplier })];
      const found = calibrateNoise({ adjacency, accountant, delta, epsilon: target, usesAt });
      expect(epsilonOf({ adjacency, accountant, delta, uses: usesAt(found.noiseMultiplier) })).toBe(found.epsilon);
      expect(found.epsilon).toBeLessThanOrEqual(target);
      const less = epsilonOf({ adjacency, accountant, delta, uses: usesAt(found.noiseMultiplier * (1 - 1e-4)) });
      expect(less).toBeGreaterThan(target);
    },
  );

  it('pays for what else was done, and refuses what that alone exceeds', () => {
    const other = gaussianSteps({ noiseMultiplier: 5, rate: 1, steps: 1 });
    const question = { adjacency: 'addOrRemoveOne', accountant: 'pld', delta, epsilon: 2 } as const;
    const alone = calibrateNoise({ ...question, usesAt: (z) => [gaussianSteps({ ...base, noiseMultiplier: z })] });
    const beside = calibrateNoise({
      ...question,
      usesAt: (z) => [other, gaussianSteps({ ...base, noiseMultiplier: z })],
    });
    expect(beside.noiseMultiplier).toBeGreaterThan(alone.noiseMultiplier);
    const usesAt = (z: number) => [gaussianSteps({ ...base, noiseMultiplier: z }), { ...other, count: 100 }];
    expect(() => calibrateNoise({ ...question, usesAt })).toThrow(
      expect.objectContaining({ code: 'privacy-unreachable' }),
    );
  });
});

const good: Mechanism = gaussianSteps(base).mechanism;

describe('refuses', () => {
  it.each([
    ['no noise', { ...good, noiseMultiplier: 0 }, 'privacy-noise-multiplier'],
    ['negative noise', { ...good, noiseMultiplier: -1 }, 'privacy-noise-multiplier'],
    ['too little noise', { ...good, noiseMultiplier: 0.001 }, 'privacy-noise-multiplier'],
    ['noise that is no number', { ...good, noiseMultiplier: Number.NaN }, 'privacy-noise-multiplier'],
    ['infinite noise', { ...good, noiseMultiplier: Number.POSITIVE_INFINITY }, 'privacy-noise-multiplier'],
    ['nobody drawn', { ...good, sampling: { kind: 'poisson', rate: 0 } }, 'privacy-sampling-rate'],
    ['more than everybody drawn', { ...good, sampling: { kind: 'poisson', rate: 1.0001 } }, 'privacy-sampling-rate'],
    ['a rate that is no number', { ...good, sampling: { kind: 'poisson', rate: Number.NaN } }, 'privacy-sampling-rate'],
    [
      'fixed batches of those present',
      { ...good, sampling: { kind: 'fixedSize', rate: 0.1 } },
      'privacy-sampling-adjacency',
    ],
    ['a grid of no steps', { ...good, noise: { kind: 'discreteGaussian', clipNormSteps: 0 } }, 'privacy-grid'],
    ['a grid that shows', { ...good, noise: { kind: 'discreteGaussian', clipNormSteps: 2 } }, 'privacy-grid'],
    ['half a count', { ...good, noise: { kind: 'discreteGaussianCount', sensitivity: 0.5 } }, 'privacy-grid'],
    [
      'a sampled count',
      { ...good, noise: { kind: 'discreteGaussianCount', sensitivity: 1 } },
      'privacy-sampling-unsupported',
    ],
  ] as readonly (readonly [string, Mechanism, string])[])('%s', (_, mechanism, code) => {
    for (const accountant of both) {
      const question = { adjacency: 'addOrRemoveOne', uses: [{ mechanism, count: 1 }], accountant } as const;
      expect(() => epsilonOf({ ...question, delta })).toThrow(expect.objectContaining({ code }));
      expect(() => deltaOf({ ...question, epsilon: 1 })).toThrow(expect.objectContaining({ code }));
    }
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 100_000_001])('%s steps', (steps) => {
    for (const accountant of both) {
      expect(() => cost({ steps }, accountant)).toThrow(expect.objectContaining({ code: 'privacy-steps' }));
    }
  });

  it('steps that are too many together', () => {
    const uses = [1, 2].map(() => gaussianSteps({ ...base, steps: 60_000_000 }));
    const question = { adjacency: 'addOrRemoveOne', uses, delta, accountant: 'rdp' } as const;
    expect(() => epsilonOf(question)).toThrow(expect.objectContaining({ code: 'privacy-steps' }));
  });

  it.each([0, -1e-5, 1, 2, 1e-31, Number.NaN])('δ = %s', (at) => {
    for (const accountant of both) {
      expect(() => cost({}, accountant, at)).toThrow(expect.objectContaining({ code: 'privacy-delta' }));
    }
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('ε = %s', (epsilon) => {
    const question = { adjacency: 'addOrRemoveOne', accountant: 'pld', epsilon } as const;
    const code = expect.objectContaining({ code: 'privacy-epsilon' });
    expect(() => deltaOf({ ...question, uses: [gaussianSteps(base)] })).toThrow(code);
    expect(() => calibrateNoise({ ...question, delta, usesAt: () => [gaussianSteps(base)] })).toThrow(code);
  });

  it('nothing', () => {
    const question = { adjacency: 'addOrRemoveOne', uses: [], delta, accountant: 'pld' } as const;
    expect(() => epsilonOf(question)).toThrow(expect.objectContaining({ code: 'privacy-nothing' }));
  });
});

describe('assumptions', () => {
  it('name adjacency, clipping, sampling, noise and accountant', () => {
    const uses = [gaussianSteps(base), fixedSize(base), gaussianSteps({ ...base, rate: 1, steps: 1 })];
    const text = assumptions({ adjacency: 'replaceOne', uses }, 'rdp').join(' ');
    for (const word of ['replaceOne', 'clip norm', 'Poisson', 'without replacement', 'Once', 'every patient', 'rdp']) {
      expect(text).toContain(word);
    }
  });
});
