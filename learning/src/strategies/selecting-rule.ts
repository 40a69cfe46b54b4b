// Rules that withstand hostile sites by choosing among the updates: median, trimmed mean, Multi-Krum. They let single sites' values through,
// which is why a plan has to name them `selectingRule`.
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { leastContributorsOf } from '@wardround/protocol/plan/strategy-problems';
import { modelShape } from '../model-shape.ts';
import { elementsOf } from '../tensor-view.ts';
import { coordinateMedian } from './coordinate-median.ts';
import { multiKrum } from './multi-krum.ts';
import { moveModel, powerOfTwo } from './server-strategy.ts';
import { trimmedMean } from './trimmed-mean.ts';
import {
  type StrategyPlan,
  type UpdateRound,
  type UpdateRule,
  boundedDifferences,
  requireEqualWeights,
} from './update-rule.ts';

type Selecting = Extract<Strategy, { name: 'selectingRule' }>;

/** One site's update: its tensors' integers, one after the other. */
export type FlatUpdate = Int32Array;
/** What the rule makes of the updates (sorted by site), in the same steps. Exact up to one rounding. */
export type Selection = (updates: readonly FlatUpdate[]) => Float64Array;

/**
 * x ← x + rule(Δ₁, ..., Δₙ). All sites weigh alike, as in the papers: a site that could say how much it weighs could outweigh the honest.
 *
 * @throws WardroundError `model-unsupported`, `model-label`
 */
export function selectingRule(plan: StrategyPlan, strategy: Selecting): UpdateRule {
  const shapes = modelShape(plan);
  const lengths = shapes.map(({ shape }) => elementsOf(shape));
  const least = Math.max(plan.sites.minimum, leastContributorsOf(strategy, 0));
  const select = selectionOf(plan, strategy.rule);
  const step = powerOfTwo(plan.encoding.update.stepLog2);
  return {
    ...boundedDifferences(plan, shapes),
    reads: 'each',
    initialState: () => [],
    next(round) {
      requireEqualWeights(round);
      const selected = select(flatUpdates(round, { lengths, least }));
      return { model: moveModel(round.model, inTensors(selected, { lengths, step })), state: [] };
    },
  };
}

function selectionOf({ sites }: StrategyPlan, rule: Selecting['rule']): Selection {
  switch (rule.kind) {
    case 'coordinateMedian':
      return coordinateMedian;
    case 'trimmedMean':
      return (updates) => trimmedMean(updates, rule.trim);
    case 'multiKrum':
      return (updates) => multiKrum(updates, { select: rule.select, minimum: sites.minimum });
  }
}

function flatUpdates(
  { each, contributors }: UpdateRound,
  { lengths, least }: { lengths: readonly number[]; least: number },
): readonly FlatUpdate[] {
  if (each.length !== contributors || contributors < least) {
    throw mismatch(`at least ${least} contributions, each by itself`, `${each.length} of ${contributors}`);
  }
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return each.map(({ integers }) => {
    const flat = new Int32Array(total);
    let start = 0;
    lengths.forEach((length, i) => {
      const values = integers[i];
      if (!(values instanceof Int32Array) || values.length !== length || integers.length !== lengths.length) {
        throw mismatch(`${lengths.length} int32 tensors of the model`, `${integers.length} tensors`);
      }
      flat.set(values, start);
      start += length;
    });
    return flat;
  });
}

function inTensors(
  values: Float64Array,
  { lengths, step }: { lengths: readonly number[]; step: number },
): readonly Float64Array[] {
  let start = 0;
  return lengths.map((length) => {
    const part = values.slice(start, start + length);
    start += length;
    return part.map((value) => value * step);
  });
}

function mismatch(expected: string, got: string): WardroundError {
  return new WardroundError('sums-mismatch', 'the contributions do not fit the rule', {
    expected,
    got,
    action: 'stop',
  });
}
