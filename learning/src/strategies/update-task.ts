// A round of local training, on the enclave's side: the model's differences as integers, then moved by the strategy.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Stage } from '@wardround/protocol/schedule';
import type { RoundTask } from '../rounds/round-task.ts';
import { readSection, withSection } from '../rounds/state-sections.ts';
import { updateRule } from './of-plan.ts';

/** @throws WardroundError those of `updateRule` */
export function updateTask(plan: StudyPlan, { trainingRound }: Extract<Stage, { task: 'update' }>): RoundTask {
  const rule = updateRule(plan);
  return {
    tensors: rule.tensors,
    limits: rule.limits,
    reads: rule.reads,
    next: ({ base: { model, state }, ...closed }) => {
      const outcome = rule.next({ ...closed, model, state: readSection(state, 'strategy'), trainingRound });
      return { model: outcome.model, state: withSection(state, 'strategy', outcome.state) };
    },
  };
}
