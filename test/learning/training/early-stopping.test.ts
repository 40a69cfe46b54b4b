// Early stopping by the pooled loss: when the flag goes up, that nothing moves afterwards, and that no layout tells.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { roundTask } from '@wardround/learning/rounds/round-task';
import { readSection } from '@wardround/learning/rounds/state-sections';
import { hasStopped, initialTraining, quantisedLoss } from '@wardround/learning/training/early-stopping';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cohortOf, sgd } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';
import { withCode } from '../tensors.ts';

const stopping = (patience: number, minimumImprovement = '0'): StudyPlan =>
  studyPlanOf({
    rounds: 20,
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    training: { ...sgd, earlyStopping: { method: 'pooledLoss', patience, minimumImprovement } },
  });

/** A round in which two sites of weights 1 and 3 move the first weight by one step and report these losses. */
function after(plan: StudyPlan, base: Checkpoint, [first, second]: readonly [number, number]): Checkpoint {
  const round = base.round + 1;
  const task = roundTask(plan, round);
  const sums = task.tensors.map(({ shape }) => new BigInt64Array(shape.reduce((a, b) => a * b, 1)));
  const [weights] = sums;
  if (weights !== undefined) weights[0] = 4n << 20n;
  const loss = sums.at(-1);
  if (loss !== undefined)
    loss[0] = BigInt(quantisedLoss(plan, first)[0] ?? 0) + 3n * BigInt(quantisedLoss(plan, second)[0] ?? 0);
  return { round, ...task.next({ base, sums, each: [], totalWeight: 4, contributors: 2 }) };
}

function run(plan: StudyPlan, losses: readonly number[]): readonly Checkpoint[] {
  const checkpoints = [initialCheckpoint(plan).content];
  for (const loss of losses) {
    const base = checkpoints.at(-1);
    if (base !== undefined) checkpoints.push(after(plan, base, [loss, loss]));
  }
  return checkpoints;
}

const valueOf = ({ state }: Checkpoint, name: string): number | undefined =>
  [...(readSection(state, 'training').find((tensor) => tensor.name === name)?.data ?? [])].map(Number)[0];

describe('early stopping', () => {
  it('pools the loss by weight', () => {
    const plan = stopping(2);
    const checkpoint = after(plan, initialCheckpoint(plan).content, [0.5, 0.25]);
    expect(valueOf(checkpoint, 'loss')).toBeCloseTo((0.5 + 3 * 0.25) / 4, 6);
  });

  it('stops after `patience` rounds without improvement, counted from the best', () => {
    const plan = stopping(2);
    const stopped = run(plan, [0.9, 0.8, 0.85, 0.7, 0.7, 0.71, 0.1]).map(({ state }) => hasStopped(plan, state));
    expect(stopped).toEqual([false, false, false, false, false, false, true, true]);
  });

  it('counts less than the least improvement as none', () => {
    const plan = stopping(1, '0.1');
    const stopped = run(plan, [0.9, 0.75, 0.66]).map(({ state }) => hasStopped(plan, state));
    expect(stopped).toEqual([false, false, false, true]);
  });

  it('changes nothing afterwards, whatever is sent: not the model, not the state', () => {
    const plan = stopping(1);
    const [, , at, later, last] = run(plan, [0.5, 0.6, 0.1, 0.1]);
    expect(at === undefined ? false : hasStopped(plan, at.state)).toBe(true);
    expect(later).toEqual({ ...at, round: 3 });
    expect(last).toEqual({ ...at, round: 4 });
    expect(at?.model[0]?.data[0]).toBeGreaterThan(0);
  });

  it('has one more tensor in every training round, before and after it stopped', () => {
    const plan = stopping(1);
    const plain = studyPlanOf({ rounds: 20, evaluation: plan.evaluation });
    for (const round of [1, 7, 20]) {
      const names = roundTask(plan, round).tensors.map(({ name }) => name);
      expect(names).toEqual([...roundTask(plain, round).tensors.map(({ name }) => name), 'training.loss']);
    }
    expect(initialTraining(plain)).toEqual([]);
    expect(hasStopped(plain, [])).toBe(false);
  });

  it('refuses sums without a loss, and a state that is not its own', () => {
    const plan = stopping(1);
    const task = roundTask(plan, 1);
    const base = initialCheckpoint(plan).content;
    const sums = task.tensors.slice(0, -1).map(({ shape }) => new BigInt64Array(shape.reduce((a, b) => a * b, 1)));
    const closed = { base, sums, each: [], totalWeight: 4, contributors: 2 };
    expect(() => task.next(closed)).toThrow(withCode('sums-mismatch'));
    expect(() => task.next({ ...closed, base: { ...base, state: [] } })).toThrow(withCode('tensors-mismatch'));
  });
});

describe('a site’s loss', () => {
  const plan = stopping(1);
  it.each([
    [0, 0],
    [1, 2 ** 20],
    [0.5 + 2 ** -22, 2 ** 19],
    [-0.1, 0],
    [4000, 2 ** 31 - 1],
    [Number.POSITIVE_INFINITY, 2 ** 31 - 1],
    [Number.NaN, 2 ** 31 - 1],
  ])('of %d is %d steps', (loss, steps) => {
    expect([...quantisedLoss(plan, loss)]).toEqual([steps]);
  });

  it('of a number counts in squares of the label’s range', () => {
    const cohort = cohortOf(['a'], 'number');
    expect([...quantisedLoss({ ...plan, cohort }, 4e12)]).toEqual([2 ** 20]);
  });
});
