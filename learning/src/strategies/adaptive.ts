// The family FedAdam, FedYogi, FedAdagrad: one server optimiser whose three members differ in how they remember squared updates.
import { type RoundSums, type ServerStrategy, meanUpdate, moveModel, readState, zeroState } from './server-strategy.ts';

export interface AdaptiveOptimiser {
  readonly learningRate: number;
  readonly beta1: number;
  readonly tau: number;
  /** vₜ from vₜ₋₁ and Δ². */
  readonly accumulate: (v: number, squared: number) => number;
}

const momentum = 'momentum';
const second = 'second';

/**
 * m ← β₁m + (1 − β₁)Δ; v ← accumulate(v, Δ²); x ← x + η·m / (√v + τ), no bias correction.
 *
 * Source: Reddi et al., "Adaptive Federated Optimization", 2021, algorithm 2. m₀ = v₀ = 0 as in FLamby (the paper asks v₀ ≥ τ²), whose
 * published runs can be followed so.
 */
export function adaptive({ learningRate, beta1, tau, accumulate }: AdaptiveOptimiser): ServerStrategy {
  return {
    initialState: (model) => [...zeroState(momentum, model), ...zeroState(second, model)],
    apply(round: RoundSums) {
      const [previousM = [], previousV = []] = readState(round, [momentum, second]);
      const mean = meanUpdate(round);
      const delta = (i: number, j: number): number => mean[i]?.[j] ?? 0;
      const m = previousM.map((tensor, i) => ({
        ...tensor,
        data: tensor.data.map((value, j) => beta1 * value + (1 - beta1) * delta(i, j)),
      }));
      const v = previousV.map((tensor, i) => ({
        ...tensor,
        data: tensor.data.map((value, j) => accumulate(value, delta(i, j) * delta(i, j))),
      }));
      const moves = m.map((tensor, i) =>
        tensor.data.map((value, j) => (learningRate * value) / (Math.sqrt(v[i]?.data[j] ?? 0) + tau)),
      );
      return { model: moveModel(round.model, moves), state: [...m, ...v] };
    },
  };
}
