// The bootstrap's chance and its intervals: seeded, the same on every machine, never for anything secret.
import { labels } from '@wardround/protocol/labels';
import type { JsonValue } from '@wardround/protocol/json-scanner';
import { SeededRandom } from '@wardround/protocol/seeded-random';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Uniform integers, fast. Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021 (xoshiro128**). */
export class ResamplingRandom {
  readonly #state: Uint32Array;

  constructor(context: JsonValue) {
    const seed = new SeededRandom(labels.bootstrap, context);
    this.#state = Uint32Array.from({ length: 4 }, () => seed.uint32());
    // The generator would stay at zero for ever.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** Uniform in [0, bound), up to a bias of bound / 2³². */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** Uniform in [0, 1), a multiple of 2⁻³². */
  fraction(): number {
    return this.#next() / 0x1_0000_0000;
  }

  /** Indices, not destructuring: an iterator here made every interval five times as slow. */
  #next(): number {
    const s = this.#state;
    const s1 = s[1] ?? 0;
    const s2 = (s[2] ?? 0) ^ (s[0] ?? 0);
    const s3 = (s[3] ?? 0) ^ s1;
    s[1] = s1 ^ s2;
    s[0] = (s[0] ?? 0) ^ s3;
    s[2] = s2 ^ (s1 << 9);
    s[3] = rotate(s3, 11);
    return Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** The middle 95 % of the replicates, by rank; null without any. Source: Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982. */
export function percentileInterval(replicates: readonly number[]): Interval | null {
  if (replicates.length === 0) return null;
  const sorted = Float64Array.from(replicates).toSorted();
  const last = sorted.length - 1;
  const low = sorted[Math.floor(0.025 * last)];
  const high = sorted[Math.ceil(0.975 * last)];
  return low === undefined || high === undefined ? null : { low, high };
}
