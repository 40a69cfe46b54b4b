// The same contributions give the same bytes: whatever their order, however their sums were split between processes, wherever it restarted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '@wardround/learning/checkpoint';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { type RoundTask, roundTask } from '@wardround/learning/rounds/round-task';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cohortOf, mlpModel, sitesOf } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';
import { type Contribution, closeRound } from './federation.ts';

const adaptive = { serverLearningRate: '0.1', beta1: '0.9', beta2: '0.99', tau: '0.001' };
const strategies: readonly StudyPlan['strategy'][] = [
  { name: 'fedAvg' },
  { name: 'fedProx', mu: '0.1' },
  { name: 'scaffold', serverLearningRate: '0.7' },
  { name: 'fedAvgM', serverLearningRate: '0.5', momentum: '0.9' },
  { name: 'fedAdam', ...adaptive },
  { name: 'fedYogi', ...adaptive },
  { name: 'fedAdagrad', serverLearningRate: '0.1', tau: '0.001' },
  { name: 'fedNova' },
  { name: 'fedBn', personal: ['dense1.bias', 'dense0.weight'] },
  { name: 'selectingRule', rule: { kind: 'coordinateMedian' } },
  { name: 'selectingRule', rule: { kind: 'trimmedMean', trim: 1 } },
  { name: 'selectingRule', rule: { kind: 'multiKrum', select: 2 } },
];
const title = (strategy: StudyPlan['strategy']): string =>
  strategy.name === 'selectingRule' ? strategy.rule.kind : strategy.name;
const isUnweighted = ({ name }: StudyPlan['strategy']): boolean => name === 'scaffold' || name === 'selectingRule';

function planFor(strategy: StudyPlan['strategy']): StudyPlan {
  return studyPlanOf({
    cohort: cohortOf(['a', 'b']),
    model: mlpModel,
    initialWeights: { method: 'seeded', seed: 7 },
    strategy,
    sites: sitesOf(9, 3),
    weighting: isUnweighted(strategy) ? 'equal' : 'patients',
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
  });
}

/** Integers within the task's limits; few different values, so that rules that choose meet ties. */
function integersFor({ tensors, limits }: RoundTask): fc.Arbitrary<Int32Array[]> {
  return fc.tuple(
    ...tensors.map(({ shape }, t) => {
      const length = shape.reduce((a, b) => a * b, 1);
      const limit = limits[t];
      const value =
        limit?.kind === 'range'
          ? fc.integer({ min: Number(limit.least), max: Number(limit.most) })
          : fc.oneof(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.constantFrom(-1, 0, 1));
      return fc.array(value, { minLength: length, maxLength: length }).map((values) => Int32Array.from(values));
    }),
  );
}

function roundOf(plan: StudyPlan): fc.Arbitrary<readonly Contribution[]> {
  const task = roundTask(plan, 1);
  const weight = plan.weighting === 'equal' ? fc.constant(1) : fc.integer({ min: 1, max: 5000 });
  return fc
    .subarray(
      plan.sites.roster.map(({ name }) => name),
      { minLength: 3 },
    )
    .chain((names) =>
      fc.tuple(...names.map((site) => fc.record({ site: fc.constant(site), weight, integers: integersFor(task) }))),
    );
}

/** Sums of two processes, added up. */
function closeInParts(plan: StudyPlan, base: Checkpoint, parts: readonly (readonly Contribution[])[]): Checkpoint {
  const task = roundTask(plan, base.round + 1);
  const sums = task.tensors.map(({ shape }) => new BigInt64Array(shape.reduce((a, b) => a * b, 1)));
  for (const part of parts) {
    const own = sums.map(({ length }) => new BigInt64Array(length));
    for (const { integers, weight } of part) {
      integers.forEach((values, t) => {
        values.forEach((value, j) => {
          const sum = own[t];
          if (sum !== undefined) sum[j] = (sum[j] ?? 0n) + BigInt(value) * BigInt(weight);
        });
      });
    }
    sums.forEach((sum, t) => {
      sum.forEach((value, j) => {
        sum[j] = value + (own[t]?.[j] ?? 0n);
      });
    });
  }
  const all = parts.flat();
  const content = task.next({
    base: decodeCheckpoint(encodeCheckpoint(base)),
    sums,
    totalWeight: all.reduce((sum, { weight }) => sum + weight, 0),
    contributors: all.length,
    each: task.reads === 'each' ? all.toSorted((a, b) => (a.site < b.site ? -1 : 1)) : [],
  });
  return { round: base.round + 1, ...content };
}

describe('the order, the processes and the restarts do not matter', () => {
  it.each(strategies.map((strategy) => [title(strategy), strategy] as const))('%s', (_, strategy) => {
    const plan = planFor(strategy);
    const start = initialCheckpoint(plan).content;
    const twoRounds = fc.tuple(roundOf(plan), roundOf(plan)).chain(([first, second]) =>
      fc.record({
        first: fc.constant(first),
        second: fc.constant(second),
        order: fc.shuffledSubarray([...first], { minLength: first.length }),
        other: fc.shuffledSubarray([...second], { minLength: second.length }),
        cut: fc.nat(second.length),
      }),
    );
    fc.assert(
      fc.property(twoRounds, ({ first, second, order, other, cut }) => {
        const one = closeRound({ plan, round: 1, base: start, contributions: first });
        const two = closeRound({ plan, round: 2, base: one, contributions: second });
        const oneAgain = closeRound({ plan, round: 1, base: start, contributions: order });
        const twoAgain = closeInParts(plan, oneAgain, [other.slice(0, cut), other.slice(cut)]);
        expect(encodeCheckpoint(twoAgain)).toEqual(encodeCheckpoint(two));
        expect(two.state.map(({ name, data }) => [name, data.length])).toEqual(
          start.state.map(({ name, data }) => [name, data.length]),
        );
      }),
      { numRuns: 40 },
    );
  });
});
