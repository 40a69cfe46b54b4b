// FedAdam: squared updates fade exponentially.
import { adaptive } from './adaptive.ts';
import type { ServerStrategy } from './server-strategy.ts';

/** v ← β₂v + (1 − β₂)Δ². Source: Reddi et al. 2021, algorithm 2. */
export function fedAdam(options: { learningRate: number; beta1: number; beta2: number; tau: number }): ServerStrategy {
  const { beta2 } = options;
  return adaptive({ ...options, accumulate: (v, squared) => beta2 * v + (1 - beta2) * squared });
}
