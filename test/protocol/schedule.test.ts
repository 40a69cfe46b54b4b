// The schedule of a study beside a plain enumeration of it.
import { describe, expect, it } from 'vitest';
import { boundingStages, lastRound, type ScheduledPlan, type Stage, stageOf } from '@wardround/protocol/schedule';
import { fakeFederation } from '../fakes/federation.ts';
import { fakePlan } from '../fakes/plan.ts';

const plan = fakePlan(await fakeFederation(['north', 'south']));

interface Shape {
  readonly rounds: number;
  readonly everyRounds: number;
  readonly metrics: boolean;
  readonly statistics: boolean;
}

function planOf({ rounds, everyRounds, metrics, statistics }: Shape): ScheduledPlan {
  return {
    ...plan,
    rounds,
    statistics: statistics ? ['moments'] : [],
    evaluation: { ...plan.evaluation, everyRounds, metrics: metrics ? ['auroc'] : [] },
  };
}

function enumerate({ rounds, everyRounds, metrics, statistics }: Shape): readonly Stage[] {
  const stages: Stage[] = statistics ? [{ task: 'statistics' }] : [];
  for (let trainingRound = 1; trainingRound <= rounds; trainingRound += 1) {
    stages.push({ task: 'update', trainingRound });
    const final = trainingRound === rounds;
    if (metrics && (final || (everyRounds > 0 && trainingRound % everyRounds === 0))) {
      stages.push({ task: 'evaluation', trainingRound, final });
    }
  }
  return stages;
}

const shapes = [1, 2, 3, 7, 12].flatMap((rounds) =>
  [0, 1, 2, 3, 12, 20].flatMap((everyRounds) =>
    [true, false].flatMap((metrics) =>
      [true, false].map((statistics) => ({ rounds, everyRounds, metrics, statistics })),
    ),
  ),
);

describe('the schedule', () => {
  it.each(shapes)(
    'of $rounds rounds, evaluated every $everyRounds, metrics $metrics, statistics $statistics',
    (shape) => {
      const expected = enumerate(shape);
      const scheduled = planOf(shape);
      expect(lastRound(scheduled)).toBe(expected.length);
      expect(expected.map((_, i) => stageOf(scheduled, i + 1))).toEqual(expected);
    },
  );

  it.each([0, -1, 1.5, Number.NaN, 4])('has no round %s', (round) => {
    const scheduled = planOf({ rounds: 2, everyRounds: 0, metrics: true, statistics: false });
    expect(() => stageOf(scheduled, round)).toThrow(expect.objectContaining({ code: 'schedule-round' }));
  });

  it('begins with statistics where standardisation or class weights need them', () => {
    const scheduled = planOf({ rounds: 2, everyRounds: 0, metrics: false, statistics: false });
    expect(stageOf({ ...scheduled, cohort: { ...plan.cohort, standardise: 'federated' } }, 1).task).toBe('statistics');
    if (plan.training.method !== 'gradientDescent') throw new Error('the fake plan trains by gradient descent');
    const training = { ...plan.training, classWeights: { method: 'federated' } } as const;
    expect(stageOf({ ...scheduled, training }, 1).task).toBe('statistics');
  });

  it('asks for sums where Newton or trees make the step', () => {
    const scheduled = planOf({ rounds: 2, everyRounds: 0, metrics: false, statistics: false });
    const newton = { method: 'newton', tolerance: '0.001' } as const;
    expect(stageOf({ ...scheduled, training: newton }, 2)).toEqual({ task: 'newton', trainingRound: 2 });
  });
});

describe('the stages that bound a plan', () => {
  it.each(shapes)('are the first and the last of every sort, for $rounds rounds', (shape) => {
    const all = enumerate(shape);
    const bounding = boundingStages(planOf(shape));
    const sortOf = (stage: Stage): string =>
      stage.task === 'evaluation' ? `${stage.task} ${stage.final}` : stage.task;
    for (const sort of new Set(all.map(sortOf))) {
      const ofSort = all.filter((stage) => sortOf(stage) === sort);
      expect(bounding).toContainEqual(ofSort[0]);
      if (!sort.startsWith('evaluation')) expect(bounding).toContainEqual(ofSort.at(-1));
    }
    expect(bounding.length).toBeLessThanOrEqual(5);
    for (const stage of bounding) expect(all).toContainEqual(stage);
  });
});
