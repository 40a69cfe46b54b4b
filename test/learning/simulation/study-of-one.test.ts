// A study of one site beside local training repeated by hand.
import { beforeAll, describe, expect, it } from 'vitest';
import { initialModel } from '@wardround/learning/initial-model';
import { studyOfOne } from '@wardround/learning/simulation/study-of-one';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { trainLocally } from '@wardround/learning/tfjs/train';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { fakeFederation } from '../../fakes/federation.ts';
import { fakePlan } from '../../fakes/plan.ts';

let backend: Backend;
let plan: StudyPlan;
beforeAll(async () => {
  backend = await startBackend('wasm');
  const whole = fakePlan(await fakeFederation(['north', 'south']));
  plan = { ...whole, cohort: { ...whole.cohort, standardise: 'none' } };
});

const rows = {
  rows: 6,
  features: Float64Array.of(1, 2, -1, 0, 3, 1, 0, 0, 2, -2, 1, 1),
  labels: Float64Array.of(1, 0, 1, 0, 1, 1),
};
const data = { train: rows, test: rows, missing: { cells: new Float64Array(2), droppedRows: 0 } };

describe('a study of one', () => {
  it('repeats local training, whatever the plan does between sites', async () => {
    const { checkpoint } = await studyOfOne({
      backend,
      plan: { ...plan, strategy: { name: 'fedAvgM', serverLearningRate: '1', momentum: '0.9' } },
      site: 'north',
      data,
    });
    let model: Awaited<ReturnType<typeof trainLocally>>['model'] | ReturnType<typeof initialModel> = initialModel(plan);
    for (let round = 1; round <= plan.rounds; round += 1)
      ({ model } = await trainLocally({ backend, plan, model, data: rows, site: 'north', round }));
    checkpoint.model.forEach(({ data: values }, i) => {
      const expected = model[i]?.data ?? [];
      values.forEach((value, j) => expect(Number(value)).toBeCloseTo(Number(expected[j]), 6));
    });
  });

  it('weighs classes by its own rows, and not at all where it has one class', async () => {
    if (plan.training.method !== 'gradientDescent') throw new Error('the fake plan trains by gradient descent');
    const weighed: StudyPlan = { ...plan, training: { ...plan.training, classWeights: { method: 'federated' } } };
    const both = await studyOfOne({ backend, plan: weighed, site: 'north', data });
    expect(both.plan.training).toMatchObject({ classWeights: { method: 'fixed', negative: '1.5', positive: '0.75' } });
    const oneClass = { ...data, train: { ...rows, labels: new Float64Array(6).fill(1) } };
    const one = await studyOfOne({ backend, plan: weighed, site: 'north', data: oneClass });
    expect(one.plan.training).toMatchObject({ classWeights: { method: 'fixed', negative: '1', positive: '1' } });
  });

  it('standardises by its own statistics where the plan asks for all sites’', async () => {
    const federated: StudyPlan = { ...plan, cohort: { ...plan.cohort, standardise: 'federated' } };
    const perSite: StudyPlan = { ...plan, cohort: { ...plan.cohort, standardise: 'perSite' } };
    const [a, b] = [
      await studyOfOne({ backend, plan: federated, site: 'north', data }),
      await studyOfOne({ backend, plan: perSite, site: 'north', data }),
    ];
    a.checkpoint.model.forEach(({ data: values }, i) => {
      values.forEach((value, j) => expect(Number(value)).toBeCloseTo(Number(b.checkpoint.model[i]?.data[j]), 5));
    });
  });
});
