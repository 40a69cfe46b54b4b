// The privacy loss of one step as a law on a line: which two distributions an adversary must tell apart, and what each outcome says.
import { type Adjacency, type Mechanism, refused } from './mechanism.ts';

/** A mixture of normal distributions with the pair's σ. */
export interface Component {
  readonly weight: number;
  readonly shift: number;
}

/**
 * Two mixtures of normal distributions of the same σ; log p(x)/q(x) must increase with x. What happened is drawn from p.
 * `symmetrised`: the pair bounds only losses above 0, in both directions; the law below 0 is the mirror image that this implies
 * (H_α(P‖Q) = 1 − α + α H_(1/α)(Q‖P); Zhu, Dong, Wang 2022).
 */
export interface NormalPair {
  readonly kind: 'normal';
  readonly sigma: number;
  readonly p: readonly Component[];
  readonly q: readonly Component[];
  readonly symmetrised: boolean;
}

/** Discrete Gaussian on the integers against itself moved by `sensitivity`. */
export interface IntegerPair {
  readonly kind: 'integer';
  readonly sigma: number;
  readonly sensitivity: number;
}

export type LossPair = NormalPair | IntegerPair;

const centre: readonly Component[] = [{ weight: 1, shift: 0 }];

/** A pair in one direction: p is centred ∪ moved right, q centred ∪ moved left. */
function pair(sigma: number, p: readonly Component[], q: readonly Component[]): NormalPair {
  return { kind: 'normal', sigma, p, q, symmetrised: false };
}

function drawn(rate: number, shift: number): readonly Component[] {
  if (rate === 1) return [{ weight: 1, shift }];
  return [
    { weight: 1 - rate, shift: 0 },
    { weight: rate, shift },
  ];
}

/**
 * The pairs of distributions that dominate one step of a mechanism: everything that may happen to a neighbour is at most as telling as one of them, direction by direction.
 *
 * Poisson, addOrRemoveOne: ((1−r)N(0) + rN(1), N(0)) and its reverse (Zhu, Dong, Wang 2022, theorem 11).
 * Poisson, replaceOne: ((1−r)N(0) + rN(1), (1−r)N(0) + rN(−1)): docs/privacy.md proves it.
 * Fixed size, replaceOne: ((1−r)N(0) + rN(2), N(0)), symmetrised: docs/privacy.md, likewise.
 */
export function dominatingPairs(mechanism: Mechanism, adjacency: Adjacency): readonly LossPair[] {
  const { sampling, noise } = mechanism;
  const reach = adjacency === 'replaceOne' ? 2 : 1;
  if (noise.kind === 'discreteGaussianCount') {
    const sigma = mechanism.noiseMultiplier * noise.sensitivity;
    if (sigma <= mostExactSteps) return [{ kind: 'integer', sigma, sensitivity: reach * noise.sensitivity }];
  }
  const sigma = continuousNoise(mechanism);
  if (sampling.kind === 'none' || sampling.rate === 1) return [pair(sigma, [{ weight: 1, shift: reach }], centre)];
  const { rate } = sampling;
  if (sampling.kind === 'fixedSize') return [{ ...pair(sigma, drawn(rate, 2), centre), symmetrised: true }];
  if (adjacency === 'replaceOne') return [pair(sigma, drawn(rate, 1), drawn(rate, -1))];
  return [pair(sigma, drawn(rate, 1), centre), pair(sigma, centre, drawn(rate, -1))];
}

/** Standard deviation, in steps, of the integers that are added to turn continuous into discrete noise. */
const roundingNoise = 3;
/** Above it a count's noise is taken as continuous: 5e-6 of the noise is given away, and the grid need not be walked. */
const mostExactSteps = 1000;

/**
 * The continuous noise, in clip norms, that protects no better than this one. A vector's discrete Gaussian of σ steps is, within a factor of
 * 1 ± 1e-55, what rounding by a discrete Gaussian of 3 steps makes of continuous noise of √(σ² − 9) steps (Peikert 2010, theorem 3.1, as σ ≥ 6); post-processing
 * tells nobody more.
 */
export function continuousNoise({ noise, noiseMultiplier }: Mechanism): number {
  if (noise.kind === 'gaussian') return noiseMultiplier;
  const steps = noiseMultiplier * (noise.kind === 'discreteGaussian' ? noise.clipNormSteps : noise.sensitivity);
  return noiseMultiplier * Math.sqrt(1 - (roundingNoise / steps) ** 2);
}

/** log Σ weight · N(shift)(x) / N(0)(x), as a function that does not overflow. */
function logTilt(components: readonly Component[], sigma: number): (x: number) => number {
  const variance = sigma * sigma;
  const lines = components.map(({ weight, shift }) => {
    return { slope: shift / variance, start: Math.log(weight) - (shift * shift) / (2 * variance) };
  });
  const [first, second] = lines;
  if (first === undefined) throw refused('privacy-law', 'a mixture of nothing', { expected: 'components', got: '0' });
  if (second === undefined) return (x) => first.start + first.slope * x;
  if (lines.length === 2) {
    return (x) => {
      const a = first.start + first.slope * x;
      const b = second.start + second.slope * x;
      return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
    };
  }
  return (x) => {
    const heights = lines.map(({ slope, start }) => start + slope * x);
    const high = Math.max(...heights);
    return high + Math.log(heights.reduce((sum, height) => sum + Math.exp(height - high), 0));
  };
}

/** log of the density under p, and loss log p/q, at a point. */
export interface PairFunctions {
  readonly logDensity: (x: number) => number;
  readonly loss: (x: number) => number;
}

export function pairFunctions({ sigma, p, q }: NormalPair): PairFunctions {
  const above = logTilt(p, sigma);
  const below = logTilt(q, sigma);
  const scale = -Math.log(sigma) - 0.5 * Math.log(2 * Math.PI);
  const curvature = -0.5 / (sigma * sigma);
  return {
    logDensity: (x) => scale + curvature * x * x + above(x),
    loss: (x) => above(x) - below(x),
  };
}
