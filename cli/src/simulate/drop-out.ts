// Sites that miss a round by chance, as `--drop-out` asks: the same for the same seed.
import type { Simulation } from '@wardround/learning/simulation/simulate-study';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';

/** Every site misses every attempt with this chance, each for itself; null for 0. */
export function dropOut(chance: number, seed: number): NonNullable<Simulation['isAway']> | null {
  if (chance === 0) return null;
  return ({ site, round, attempt }) =>
    new SeededRandom(labels.dropOut, [seed, site, round, attempt]).fraction() < chance;
}
