// Plans for pictures: what the compiler fills in, and each way in which one can contradict itself.
import { describe, expect, it } from 'vitest';
import { hasCode } from '@wardround/protocol/errors';
import { compileUnresolved } from '@wardround/protocol/plan/compile';
import { PlanInvalidError, pathText } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { examplePlan, now } from './example.ts';

type Plan = ReturnType<typeof examplePlan>;

function imagesSource(): Plan {
  const plan = examplePlan();
  plan.cohort = { source: 'images', label: { name: 'pneumonia', positiveWhen: '== 1' } };
  plan.model = { kind: 'cnn', image: { height: 28, width: 28, channels: 1 }, filters: [8, 16] };
  plan.training = { optimizer: 'adam', learningRate: 0.001 };
  return plan;
}

function problemsOf(source: Plan): string[] {
  try {
    compileUnresolved({ source: parsePlanSource(source), now });
    return [];
  } catch (error) {
    expect(hasCode(error, 'plan-invalid')).toBe(true);
    return error instanceof PlanInvalidError ? error.problems.map(({ path, code }) => `${pathText(path)} ${code}`) : [];
  }
}

describe('a plan for pictures', () => {
  it('is filled in: its one feature from the model, nothing standardised, seeded weights', () => {
    const { plan } = compileUnresolved({ source: parsePlanSource(imagesSource()), now });
    expect(plan.cohort.features).toEqual([
      { type: 'image', name: 'image', height: 28, width: 28, channels: 1, missing: 'refuse' },
    ]);
    expect(plan.cohort.standardise).toBe('none');
    expect(plan.initialWeights).toEqual({ method: 'seeded', seed: 42 });
    expect(plan.model).toEqual({
      kind: 'cnn',
      image: { height: 28, width: 28, channels: 1 },
      filters: [8, 16],
      kernel: 3,
      hidden: [],
      activation: 'relu',
      l2: '0',
    });
  });

  const age = { age: { type: 'number', range: [0, 1] } };
  it.each<[string, (plan: Plan) => void, string]>([
    ['pictures that vanish', (plan) => (plan.model.filters = [1, 1, 1, 1, 1]), 'model.filters image-vanishes'],
    ['a scale of each site', (plan) => (plan.cohort.standardise = 'perSite'), 'cohort.standardise image-standardise'],
    ['a federated scale', (plan) => (plan.cohort.standardise = 'federated'), 'cohort.standardise image-standardise'],
    [
      'a scale of each picture for a table',
      (plan) => Object.assign(plan.cohort, { source: 'table', features: age, standardise: 'perImage' }),
      'cohort.standardise image-standardise',
    ],
    ['statistics', (plan) => (plan.statistics = ['counts']), 'statistics image-statistics'],
    ['a column instead', (plan) => (plan.cohort.features = age), 'cohort.features image-features'],
    ['another model', (plan) => (plan.model = { kind: 'logisticRegression' }), 'cohort.features missing-key'],
    [
      'another model, and a column for it',
      (plan) => Object.assign(plan, { model: { kind: 'mlp', hidden: [2] }, cohort: { ...plan.cohort, features: age } }),
      'model.kind image-model',
    ],
    ['a table without features', (plan) => delete plan.cohort.source, 'cohort.features missing-key'],
    [
      'a table of too few columns',
      (plan) => Object.assign(plan.cohort, { source: 'table', features: age }),
      'model.image image-size',
    ],
    [
      'the label as its picture',
      (plan) => (plan.cohort.label.name = 'image'),
      'cohort.features.image label-as-feature',
    ],
  ])('is refused with %s', (_, spoil, expected) => {
    const plan = imagesSource();
    expect(problemsOf(plan)).toEqual([]);
    spoil(plan);
    expect(problemsOf(plan)).toContain(expected);
  });

  it('may standardise each picture by itself', () => {
    const source = imagesSource();
    source.cohort.standardise = 'perImage';
    const { plan } = compileUnresolved({ source: parsePlanSource(source), now });
    expect(plan.cohort.standardise).toBe('perImage');
  });

  it('may have as many columns of a table as its picture has pixels', () => {
    const plan = imagesSource();
    plan.model.image = { height: 8, width: 8, channels: 1 };
    plan.cohort.source = 'table';
    plan.cohort.features = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`p${i}`, { type: 'number', range: [0, 255] }]),
    );
    expect(problemsOf(plan)).toEqual([]);
  });
});
