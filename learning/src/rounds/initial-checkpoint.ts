// Round 0 of a study, which every party computes itself from the plan: the initial model, and every section of the state in its full size,
// so that no later checkpoint is larger.
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { type Checkpoint, checkpointDigest, encodeCheckpoint, modelDigest } from '../checkpoint.ts';
import { initialModel } from '../initial-model.ts';
import { updateRule } from '../strategies/of-plan.ts';
import { withSection } from './state-sections.ts';

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
  return withSection([], 'strategy', updateRule(plan).initialState(model));
}
