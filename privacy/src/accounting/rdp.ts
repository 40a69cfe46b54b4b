// The Rényi accountant: divergences of a fixed grid of orders add up over everything that was done; the best order gives ε (Mironov 2017).
import { continuousNoise, dominatingPairs } from './loss-law.ts';
import { cumulant, lossNodes } from './loss-nodes.ts';
import { type Adjacency, type Mechanism, sensitivityOf, type Spending } from './mechanism.ts';
import { poissonRdp } from './rdp-poisson.ts';
import { withoutReplacementRdp } from './rdp-without-replacement.ts';

/** The orders: 1.1, 1.2, …, 10.9, then 11, 12, …, 63, 128, 256, 512, 1024. Fixed: an ε depends on them, and two people must find the same. */
export const rdpOrders: readonly number[] = [
  ...Array.from({ length: 99 }, (_, k) => 1 + (k + 1) / 10),
  ...Array.from({ length: 53 }, (_, k) => 11 + k),
  128,
  256,
  512,
  1024,
];

/** Rényi divergences of everything together, one for each order. Infinite where an order says nothing. */
export function composedRdp({ adjacency, uses }: Spending, orders: readonly number[] = rdpOrders): readonly number[] {
  const sums = orders.map(() => 0);
  for (const { mechanism, count } of uses) {
    for (const [k, divergence] of mechanismRdp(mechanism, adjacency, orders).entries()) {
      sums[k] = (sums[k] ?? 0) + count * divergence;
    }
  }
  return sums;
}

/** Of one use. The discrete Gaussian's without sampling is the Gaussian's (Canonne, Kamath, Steinke 2020, proposition 5). */
export function mechanismRdp(mechanism: Mechanism, adjacency: Adjacency, orders: readonly number[]): readonly number[] {
  const { sampling, noiseMultiplier } = mechanism;
  if (sampling.kind === 'none' || sampling.rate === 1) {
    return orders.map((order) => (order * sensitivityOf(adjacency) ** 2) / (2 * noiseMultiplier ** 2));
  }
  const sigma = continuousNoise(mechanism);
  const { rate } = sampling;
  if (sampling.kind === 'fixedSize')
    return withoutReplacementRdp({ sigma: sigma / sensitivityOf(adjacency), rate }, orders);
  if (adjacency === 'addOrRemoveOne') return orders.map((order) => poissonRdp({ sigma, rate }, order));
  return orders.map((order) => dominatedRdp(mechanism, order));
}

/** From the dominating pair, by integration: there is no series for replaceOne. The points reach past where the order's weight lies. */
function dominatedRdp(mechanism: Mechanism, order: number): number {
  const [law] = dominatingPairs(mechanism, 'replaceOne');
  if (law === undefined) return Number.POSITIVE_INFINITY;
  const reach = 14 + (2 * order) / continuousNoise(mechanism);
  if (reach > 3000) return Number.POSITIVE_INFINITY;
  const value = cumulant(lossNodes(law, reach), order - 1) / (order - 1);
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.max(0, value) * (1 + 1e-9);
}

export interface RdpResult {
  readonly epsilon: number;
  readonly order: number;
}

/**
 * From Rényi to (ε, δ): Canonne, Kamath, Steinke 2020, proposition 12 (v4); Balle and others 2020, theorem 21. ε = 0 where already
 * δ ≥ √(1 − e^(−divergence)), which bounds the total variation (Bretagnolle and Huber).
 */
export function rdpEpsilon(orders: readonly number[], divergences: readonly number[], delta: number): RdpResult {
  let best: RdpResult = { epsilon: Number.POSITIVE_INFINITY, order: Number.POSITIVE_INFINITY };
  for (const [k, order] of orders.entries()) {
    const epsilon = epsilonAtOrder(order, divergences[k] ?? Number.POSITIVE_INFINITY, delta);
    if (epsilon < best.epsilon) best = { epsilon, order };
  }
  return best;
}

function epsilonAtOrder(order: number, divergence: number, delta: number): number {
  if (order <= 1.01 || !Number.isFinite(divergence)) return Number.POSITIVE_INFINITY;
  if (delta * delta + Math.expm1(-divergence) > 0) return 0;
  return Math.max(0, divergence + Math.log1p(-1 / order) - Math.log(delta * order) / (order - 1));
}

/** The other way: the least δ that some order gives at ε (the same proposition). */
export function rdpDelta(orders: readonly number[], divergences: readonly number[], epsilon: number): number {
  const logs = orders.map((order, k) => {
    const divergence = divergences[k] ?? Number.POSITIVE_INFINITY;
    if (order <= 1.01 || !Number.isFinite(divergence)) return 0;
    const total = 0.5 * Math.log1p(-Math.exp(-divergence));
    return Math.min(total, (order - 1) * (divergence - epsilon + Math.log1p(-1 / order)) - Math.log(order));
  });
  return Math.min(1, Math.exp(Math.min(...logs)));
}
