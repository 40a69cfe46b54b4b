// What a strategy makes of a round of updates at the enclave: which tensors every site contributes, within which limits, and where the
// model goes from there.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { ClosedContributions, NextContent, RoundTask, TensorLimit } from '../rounds/round-task.ts';
import type { NamedShape } from '../tensor-view.ts';
import { modelShape } from '../model-shape.ts';
import type { ServerStrategy } from './server-strategy.ts';

/** What a strategy reads of a plan. */
export type StrategyPlan = Pick<
  StudyPlan,
  'cohort' | 'encoding' | 'model' | 'sites' | 'strategy' | 'training' | 'weighting'
>;

export interface UpdateRound extends Omit<ClosedContributions, 'base'> {
  /** The model that the round started from, every tensor of it. */
  readonly model: readonly Tensor[];
  /** The strategy's own section of the state. */
  readonly state: readonly Tensor[];
  /** From 1. */
  readonly trainingRound: number;
}

export interface UpdateRule {
  readonly tensors: readonly TensorHeader[];
  readonly limits: readonly TensorLimit[];
  readonly reads: RoundTask['reads'];
  /** The state before the first round, in full size; empty for strategies without memory. */
  initialState(model: readonly Tensor[]): readonly Tensor[];
  /** @throws WardroundError `sums-mismatch`, `tensors-mismatch`, `update-not-finite` */
  next(round: UpdateRound): NextContent;
}

/** The differences of tensors, weighted by the enclave, their norm together within the plan's bound. */
export function boundedDifferences(
  { encoding }: StrategyPlan,
  shapes: readonly NamedShape[],
): Pick<UpdateRule, 'tensors' | 'limits'> {
  const { ring, stepLog2, normBound } = encoding.update;
  return {
    tensors: shapes.map(({ name, shape }) => ({ name, shape: [...shape], ring, stepLog2, weighting: 'byEnclave' })),
    limits: shapes.map(() => ({ kind: 'norm', group: 'update', bound: normBound })),
  };
}

/** A strategy that needs no more than the weighted sums of the whole model's differences. @throws WardroundError `model-unsupported`, `model-label` */
export function ruleOfSums(plan: StrategyPlan, server: ServerStrategy): UpdateRule {
  const { stepLog2 } = plan.encoding.update;
  return {
    ...boundedDifferences(plan, modelShape(plan)),
    reads: 'sums',
    initialState: (model) => server.initialState(model),
    next: ({ model, state, sums, totalWeight, trainingRound }) =>
      server.apply({ model, state, sums, totalWeight, stepLog2, round: trainingRound }),
  };
}

/** Strategies that treat all sites alike hold only where every weight is 1. @throws WardroundError `sums-mismatch` */
export function requireEqualWeights({ totalWeight, contributors }: UpdateRound): void {
  if (totalWeight === contributors) return;
  throw new WardroundError('sums-mismatch', 'a strategy that treats all sites alike was given weights', {
    expected: `a total weight of ${contributors}`,
    got: `${totalWeight}`,
    action: 'stop',
  });
}
