// How much noise a budget needs: the noise multiplier whose ε, by the same accountant that will charge it, is at most the target.
import { hasCode } from '@wardround/protocol/errors';
import { epsilonOf } from './accountant.ts';
import {
  type AccountantName,
  type Adjacency,
  checkDelta,
  checkEpsilon,
  limits,
  type MechanismCount,
  refused,
} from './mechanism.ts';

export interface CalibrationQuestion {
  readonly adjacency: Adjacency;
  readonly accountant: AccountantName;
  readonly epsilon: number;
  readonly delta: number;
  /** Everything that the budget pays for, when the noise to be found is this much. More noise must never cost more. */
  readonly usesAt: (noiseMultiplier: number) => readonly MechanismCount[];
}

export interface Calibration {
  readonly noiseMultiplier: number;
  /** What it costs: at most the target. */
  readonly epsilon: number;
}

/** How near the least possible noise the result comes, above it. */
const closeness = 1e-5;

/**
 * The least noise multiplier, rounded up to six digits, whose ε does not exceed the target: the bracket shrinks around it, and what is returned was itself accounted for.
 *
 * @throws WardroundError `privacy-epsilon`, `privacy-delta`, `privacy-unreachable` where no noise is enough, and what `epsilonOf` throws
 */
export function calibrateNoise(question: CalibrationQuestion): Calibration {
  checkEpsilon(question.epsilon);
  checkDelta(question.delta);
  const cost = (noiseMultiplier: number) => costOf(question, noiseMultiplier);
  let { low, high } = bracket(question.epsilon, cost);
  while (high.noise > low.noise * (1 + closeness)) {
    const noise = between(low, high, question.epsilon);
    const epsilon = cost(noise);
    if (epsilon <= question.epsilon) high = { noise, epsilon };
    else low = { noise, epsilon };
  }
  return roundedUp(high, question.epsilon, cost);
}

interface Point {
  readonly noise: number;
  readonly epsilon: number;
}

/** A grid that would not fit means too little noise for this accountant: as good as infinitely expensive. */
function costOf({ adjacency, accountant, delta, usesAt }: CalibrationQuestion, noiseMultiplier: number): number {
  try {
    return epsilonOf({ adjacency, accountant, delta, uses: usesAt(noiseMultiplier) });
  } catch (error) {
    if (hasCode(error, 'privacy-too-fine') || hasCode(error, 'privacy-no-bound')) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

function bracket(target: number, cost: (noise: number) => number): { low: Point; high: Point } {
  const { least, most } = limits.noiseMultiplier;
  let high = { noise: 1, epsilon: cost(1) };
  let low = high;
  while (high.epsilon > target) {
    if (high.noise >= most) throw unreachable(target, high.epsilon);
    low = high;
    const noise = Math.min(most, high.noise * 2);
    high = { noise, epsilon: cost(noise) };
  }
  while (low.epsilon <= target && low.noise > least) {
    high = low;
    const noise = Math.max(least, low.noise / 2);
    low = { noise, epsilon: cost(noise) };
  }
  return { low, high };
}

/** Where a straight line through both, in logarithms, meets the target; kept off the ends, so that each step shrinks the bracket from both sides. */
function between(low: Point, high: Point, target: number): number {
  const width = Math.log(high.noise / low.noise);
  const fall = Math.log(low.epsilon / high.epsilon);
  const part = Number.isFinite(fall) && fall > 0 ? Math.log(low.epsilon / target) / fall : 0.5;
  const margin = Math.min(0.3, Math.max(0.02, (0.4 * closeness) / width));
  const aimed = part < 0.5 ? part + margin : part - margin * 0.5 + (part > 0.98 ? -margin : 0);
  return low.noise * Math.exp(width * Math.min(0.95, Math.max(0.05, aimed)));
}

/** To six digits, upwards; and upwards again should the accountant's own rounding have cost the last of them. */
function roundedUp(found: Point, target: number, cost: (noise: number) => number): Calibration {
  const digit = 10 ** (Math.floor(Math.log10(found.noise)) - 5);
  for (let tries = 0; tries < 8; tries += 1) {
    const noiseMultiplier = Number(((Math.ceil(found.noise / digit) + tries) * digit).toPrecision(7));
    const epsilon = cost(noiseMultiplier);
    if (epsilon <= target) return { noiseMultiplier, epsilon };
  }
  return { noiseMultiplier: found.noise, epsilon: found.epsilon };
}

function unreachable(target: number, got: number) {
  return refused('privacy-unreachable', 'no noise is enough for this target', {
    expected: `ε at most ${target}`,
    got: `${got} even with the most noise that is accounted for`,
  });
}
