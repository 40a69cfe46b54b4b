// The mechanisms that the accountants' tests speak of.
import type { Adjacency, MechanismCount, Sampling, Spending } from '@wardround/privacy/accounting/mechanism';

export interface GaussianSteps {
  readonly noiseMultiplier: number;
  /** Poisson sampling at this rate; 1 for none. */
  readonly rate: number;
  readonly steps: number;
}

export function gaussianSteps({ noiseMultiplier, rate, steps }: GaussianSteps): MechanismCount {
  const sampling: Sampling = rate === 1 ? { kind: 'none' } : { kind: 'poisson', rate };
  return { mechanism: { noise: { kind: 'gaussian' }, noiseMultiplier, sampling }, count: steps };
}

export function spending(steps: GaussianSteps, adjacency: Adjacency = 'addOrRemoveOne'): Spending {
  return { adjacency, uses: [gaussianSteps(steps)] };
}

export function fixedSize({ noiseMultiplier, rate, steps }: GaussianSteps): MechanismCount {
  return {
    mechanism: { noise: { kind: 'gaussian' }, noiseMultiplier, sampling: { kind: 'fixedSize', rate } },
    count: steps,
  };
}
