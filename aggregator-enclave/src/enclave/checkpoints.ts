// The model that a round starts from and the one that its sums lead to. Both are what every site already has or will have.
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import {
  type Checkpoint,
  checkpointDigest,
  decodeCheckpoint,
  encodeCheckpoint,
  modelDigest,
} from '@wardround/learning/checkpoint';
import { initialModel } from '@wardround/learning/initial-model';
import { serverStrategy } from '@wardround/learning/strategies/of-plan';

/** A checkpoint with its bytes and names. */
export interface KnownCheckpoint {
  readonly round: number;
  readonly bytes: Bytes;
  readonly checkpoint: string;
  readonly model: string;
  readonly content: Checkpoint;
}

/** Round 0, which everybody computes from the plan. */
export function initialCheckpoint(plan: StudyPlan): KnownCheckpoint {
  const model = initialModel(plan);
  const state = serverStrategy(plan.strategy).initialState(model);
  return known({ round: 0, model, state });
}

/** A checkpoint that a site handed back. The caller has compared its digest with the cosigned one. @throws WardroundError `checkpoint-format` */
export function returnedCheckpoint(bytes: Bytes): KnownCheckpoint {
  return known(decodeCheckpoint(bytes));
}

/**
 * What a round's exact sums make of its base. The same sums give the same bytes on every machine.
 *
 * @throws WardroundError those of `ServerStrategy.apply`
 */
export function nextCheckpoint(
  plan: StudyPlan,
  base: KnownCheckpoint,
  { sums, totalWeight }: { sums: readonly BigInt64Array[]; totalWeight: number },
): KnownCheckpoint {
  const round = base.round + 1;
  const { model, state } = base.content;
  const { stepLog2 } = plan.encoding.update;
  const outcome = serverStrategy(plan.strategy).apply({ model, state, sums, totalWeight, stepLog2, round });
  return known({ round, ...outcome });
}

function known(content: Checkpoint): KnownCheckpoint {
  const bytes = encodeCheckpoint(content);
  return {
    round: content.round,
    bytes,
    checkpoint: checkpointDigest(bytes),
    model: modelDigest(content.model),
    content,
  };
}
