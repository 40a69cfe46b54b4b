// What a round of statistics or evaluation releases to everybody: computed from the checkpoint that it made, by the enclave and by every site.
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { resultLimits } from '@wardround/protocol/documents/limits';
import type { JsonValue } from '@wardround/protocol/json-scanner';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { labels } from '@wardround/protocol/labels';
import { type Stage, stageOf } from '@wardround/protocol/schedule';
import type { Checkpoint } from '../checkpoint.ts';
import { releasedEvaluation } from '../evaluation/released.ts';
import { releasedStatistics } from '../statistics/released.ts';

export type ReleasedResult = JsonValue;

/**
 * Strict JSON, real numbers as decimal strings; cells below the plan's `minimumCell` are not in it. Null for rounds that train.
 *
 * @throws WardroundError those of the task whose state it reads
 */
export function releasedResult(plan: StudyPlan, stage: Stage, checkpoint: Checkpoint): ReleasedResult | null {
  switch (stage.task) {
    case 'update':
    case 'newton':
      return null;
    case 'statistics':
      return releasedStatistics(plan, checkpoint.state);
    case 'evaluation':
      return releasedEvaluation(plan, checkpoint.state);
  }
}

/** As {@link releasedResult}, of the round that made the checkpoint. */
export function resultOf(plan: StudyPlan, checkpoint: Checkpoint): ReleasedResult | null {
  return releasedResult(plan, stageOf(plan, checkpoint.round), checkpoint);
}

/** How receipts name a result; null where there is none. @throws WardroundError those of `canonicalJson` */
export function resultDigest(values: ReleasedResult | null): string | null {
  return values === null ? null : toHex(labelledSha256(labels.result, canonicalJson(values, resultLimits)));
}
