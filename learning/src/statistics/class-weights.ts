// Class weights from the pooled counts: both classes weigh the same in all, whatever their share.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { decimalText } from '@wardround/protocol/plan/decimal-text';
import type { Tensor } from '@wardround/protocol/safetensors';
import { readStatistics } from './state.ts';

export interface ClassCounts {
  readonly rows: number;
  readonly positives: number;
  /** The smallest class that may be shown: the weights tell the classes' sizes. */
  readonly minimum: number;
}

/**
 * n / (2 · n of the class), of a negative and a positive row.
 *
 * Source: King and Zeng, "Logistic Regression in Rare Events Data", 2001; `class_weight="balanced"` of scikit-learn.
 *
 * @throws WardroundError `class-weights-too-few` where a class is smaller than `minimum`
 */
export function classWeightsOf({ rows, positives, minimum }: ClassCounts): readonly [number, number] {
  const negatives = rows - positives;
  if (Math.min(negatives, positives) < Math.max(1, minimum)) {
    throw new WardroundError('class-weights-too-few', 'a class is too small for weights that tell its size', {
      expected: `at least ${minimum} training rows of each class`,
      action: 'stop',
    });
  }
  return [rows / (2 * negatives), rows / (2 * positives)];
}

/** The plan with the weights that its statistics gave, as if they had been written there. @throws as `readStatistics` */
export function withClassWeights(plan: StudyPlan, state: readonly Tensor[]): StudyPlan {
  if (!weighsByCounts(plan)) return plan;
  const [negative = 1, positive = 1] = readStatistics(plan, state).classWeights;
  return fixedWeights(plan, [negative, positive]);
}

/** The plan with these weights in the place of `federated`; the plan itself where it says something else. */
export function fixedWeights(plan: StudyPlan, [negative, positive]: readonly [number, number]): StudyPlan {
  const { training } = plan;
  if (training.method !== 'gradientDescent' || !weighsByCounts(plan)) return plan;
  const classWeights = {
    method: 'fixed' as const,
    negative: decimalText(negative),
    positive: decimalText(positive),
  };
  return { ...plan, training: { ...training, classWeights } };
}

function weighsByCounts({ training }: StudyPlan): boolean {
  return training.method === 'gradientDescent' && training.classWeights.method === 'federated';
}
