// The coordinate-wise trimmed mean: the smallest and largest values of each coordinate are left out. Withstands f = trim hostile sites.
import { ofSortedCoordinates } from './coordinates.ts';
import type { FlatUpdate } from './selecting-rule.ts';

/**
 * trmean(Δ₁, ..., Δₙ)ⱼ = the mean of what is left of Δ₁ⱼ, ..., Δₙⱼ without the `trim` smallest and the `trim` largest.
 *
 * Source: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", 2018, definition 2 (trim = βn).
 *
 * @param trim values at each end; fewer than half of them all, which the caller has made sure of
 */
export function trimmedMean(updates: readonly FlatUpdate[], trim: number): Float64Array {
  return ofSortedCoordinates(updates, (ascending) => {
    const kept = ascending.subarray(trim, ascending.length - trim);
    // Exact: 2²¹ integers of 32 bits stay below 2⁵³.
    return kept.reduce((sum, value) => sum + value, 0) / kept.length;
  });
}
