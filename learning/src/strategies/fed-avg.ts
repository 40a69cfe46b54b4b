// FedAvg: the weighted mean of the sites' models.
import { type RoundSums, type ServerStrategy, meanUpdate, moveModel } from './server-strategy.ts';

/**
 * x ← x + Δ, Δ = Σ wₖΔₖ / Σ wₖ. FedProx differs at the sites only.
 *
 * Source: McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", 2017, algorithm 1.
 */
export function fedAvg(): ServerStrategy {
  return {
    initialState: () => [],
    apply: (round: RoundSums) => ({ model: moveModel(round.model, meanUpdate(round)), state: [] }),
  };
}
