// FedAdagrad: squared updates add up and never fade; no momentum (β₁ = 0).
import { adaptive } from './adaptive.ts';
import type { ServerStrategy } from './server-strategy.ts';

/** v ← v + Δ². Source: Reddi et al. 2021, algorithm 2. */
export function fedAdagrad(options: { learningRate: number; tau: number }): ServerStrategy {
  return adaptive({ ...options, beta1: 0, accumulate: (v, squared) => v + squared });
}
