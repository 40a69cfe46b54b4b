// The Gaussian mechanism exactly: Balle and Wang, "Improving the Gaussian Mechanism for Differential Privacy", ICML 2018.
import { logDensity, millsRatio, upperTail } from './normal-distribution.ts';

/** What float64 may have lost, and more: results are moved by it towards less privacy. */
const rounding = 1e-12;

/**
 * δ of the Gaussian mechanism at ε (Theorem 8), for noise of `sigma` standard deviations to one unit of sensitivity. Relative error below 1e-12 / min(1, 1/sigma).
 *
 * @param sigma noise standard deviation ÷ L2 sensitivity, > 0
 */
export function gaussianDelta(sigma: number, epsilon: number): number {
  const nearer = epsilon * sigma - 0.5 / sigma;
  const farther = epsilon * sigma + 0.5 / sigma;
  // e^ε φ(farther) = φ(nearer): both tails in units of the same density, so that nothing large is subtracted.
  if (nearer >= 0) return Math.exp(logDensity(nearer)) * (millsRatio(nearer) - millsRatio(farther));
  return upperTail(nearer) - Math.exp(logDensity(nearer)) * millsRatio(farther);
}

/** The least ε at which δ suffices, rounded up. */
export function gaussianEpsilon(sigma: number, delta: number): number {
  const enough = (epsilon: number) => gaussianDelta(sigma, epsilon) <= delta;
  if (enough(0)) return 0;
  return leastWhere(enough, { from: 0, guess: 0.5 / (sigma * sigma) + 1 / sigma }) * (1 + rounding);
}

/** The least noise multiplier for (ε, δ), rounded up. */
export function gaussianSigma(epsilon: number, delta: number): number {
  const enough = (sigma: number) => gaussianDelta(sigma, epsilon) <= delta;
  return leastWhere(enough, { from: 0, guess: 1 / Math.max(epsilon, 1e-3) }) * (1 + rounding);
}

/** Where a monotone condition begins to hold; the side on which it does. */
function leastWhere(holds: (value: number) => boolean, { from, guess }: { from: number; guess: number }): number {
  let low = from;
  let high = guess;
  while (!holds(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > high * 1e-15) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}
