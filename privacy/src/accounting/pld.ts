// The accountant of privacy loss distributions: every mechanism's dominating pairs, direction by direction, composed; the worse direction counts.
import { gaussianDelta, gaussianEpsilon } from './analytic-gaussian.ts';
import { composedDelta, composedEpsilon, type RepeatedLaw } from './loss-composition.ts';
import { dominatingPairs, type LossPair } from './loss-law.ts';
import type { Spending } from './mechanism.ts';

/** The most that the grid adds to ε where it is not exact, before the cap on the grid's length. */
export const gridError = 1e-5;

/** Float64 in sums over the grid: results are moved by it towards less privacy. */
const rounding = 1e-9;

/** Least ε at this δ, rounded up. Unsampled Gaussians alone are exact. */
export function pldEpsilon(spending: Spending, delta: number): number {
  return lawsEpsilon(directionsOf(spending), delta);
}

/** Least δ at this ε, rounded up. */
export function pldDelta(spending: Spending, epsilon: number): number {
  return Math.max(...directionsOf(spending).map((laws) => directionDelta(laws, epsilon)));
}

/** The same for laws that are not mechanisms of ours: each list is one direction. */
export function lawsEpsilon(directions: readonly (readonly RepeatedLaw[])[], delta: number): number {
  return Math.max(...directions.map((laws) => directionEpsilon(laws, delta)));
}

function directionEpsilon(laws: readonly RepeatedLaw[], delta: number): number {
  const gaussian = asOneGaussian(laws);
  if (gaussian !== null) return gaussianEpsilon(gaussian, delta) * (1 + rounding);
  return composedEpsilon(laws, delta, gridError) * (1 + rounding);
}

function directionDelta(laws: readonly RepeatedLaw[], epsilon: number): number {
  const gaussian = asOneGaussian(laws);
  if (gaussian !== null) return Math.min(1, gaussianDelta(gaussian, epsilon) * (1 + rounding));
  return Math.min(1, composedDelta(laws, epsilon, gridError) * (1 + rounding));
}

/** One list for each direction; a mechanism with one pair is as telling in both. */
function directionsOf({ adjacency, uses }: Spending): readonly (readonly RepeatedLaw[])[] {
  const pairs = uses.map(({ mechanism, count }) => ({ pairs: dominatingPairs(mechanism, adjacency), count }));
  const directions = pairs.some((each) => each.pairs.length > 1) ? [0, 1] : [0];
  return directions.map((direction) =>
    merged(pairs.flatMap((each) => repeated(each.pairs[direction] ?? each.pairs[0], each.count))),
  );
}

function repeated(law: LossPair | undefined, count: number): readonly RepeatedLaw[] {
  return law === undefined ? [] : [{ law, count }];
}

/** Gaussians without sampling compose to one Gaussian (their losses are normal); equal laws are one law met more often. */
function merged(laws: readonly RepeatedLaw[]): readonly RepeatedLaw[] {
  const byLaw = new Map<string, RepeatedLaw>();
  let precision = 0;
  for (const { law, count } of laws) {
    const shift = plainShift(law);
    if (shift !== null) precision += count * (shift / law.sigma) ** 2;
    else {
      const key = JSON.stringify(law);
      byLaw.set(key, { law, count: count + (byLaw.get(key)?.count ?? 0) });
    }
  }
  return precision === 0 ? [...byLaw.values()] : [plainGaussian(1 / Math.sqrt(precision)), ...byLaw.values()];
}

function plainGaussian(sigma: number): RepeatedLaw {
  const p = [{ weight: 1, shift: 1 }];
  const q = [{ weight: 1, shift: 0 }];
  return { law: { kind: 'normal', sigma, p, q, symmetrised: false }, count: 1 };
}

/** The distance between two single normal distributions; null for anything else. */
function plainShift(law: LossPair): number | null {
  if (law.kind !== 'normal' || law.p.length > 1 || law.q.length > 1) return null;
  return (law.p[0]?.shift ?? 0) - (law.q[0]?.shift ?? 0);
}

function asOneGaussian(laws: readonly RepeatedLaw[]): number | null {
  const [only, ...others] = laws;
  if (only === undefined || others.length > 0) return null;
  const shift = plainShift(only.law);
  return shift === null ? null : only.law.sigma / (shift * Math.sqrt(only.count));
}
