// FedAvgM: FedAvg with momentum at the server.
import { type RoundSums, type ServerStrategy, meanUpdate, moveModel, readState, zeroState } from './server-strategy.ts';

const velocity = 'velocity';

/**
 * v ← βv + Δ; x ← x + ηv; v₀ = 0.
 *
 * Source: Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification", 2019, section 4.3
 * (there Δ has the opposite sign and is subtracted).
 */
export function fedAvgM({ learningRate, momentum }: { learningRate: number; momentum: number }): ServerStrategy {
  return {
    initialState: (model) => zeroState(velocity, model),
    apply(round: RoundSums) {
      const [previous = []] = readState(round, [velocity]);
      const mean = meanUpdate(round);
      const state = previous.map((tensor, i) => ({
        ...tensor,
        data: tensor.data.map((v, j) => momentum * v + (mean[i]?.[j] ?? 0)),
      }));
      const moves = state.map((tensor) => tensor.data.map((v) => learningRate * v));
      return { model: moveModel(round.model, moves), state };
    },
  };
}
