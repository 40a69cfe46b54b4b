// SCAFFOLD: control variates take the drift toward each site's own optimum out of its gradients. The enclave's half, and the equations.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { modelShape } from '../model-shape.ts';
import { descentOf } from './descent.ts';
import { meanUpdate, moveModel, readState, zeroState } from './server-strategy.ts';
import { type StrategyPlan, type UpdateRule, boundedDifferences, requireEqualWeights } from './update-rule.ts';

/** Prefix of the variates' tensors: the federation's c in the checkpoint, the site's own cᵢ in what it keeps. */
export const variate = 'variate';

/**
 * At site i, K steps of size η from y = x:   y ← y − η·(gᵢ(y) − cᵢ + c),   then   Δyᵢ = y − x   and
 *   Δcᵢ = cᵢ⁺ − cᵢ = −c − Δyᵢ/(Kη)   (option II).
 * At the enclave, over the contributors S of N sites:   x ← x + ηg·mean(Δyᵢ),   c ← c + (|S|/N)·mean(Δcᵢ).
 *
 * Source: Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning", 2020, algorithm 1.
 *
 * Ours differs in nothing but what travels. By option II a site's Δcᵢ is its Δyᵢ, c, K and η, three of which the enclave has: so only Δyᵢ is
 * sent, in the one group that the norm bound holds, and c stays a function of sums that were released anyway. The site reckons cᵢ⁺ from the
 * integers that it sent (clipped, if they were), so that c = Σcᵢ/N stays true whoever drops out of whichever round; a round that does not
 * count a site leaves its cᵢ as it was. That sum is also why all sites weigh alike, as in the paper: weighted, it would need the weights of
 * those that are absent.
 */
export function scaffold(plan: StrategyPlan, strategy: { readonly serverLearningRate: string }): UpdateRule {
  const { stepLog2 } = plan.encoding.update;
  const learningRate = Number(strategy.serverLearningRate);
  const sites = plan.sites.roster.length;
  const distance = stepDistance(plan);
  return {
    ...boundedDifferences(plan, modelShape(plan)),
    reads: 'sums',
    initialState: (model) => zeroState(variate, model),
    next(round) {
      requireEqualWeights(round);
      const { model, contributors } = round;
      const [before = []] = readState(round, [variate]);
      const mean = meanUpdate({ ...round, stepLog2 });
      const state = before.map((tensor, i): Tensor => {
        const moved = variateMove(tensor.data, mean[i] ?? new Float64Array(), distance);
        return { ...tensor, data: tensor.data.map((c, j) => c + (contributors / sites) * (moved[j] ?? 0)) };
      });
      return {
        model: moveModel(
          model,
          mean.map((delta) => delta.map((value) => learningRate * value)),
        ),
        state,
      };
    },
  };
}

/** Δcᵢ = −c − Δyᵢ/(Kη); of the mean of Δyᵢ it gives the mean of Δcᵢ. @param distance Kη */
export function variateMove(c: Float64Array, update: Float64Array, distance: number): Float64Array {
  return c.map((value, j) => -value - (update[j] ?? 0) / distance);
}

/** Kη: how far a gradient of 1 leads in one round. */
export function stepDistance({ training }: Pick<StudyPlan, 'training'>): number {
  const { steps, optimizer } = descentOf({ training });
  return steps * Number(optimizer.learningRate);
}
