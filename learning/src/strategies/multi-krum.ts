// Multi-Krum: the mean of the updates that lie nearest to the others. Withstands f hostile of 2f + 3 sites.
import { krumHostileSites } from '@wardround/protocol/plan/strategy-problems';
import type { FlatUpdate } from './selecting-rule.ts';

export interface MultiKrumOptions {
  /** m: how many updates are averaged. */
  readonly select: number;
  /** The plan's K, which says how many hostile sites are reckoned with: f = ⌊(K − 3)/2⌋. */
  readonly minimum: number;
}

/**
 * s(i) = Σ ‖Δᵢ − Δⱼ‖² over the n − f − 2 others nearest to i; the mean of the m updates of the lowest scores.
 *
 * Source: Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", 2017, section 4, and its variant Multi-Krum.
 *
 * Distances are exact integers, so that there are no ties but true ones; of those the first in the order of the sites' names is taken.
 */
export function multiKrum(updates: readonly FlatUpdate[], { select, minimum }: MultiKrumOptions): Float64Array {
  const neighbours = updates.length - krumHostileSites(minimum) - 2;
  const scores = krumScores(updates, neighbours);
  const chosen = scores
    .map((score, site) => ({ score, site }))
    .toSorted((a, b) => compare(a.score, b.score) || a.site - b.site)
    .slice(0, select)
    .map(({ site }) => updates[site] ?? new Int32Array());
  return Float64Array.from(
    { length: updates[0]?.length ?? 0 },
    (_, j) => chosen.reduce((sum, update) => sum + (update[j] ?? 0), 0) / chosen.length,
  );
}

/** s(i) of every update, exact. */
export function krumScores(updates: readonly FlatUpdate[], neighbours: number): readonly bigint[] {
  const distances = updates.map(() => new Array<bigint>());
  updates.forEach((a, i) => {
    updates.slice(0, i).forEach((b, j) => {
      const distance = squaredDistance(a, b);
      distances[i]?.push(distance);
      distances[j]?.push(distance);
    });
  });
  return distances.map((ofSite) =>
    ofSite
      .toSorted(compare)
      .slice(0, neighbours)
      .reduce((sum, distance) => sum + distance, 0n),
  );
}

/** Values of one block: the squares of 2²⁰ limbs of 16 bits stay below 2⁵³. */
const blockLength = 2 ** 20;

/** Exact Σ (a − b)², never rounded or wrapped: each difference is below 2³². */
function squaredDistance(a: FlatUpdate, b: FlatUpdate): bigint {
  let total = 0n;
  for (let start = 0; start < a.length; start += blockLength) {
    total += squaresOfBlock(a.subarray(start, start + blockLength), b.subarray(start, start + blockLength));
  }
  return total;
}

/** |a − b| = h·2¹⁶ + l, so (a − b)² = h²·2³² + 2hl·2¹⁶ + l². */
function squaresOfBlock(a: FlatUpdate, b: FlatUpdate): bigint {
  let high = 0;
  let middle = 0;
  let low = 0;
  for (let i = 0; i < a.length; i += 1) {
    const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
    const l = difference % 0x1_0000;
    const h = (difference - l) / 0x1_0000;
    high += h * h;
    middle += h * l;
    low += l * l;
  }
  return (BigInt(high) << 32n) + (BigInt(middle) << 17n) + BigInt(low);
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
