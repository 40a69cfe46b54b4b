// The coordinate-wise median: each value of the model moves by the median of the sites' moves. Withstands f hostile of 2f + 1 sites.
import { ofSortedCoordinates } from './coordinates.ts';
import type { FlatUpdate } from './selecting-rule.ts';

/**
 * med(Δ₁, ..., Δₙ)ⱼ = the median of Δ₁ⱼ, ..., Δₙⱼ; of an even number, the mean of the middle two (exact: integers of 32 bits).
 *
 * Source: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", 2018, definition 1.
 */
export function coordinateMedian(updates: readonly FlatUpdate[]): Float64Array {
  return ofSortedCoordinates(updates, (ascending) => {
    const { length } = ascending;
    return ((ascending[(length - 1) >> 1] ?? 0) + (ascending[length >> 1] ?? 0)) / 2;
  });
}
