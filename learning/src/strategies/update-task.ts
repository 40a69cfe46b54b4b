// A round of local training, on the enclave's side: the model's differences as int32, weighted and summed, then moved by the strategy.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Stage } from '@wardround/protocol/schedule';
import { modelShape } from '../model-shape.ts';
import type { RoundTask } from '../rounds/round-task.ts';
import { readSection, withSection } from '../rounds/state-sections.ts';
import { serverStrategy } from './of-plan.ts';

/** @throws WardroundError `model-unsupported`, `model-label`, `strategy-unsupported` */
export function updateTask(plan: StudyPlan, { trainingRound }: Extract<Stage, { task: 'update' }>): RoundTask {
  const { ring, stepLog2, normBound } = plan.encoding.update;
  const shapes = modelShape(plan);
  return {
    tensors: shapes.map(({ name, shape }) => ({ name, shape: [...shape], ring, stepLog2, weighting: 'byEnclave' })),
    limits: shapes.map(() => ({ kind: 'norm', group: 'update', bound: normBound })),
    reads: 'sums',
    next: ({ base: { model, state }, sums, totalWeight }) => {
      const outcome = serverStrategy(plan.strategy).apply({
        model,
        state: readSection(state, 'strategy'),
        sums,
        totalWeight,
        stepLog2,
        round: trainingRound,
      });
      return { model: outcome.model, state: withSection(state, 'strategy', outcome.state) };
    },
  };
}
