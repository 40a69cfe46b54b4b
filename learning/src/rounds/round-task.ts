// What one round asks of every site and what its sums become: the two halves of a task that the enclave carries out. Pure, without tfjs:
// the enclave holds contributions to `tensors` and `limits`, adds them up, and makes the next checkpoint with `next`.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { type Stage, stageOf } from '@wardround/protocol/schedule';
import type { Checkpoint } from '../checkpoint.ts';
import { evaluationTask } from '../evaluation/evaluation-task.ts';
import { newtonTask } from '../newton/newton-task.ts';
import { statisticsTask } from '../statistics/statistics-task.ts';
import { updateTask } from '../strategies/update-task.ts';
import { withEarlyStopping } from '../training/early-stopping.ts';
import { treesTask } from '../trees/task.ts';
import { requireSummable } from './summable.ts';

/** What the enclave checks of a tensor's integers besides their number. */
export type TensorLimit =
  /** The Euclidean norm of all tensors of the group together, in the headers' step (one step a group). */
  | { readonly kind: 'norm'; readonly group: string; readonly bound: string }
  /** Every integer from `least` to `most`. All sites of them, or all weights, must not overflow 64 bits: `requireSummable`. */
  | { readonly kind: 'range'; readonly least: bigint; readonly most: bigint };

/** One site's integers, an array for each tensor of the layout. */
export type Integers = readonly (Int32Array | BigInt64Array)[];

export interface ClosedContributions {
  /** What the round started from. */
  readonly base: Checkpoint;
  /** For each tensor the sum over the contributors: of weight · integer (`byEnclave`), or of the integers as they came. */
  readonly sums: readonly BigInt64Array[];
  readonly totalWeight: number;
  readonly contributors: number;
  /** Every contribution by itself, sorted by site; empty unless the task reads `each`. */
  readonly each: readonly { readonly weight: number; readonly integers: Integers }[];
}

/** A task's part of a checkpoint. */
export interface NextContent {
  readonly model: Checkpoint['model'];
  readonly state: Checkpoint['state'];
}

export interface RoundTask {
  /** The layout of every contribution, in the one order. */
  readonly tensors: readonly TensorHeader[];
  /** One for each tensor. */
  readonly limits: readonly TensorLimit[];
  /** `each`: a rule that selects among the contributions, which the enclave then holds side by side until the round closes. */
  readonly reads: 'sums' | 'each';
  /**
   * The same contributions give the same bytes on every machine: + − × ÷ √ only.
   *
   * @throws WardroundError `sums-mismatch`, `update-not-finite` and the task's own; the study cannot go on then
   */
  next(closed: ClosedContributions): NextContent;
}

/** @throws WardroundError `schedule-round`, `model-unsupported`, `strategy-unsupported`, and others where the plan cannot be carried out */
export function roundTask(plan: StudyPlan, round: number): RoundTask {
  return taskOfStage(plan, stageOf(plan, round));
}

/** The task of one stage of the schedule. @throws as {@link roundTask}, and those of `requireSummable` */
export function taskOfStage(plan: StudyPlan, stage: Stage): RoundTask {
  return requireSummable(taskFor(plan, stage), plan.sites.roster.length);
}

function taskFor(plan: StudyPlan, stage: Stage): RoundTask {
  switch (stage.task) {
    case 'update':
      return withEarlyStopping(updateTask(plan, stage), plan);
    case 'statistics':
      return statisticsTask(plan);
    case 'evaluation':
      return evaluationTask(plan, stage);
    case 'newton':
      return plan.model.kind === 'gradientBoostedTrees' ? treesTask(plan, stage) : newtonTask(plan);
  }
}
