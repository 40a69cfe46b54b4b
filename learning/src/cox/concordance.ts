// Harrell's C: how often, of two patients, the one with the higher predicted risk had the event first. As counts, which sites can add up.
import { WardroundError } from '@wardround/protocol/errors';
import { type SurvivalRows, groupsByTime } from './partial-likelihood.ts';

/** Pairs of one stratum. Every number is a whole one below 2⁵³. */
export interface ConcordanceCounts {
  /** The patient with the earlier event had the higher risk; the lower; the same. */
  readonly concordant: number;
  readonly discordant: number;
  readonly tied: number;
}

export type SurvivalAnswers = Pick<SurvivalRows, 'labels' | 'events'> & {
  /** Linear predictors or hazard ratios: higher is earlier. */
  readonly risks: Float64Array;
};

const mostRows = 2 ** 26;

/**
 * A pair counts where one had the event while the other was still observed: at a later time, or censored at the same time. Two events at
 * one time say nothing about order. Summed over sites these are the counts of the concordance stratified by site: no pair crosses a border.
 *
 * Source: Harrell, Lee and Mark, Statistics in Medicine 15, 1996, section 5.5; ties as R's `survival::concordance`. O(n·log n) by a Fenwick tree.
 *
 * @throws WardroundError `metric-data` (as many risks, times and events, all finite)
 */
export function concordance(answers: SurvivalAnswers): ConcordanceCounts {
  requireAnswers(answers);
  const { labels, events, risks } = answers;
  const ranks = ranksOf(risks);
  const later = new RankCounter(ranks.length);
  const counts = { concordant: 0, discordant: 0, tied: 0 };
  for (const group of groupsByTime({ rows: risks.length, labels }, 'latestFirst')) {
    const failing = group.filter((row) => events[row] === 1);
    for (const row of group) if (events[row] !== 1) later.add(ranks[row] ?? 0);
    for (const row of failing) {
      const rank = ranks[row] ?? 0;
      const lower = later.upTo(rank - 1);
      const notHigher = later.upTo(rank);
      counts.concordant += lower;
      counts.tied += notHigher - lower;
      counts.discordant += later.total - notHigher;
    }
    for (const row of failing) later.add(ranks[row] ?? 0);
  }
  return counts;
}

/** (concordant + tied/2) / pairs; null where no pair can be compared. */
export function cIndex({ concordant, discordant, tied }: ConcordanceCounts): number | null {
  const pairs = concordant + discordant + tied;
  return pairs === 0 ? null : (concordant + tied / 2) / pairs;
}

/** Equal values have one rank, from 1. */
function ranksOf(values: Float64Array): Uint32Array {
  const distinct = [...new Set(values)].toSorted((a, b) => a - b);
  const rankOf = new Map(distinct.map((value, i) => [value, i + 1]));
  return Uint32Array.from(values, (value) => rankOf.get(value) ?? 0);
}

/** How many of those added have at most a given rank. Source: Fenwick, Software: Practice and Experience 24, 1994. */
class RankCounter {
  readonly #tree: Uint32Array;
  #total = 0;

  constructor(ranks: number) {
    this.#tree = new Uint32Array(ranks + 1);
  }

  get total(): number {
    return this.#total;
  }

  add(rank: number): void {
    this.#total += 1;
    for (let at = rank; at < this.#tree.length; at += at & -at) this.#tree[at] = (this.#tree[at] ?? 0) + 1;
  }

  upTo(rank: number): number {
    let count = 0;
    for (let at = rank; at > 0; at -= at & -at) count += this.#tree[at] ?? 0;
    return count;
  }
}

function requireAnswers({ risks, labels, events }: SurvivalAnswers): void {
  const sizes = risks.length === labels.length && risks.length === events.length && risks.length <= mostRows;
  if (!sizes || !risks.every((value) => Number.isFinite(value)) || !labels.every((value) => Number.isFinite(value))) {
    throw new WardroundError('metric-data', 'risks, times and events do not belong together', {
      expected: `as many of each, finite, at most ${mostRows}`,
      action: 'stop',
    });
  }
}
