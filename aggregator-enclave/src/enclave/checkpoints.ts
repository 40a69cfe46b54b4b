// The model that a round starts from and the one that its sums lead to. Both are what every site already has or will have.
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { type Checkpoint, decodeCheckpoint } from '@wardround/learning/checkpoint';
import { initialCheckpoint as initialOf, nameCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { type ReleasedResult, resultDigest, resultOf } from '@wardround/learning/rounds/released-result';
import type { ClosedContributions, RoundTask } from '@wardround/learning/rounds/round-task';

/** A checkpoint with its bytes and names. */
export interface KnownCheckpoint {
  readonly round: number;
  readonly bytes: Bytes;
  readonly checkpoint: string;
  readonly model: string;
  readonly content: Checkpoint;
}

/** What the round that made a checkpoint releases to everybody, and the digest by which its receipt names that. */
export interface KnownResult {
  readonly values: ReleasedResult;
  readonly result: string;
}

/** Round 0, which everybody computes from the plan. */
export function initialCheckpoint(plan: StudyPlan): KnownCheckpoint {
  return { round: 0, ...initialOf(plan) };
}

/** A checkpoint that a site handed back. The caller has compared its digest with the cosigned one. @throws WardroundError `checkpoint-format` */
export function returnedCheckpoint(bytes: Bytes): KnownCheckpoint {
  return known(decodeCheckpoint(bytes));
}

/**
 * What a round's exact sums make of its base. The same sums give the same bytes on every machine.
 *
 * @throws WardroundError those of the task
 */
export function nextCheckpoint(
  task: Pick<RoundTask, 'next'>,
  base: KnownCheckpoint,
  closed: Omit<ClosedContributions, 'base'>,
): KnownCheckpoint {
  return known({ round: base.round + 1, ...task.next({ base: base.content, ...closed }) });
}

/** Null for a round that trains. @throws WardroundError those of `releasedResult`, `json-too-large` */
export function resultIn(plan: StudyPlan, { content }: KnownCheckpoint): KnownResult | null {
  const values = resultOf(plan, content);
  const result = resultDigest(values);
  return values === null || result === null ? null : { values, result };
}

function known(content: Checkpoint): KnownCheckpoint {
  return { round: content.round, ...nameCheckpoint(content) };
}
