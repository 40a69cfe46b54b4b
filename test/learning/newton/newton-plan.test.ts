// What Newton's method refuses of a plan: one wrong field at a time, each with its code.
import { describe, expect, it } from 'vitest';
import { type NewtonPlan, newtonProblem, newtonShapes } from '@wardround/learning/newton/newton-plan';
import { initialNewtonTensors, newtonTask } from '@wardround/learning/newton/newton-task';
import { cohortOf, mlpModel, sgd } from '../plans.ts';
import { newtonPlan } from './newton-rounds.ts';

const logisticModel = { kind: 'logisticRegression', l2: '0.5' } as const;
const coxModel = { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' } as const;
const logistic = newtonPlan({ model: logisticModel });
const cox = newtonPlan({ model: coxModel });

describe('newtonProblem', () => {
  it('counts an intercept for regression, none for Cox', () => {
    expect(newtonProblem(logistic)).toMatchObject({ inputs: 2, parameters: 3, names: ['a', 'b', 'bias'], l2: 0.5 });
    expect(newtonProblem(cox)).toMatchObject({ inputs: 2, parameters: 2, names: ['a', 'b'] });
    expect(newtonShapes({ inputs: 2 })).toEqual([
      { name: 'weight', shape: [2, 1] },
      { name: 'bias', shape: [1] },
    ]);
  });

  const features = (count: number): string[] => Array.from({ length: count }, (_, i) => `x${i}`);
  const bad: readonly (readonly [string, NewtonPlan, string])[] = [
    ['a model without one column of coefficients', { ...logistic, model: mlpModel }, 'model-unsupported'],
    [
      'trees',
      { ...logistic, model: { kind: 'gradientBoostedTrees', trees: 1, depth: 1, bins: 2, learningRate: '1', l2: '0' } },
      'model-unsupported',
    ],
    ['a number for logistic regression', { ...logistic, cohort: cohortOf(['a'], 'number') }, 'model-label'],
    ['survival for logistic regression', { ...logistic, cohort: cohortOf(['a'], 'survival') }, 'model-label'],
    ['yes or no for Cox', { ...cox, cohort: cohortOf(['a'], 'binary') }, 'model-label'],
    [
      'risk sets over all sites',
      { ...cox, model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'none', l2: '0' } },
      'cox-stratify',
    ],
    ['gradient descent as training', { ...logistic, training: sgd }, 'training-unsupported'],
    ['averaging as strategy', { ...logistic, strategy: { name: 'fedAvg' } }, 'training-unsupported'],
    ['seeded weights', { ...logistic, initialWeights: { method: 'seeded', seed: 1 } }, 'newton-initial-weights'],
    [
      'imported weights',
      { ...logistic, initialWeights: { method: 'importedWeights', digest: 'a'.repeat(64) } },
      'newton-initial-weights',
    ],
    [
      'pictures',
      {
        ...logistic,
        cohort: {
          ...logistic.cohort,
          features: [{ type: 'image', name: 'x', height: 8, width: 8, channels: 1, missing: 'refuse' }],
        },
      },
      'newton-images',
    ],
    ['1,024 columns and an intercept', { ...logistic, cohort: cohortOf(features(1024)) }, 'newton-too-wide'],
    ['1,025 columns', { ...cox, cohort: cohortOf(features(1025), 'survival') }, 'newton-too-wide'],
  ];
  it.each(bad)('refuses %s', (_, plan, code) => {
    for (const attempt of [newtonProblem, newtonTask, initialNewtonTensors]) {
      expect(() => attempt(plan)).toThrow(expect.objectContaining({ code }));
    }
  });

  it('takes 1,024 coefficients', () => {
    const small = { min: '-1', max: '1' };
    expect(newtonProblem(newtonPlan({ model: coxModel, features: features(1024), range: small })).parameters).toBe(
      1024,
    );
    expect(newtonProblem(newtonPlan({ model: logisticModel, features: features(1023), range: small })).parameters).toBe(
      1024,
    );
  });
});
