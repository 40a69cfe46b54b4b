// FedYogi: squared updates change v by at most their own size, in the direction of the difference.
import { adaptive } from './adaptive.ts';
import type { ServerStrategy } from './server-strategy.ts';

/** v ← v − (1 − β₂)Δ² sign(v − Δ²). Source: Reddi et al. 2021, algorithm 2. */
export function fedYogi(options: { learningRate: number; beta1: number; beta2: number; tau: number }): ServerStrategy {
  const { beta2 } = options;
  return adaptive({
    ...options,
    accumulate: (v, squared) => v - (1 - beta2) * squared * Math.sign(v - squared),
  });
}
