// Time and chance, as the relay's client uses them: given from outside, so that tests need not wait.
import { setTimeout as delay } from 'node:timers/promises';

export interface Timing {
  /** Resolves after so many milliseconds, or at once when the signal aborts; never rejects. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Between 0 and 1; only spreads reconnections, nothing secret comes of it. */
  readonly random: () => number;
}

export const systemTiming: Timing = {
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, { signal }).catch(() => undefined);
  },
  random: Math.random,
};

const firstMilliseconds = 100;
const longestMilliseconds = 15_000;

/** How long to wait before try number `attempt` (from 0): doubling, capped, spread over its upper half so that many parties do not return as one. */
export function backoffMilliseconds(attempt: number, random: () => number): number {
  const full = Math.min(longestMilliseconds, firstMilliseconds * 2 ** Math.min(attempt, 20));
  return full / 2 + (full / 2) * random();
}
