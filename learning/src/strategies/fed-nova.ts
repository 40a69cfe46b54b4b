// FedNova: sites that made more steps do not pull the model toward their own optimum. The enclave's half, and the equations.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { modelShape } from '../model-shape.ts';
import { descentOf } from './descent.ts';
import { meanUpdate, moveModel } from './server-strategy.ts';
import { type StrategyPlan, type UpdateRound, type UpdateRule, boundedDifferences } from './update-rule.ts';

/** A site's sᵢ in steps of 2⁻³⁰: above 0 and at most 1 where it trained, 0 where the study has stopped early. */
export const stepShare = { name: 'stepShare', stepLog2: -30, whole: 0x4000_0000 } as const;

/**
 * dᵢ = Δᵢ/‖aᵢ‖₁;   x ← x + τeff·Σ pᵢdᵢ,   τeff = Σ pᵢ‖aᵢ‖₁,   pᵢ = the site's share of the weights.
 * For SGD with momentum ρ, aᵢ = (1 − ρ^τ, ..., 1 − ρ², 1 − ρ)/(1 − ρ), so that ‖aᵢ‖₁ = Σ_{k ≤ τᵢ} (1 − ρ^k)/(1 − ρ): without momentum it is
 * τᵢ, the site's own number of steps, and τeff is Σ pᵢτᵢ. Where all sites make as many steps, this is FedAvg.
 *
 * Source: Wang et al., "Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization", 2020, section 4; τeff as in the
 * authors' own runs.
 *
 * What makes τᵢ differ: `steps` are the same for every site, but under FedNova a site makes at most one pass through its rows a round,
 * τᵢ = min(steps, ⌈rows/batch⌉). What travels: sᵢ = ‖aᵢ‖₁/A with A = ‖a‖₁ of all `steps`, and Δᵢ/sᵢ, the update as long as if the site had
 * made all of them, which is what the norm bound is for. Then x ← x + (Σ pᵢsᵢ)·(Σ pᵢ·Δᵢ/sᵢ), and A is gone.
 */
export function fedNova(plan: StrategyPlan): UpdateRule {
  const differences = boundedDifferences(plan, modelShape(plan));
  const { stepLog2 } = plan.encoding.update;
  const header: TensorHeader = {
    name: stepShare.name,
    shape: [1],
    ring: plan.encoding.update.ring,
    stepLog2: stepShare.stepLog2,
    weighting: 'byEnclave',
  };
  return {
    tensors: [...differences.tensors, header],
    limits: [...differences.limits, { kind: 'range', least: 0n, most: BigInt(stepShare.whole) }],
    reads: 'sums',
    initialState: () => [],
    next(round) {
      const directions = meanUpdate({ ...round, sums: round.sums.slice(0, -1), stepLog2 });
      const share = meanShare(round);
      return {
        model: moveModel(
          round.model,
          directions.map((d) => d.map((value) => share * value)),
        ),
        state: [],
      };
    },
  };
}

/** Σ pᵢsᵢ. @throws WardroundError `sums-mismatch` unless it is above 0 and at most 1 */
function meanShare({ sums, totalWeight }: UpdateRound): number {
  const sum = sums.at(-1);
  const share = Number(sum?.[0] ?? 0n) / stepShare.whole / totalWeight;
  if (sum?.length === 1 && share > 0 && share <= 1) return share;
  throw new WardroundError('sums-mismatch', 'the sites’ numbers of steps do not fit the plan', { action: 'stop' });
}

/** τᵢ: at most one pass through the site's rows. */
export function ownSteps({ training }: Pick<StudyPlan, 'training'>, rows: number): number {
  const { steps, batchSize } = descentOf({ training });
  return Math.min(steps, Math.ceil(rows / batchSize));
}

/** sᵢ as an integer in steps of 2⁻³⁰. */
export function shareOfSteps({ training }: Pick<StudyPlan, 'training'>, own: number): number {
  const { steps, optimizer } = descentOf({ training });
  const momentum = optimizer.name === 'sgd' ? Number(optimizer.momentum) : 0;
  const share = normOfAccumulation(momentum, own) / normOfAccumulation(momentum, steps);
  return Math.max(1, Math.round(share * stepShare.whole));
}

/** ‖a‖₁ of that many steps: how often all gradients together are counted in what SGD with momentum moved. */
function normOfAccumulation(momentum: number, steps: number): number {
  let velocity = 0;
  let norm = 0;
  for (let step = 0; step < steps; step += 1) {
    velocity = velocity * momentum + 1;
    norm += velocity;
  }
  return norm;
}
