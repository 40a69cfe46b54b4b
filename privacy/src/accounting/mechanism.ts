// What the accountants count: noise added to a clipped sum, how patients were drawn into it, and how often; the limits of each value.
import { WardroundError } from '@wardround/protocol/errors';

/** Who counts as a neighbour: data sets that differ by one patient more or less, or in one patient's values. */
export type Adjacency = 'addOrRemoveOne' | 'replaceOne';

/** `pld`: privacy loss distributions, tight. `rdp`: Rényi, looser, and with one formula a step. */
export type AccountantName = 'pld' | 'rdp';

/** How a step's patients are chosen. `poisson`: each by its own coin. `fixedSize`: a uniformly random set of constant size. */
export type Sampling =
  | { readonly kind: 'none' }
  | { readonly kind: 'poisson'; readonly rate: number }
  | { readonly kind: 'fixedSize'; readonly rate: number };

/**
 * The noise. `discreteGaussian`: on integers, for vectors whose L2 norm is at most `clipNormSteps` steps of the grid for one patient.
 * `discreteGaussianCount`: on one integer, which one patient changes by at most `sensitivity`: exact on its grid.
 */
export type Noise =
  | { readonly kind: 'gaussian' }
  | { readonly kind: 'discreteGaussian'; readonly clipNormSteps: number }
  | { readonly kind: 'discreteGaussianCount'; readonly sensitivity: number };

export interface Mechanism {
  readonly noise: Noise;
  /** Standard deviation of the noise on the sum ÷ clip norm, the most that one patient's contribution may measure; whatever the adjacency. */
  readonly noiseMultiplier: number;
  readonly sampling: Sampling;
}

export interface MechanismCount {
  readonly mechanism: Mechanism;
  readonly count: number;
}

/** Everything that touched one population: rounds, statistics, metrics, candidates, studies. The order does not matter. */
export interface Spending {
  readonly adjacency: Adjacency;
  readonly uses: readonly MechanismCount[];
}

export const limits = {
  noiseMultiplier: { least: 0.01, most: 1e9 },
  samplingRate: { least: 1e-9, most: 1 },
  steps: 100_000_000,
  delta: { least: 1e-30 },
  epsilon: { most: 1e6 },
  uses: 256,
} as const;

/**
 * @throws WardroundError `privacy-noise-multiplier`, `privacy-sampling-rate`, `privacy-steps`, `privacy-grid`, `privacy-sampling-adjacency`,
 *   `privacy-sampling-unsupported`, `privacy-nothing`
 */
export function checkSpending({ adjacency, uses }: Spending): void {
  if (uses.length === 0 || uses.length > limits.uses) {
    throw refused('privacy-nothing', 'nothing to account for, or too much', {
      expected: `1 to ${limits.uses} mechanisms`,
      got: String(uses.length),
    });
  }
  for (const { mechanism, count } of uses) {
    checkMechanism(mechanism, adjacency);
    checkCount(count);
  }
  checkCount(uses.reduce((sum, { count }) => sum + count, 0));
}

function checkMechanism({ noise, noiseMultiplier, sampling }: Mechanism, adjacency: Adjacency): void {
  const { least, most } = limits.noiseMultiplier;
  if (!(noiseMultiplier >= least && noiseMultiplier <= most)) {
    throw refused('privacy-noise-multiplier', 'not a noise multiplier that can be accounted for', {
      expected: `a number from ${least} to ${most}`,
      got: String(noiseMultiplier),
    });
  }
  checkNoise(noise, noiseMultiplier);
  checkSampling(sampling, adjacency);
  if (noise.kind === 'discreteGaussianCount' && sampling.kind !== 'none') {
    throw refused('privacy-sampling-unsupported', 'a count with discrete noise is not sampled here', {
      expected: 'sampling none',
      got: sampling.kind,
    });
  }
}

/** Below six steps of noise the grid itself is seen by the vector's adversary, and the bounds used here do not hold. */
const leastNoiseSteps = 6;

function checkNoise(noise: Noise, noiseMultiplier: number): void {
  if (noise.kind === 'gaussian') return;
  const steps = noise.kind === 'discreteGaussian' ? noise.clipNormSteps : noise.sensitivity;
  const whole = noise.kind === 'discreteGaussian' || (Number.isSafeInteger(steps) && steps <= 1_000_000);
  if (!(steps > 0 && steps <= 2 ** 62 && whole)) {
    throw refused('privacy-grid', 'not a sensitivity on a grid of integers', {
      expected: noise.kind === 'discreteGaussian' ? 'a positive number of steps' : 'a whole number from 1 to 1000000',
      got: String(steps),
    });
  }
  if (noise.kind === 'discreteGaussian' && noiseMultiplier * steps < leastNoiseSteps) {
    throw refused('privacy-grid', 'the grid is too coarse for this noise', {
      expected: `a noise of at least ${leastNoiseSteps} steps`,
      got: `${noiseMultiplier * steps} steps`,
    });
  }
}

function checkSampling(sampling: Sampling, adjacency: Adjacency): void {
  if (sampling.kind === 'none') return;
  const { least, most } = limits.samplingRate;
  if (!(sampling.rate >= least && sampling.rate <= most)) {
    throw refused('privacy-sampling-rate', 'not a sampling rate', {
      expected: `a number from ${least} to ${most}`,
      got: String(sampling.rate),
    });
  }
  if (sampling.kind === 'fixedSize' && adjacency !== 'replaceOne') {
    throw refused('privacy-sampling-adjacency', 'batches of a fixed size have no meaning where patients come and go', {
      expected: 'adjacency replaceOne, or Poisson sampling',
      got: adjacency,
    });
  }
}

function checkCount(count: number): void {
  if (!(Number.isSafeInteger(count) && count >= 1 && count <= limits.steps)) {
    throw refused('privacy-steps', 'not a number of steps that can be accounted for', {
      expected: `a whole number from 1 to ${limits.steps}`,
      got: String(count),
    });
  }
}

/** @throws WardroundError `privacy-delta` */
export function checkDelta(delta: number): void {
  if (!(delta >= limits.delta.least && delta < 1)) {
    throw refused('privacy-delta', 'not a δ that says anything', {
      expected: `a number from ${limits.delta.least} to below 1`,
      got: String(delta),
    });
  }
}

/** @throws WardroundError `privacy-epsilon` */
export function checkEpsilon(epsilon: number): void {
  if (!(epsilon > 0 && epsilon <= limits.epsilon.most)) {
    throw refused('privacy-epsilon', 'not an ε that says anything', {
      expected: `a number above 0, at most ${limits.epsilon.most}`,
      got: String(epsilon),
    });
  }
}

export function refused(code: string, message: string, detail: { expected: string; got: string }): WardroundError {
  return new WardroundError(code, message, detail);
}

/** The most that the sum changes between neighbours, in clip norms, where nobody was left out by chance. */
export function sensitivityOf(adjacency: Adjacency): number {
  return adjacency === 'replaceOne' ? 2 : 1;
}
