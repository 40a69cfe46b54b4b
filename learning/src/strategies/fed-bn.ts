// FedBN and personal layers: some tensors never leave their site. The enclave averages the others, and does not see these at all.
import type { Tensor } from '@wardround/protocol/safetensors';
import { modelShape } from '../model-shape.ts';
import { fedAvg } from './fed-avg.ts';
import { type StrategyPlan, type UpdateRule, boundedDifferences } from './update-rule.ts';

/**
 * w = (shared u, personal vᵢ): each site trains both from (u, vᵢ);   u ← u + Σ pᵢΔuᵢ;   vᵢ stays where it is.
 *
 * Source: Li et al., "FedBN: Federated Learning on Non-IID Features via Local Batch Normalization", 2021, algorithm 1 (there v are the batch
 * normalisations); Arivazhagan et al., "Federated Learning with Personalization Layers", 2019, algorithms 1 and 2 (there v are the last layers).
 *
 * The checkpoint keeps v as the study began: who has no vᵢ of his own (a researcher, a site that was never counted) uses those.
 */
export function fedBn(plan: StrategyPlan, { personal }: { readonly personal: readonly string[] }): UpdateRule {
  const isShared = ({ name }: { readonly name: string }): boolean => !personal.includes(name);
  const { stepLog2 } = plan.encoding.update;
  return {
    ...boundedDifferences(plan, modelShape(plan).filter(isShared)),
    reads: 'sums',
    initialState: () => [],
    next({ model, sums, totalWeight, trainingRound }) {
      const shared = model.filter(isShared);
      const outcome = fedAvg().apply({
        model: shared,
        state: [],
        sums,
        totalWeight,
        stepLog2,
        round: trainingRound,
      });
      const moved = new Map(outcome.model.map((tensor): [string, Tensor] => [tensor.name, tensor]));
      return { model: model.map((tensor) => moved.get(tensor.name) ?? tensor), state: [] };
    },
  };
}
