// Round 0 of a study, which every party computes itself from the plan: the initial model, and every section of the state in its full size,
// so that no later checkpoint is larger.
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { beginsWithStatistics } from '@wardround/protocol/schedule';
import { type Checkpoint, checkpointDigest, encodeCheckpoint, modelDigest } from '../checkpoint.ts';
import { initialEvaluation } from '../evaluation/state.ts';
import { initialModel } from '../initial-model.ts';
import { initialNewtonTensors } from '../newton/newton-task.ts';
import { initialStatistics } from '../statistics/state.ts';
import { updateRule } from '../strategies/of-plan.ts';
import { initialTraining } from '../training/early-stopping.ts';
import { type StateSection, withSection } from './state-sections.ts';

/** A checkpoint with its bytes and names. */
export interface NamedCheckpoint {
  readonly content: Checkpoint;
  readonly bytes: Bytes;
  /** The digests by which receipts name the checkpoint, and the model in it. */
  readonly checkpoint: string;
  readonly model: string;
}

/** @throws WardroundError those of `initialModel` and `updateRule` */
export function initialCheckpoint(plan: StudyPlan): NamedCheckpoint {
  const model = initialModel(plan);
  return nameCheckpoint({ round: 0, model, state: initialState(plan, model) });
}

export function nameCheckpoint(content: Checkpoint): NamedCheckpoint {
  const bytes = encodeCheckpoint(content);
  return { content, bytes, checkpoint: checkpointDigest(bytes), model: modelDigest(content.model) };
}

function initialState(plan: StudyPlan, model: readonly Tensor[]): readonly Tensor[] {
  const areTrees = plan.model.kind === 'gradientBoostedTrees';
  const movesByUpdates = !areTrees && plan.training.method !== 'newton';
  const sections: readonly (readonly [StateSection, readonly Tensor[]])[] = [
    ['statistics', beginsWithStatistics(plan) ? initialStatistics(plan) : []],
    ['training', initialTraining(plan)],
    ['strategy', movesByUpdates ? updateRule(plan).initialState(model) : []],
    ['newton', movesByUpdates || areTrees ? [] : initialNewtonTensors(plan)],
    ['evaluation', initialEvaluation(plan)],
  ];
  return sections.reduce<readonly Tensor[]>((state, [name, tensors]) => withSection(state, name, tensors), []);
}
