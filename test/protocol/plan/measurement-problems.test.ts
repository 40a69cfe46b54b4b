// What a plan may get wrong about what it measures, one wrong value at a time; and what it may ask for now.
import { describe, expect, it } from 'vitest';
import { measurementProblems } from '@wardround/protocol/plan/measurement-problems';
import { pathText } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { unsupported } from '@wardround/protocol/plan/support';
import { fillPlan } from '@wardround/protocol/plan/unbound-plan';
import { contradictions } from '@wardround/protocol/plan/semantics';
import { examplePlan, now } from './example.ts';

type Spoil = (plan: ReturnType<typeof examplePlan>) => unknown;

function problemsOf(spoil: Spoil): readonly string[] {
  const plan = examplePlan();
  spoil(plan);
  return measurementProblems(fillPlan(parsePlanSource(plan))).map(({ path, code }) => `${pathText(path)} ${code}`);
}

function numbers(count: number): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, { type: 'number', range: [0, 1] }]));
}

describe('measurementProblems', () => {
  it.each<[string, Spoil, readonly string[]]>([
    ['a statistic twice', (p) => (p.statistics = ['counts', 'moments', 'counts']), ['statistics[2] statistics-twice']],
    ['a metric twice', (p) => (p.evaluation = { metrics: ['auroc', 'auroc'] }), ['evaluation.metrics[1] metric-twice']],
    [
      'correlations of too many columns',
      (p) => {
        p.cohort.features = { ...numbers(253), cp: { type: 'code', codes: [1, 2, 3, 4] } };
        p.statistics = ['correlations'];
      },
      ['statistics statistics-columns'],
    ],
    [
      'histograms of too many numbers',
      (p) => {
        p.cohort.features = numbers(1001);
        p.statistics = ['histograms'];
      },
      ['statistics statistics-columns'],
    ],
    [
      'class weights for a number',
      (p) => {
        p.cohort.label = { name: 'num', range: [0, 4] };
        p.model = { kind: 'linearRegression' };
        p.training.classWeights = 'federated';
      },
      ['training.classWeights class-weights-label'],
    ],
    [
      'weights that somebody chose, without noise in every update',
      (p) => (p.initialWeights = { importedWeights: 'a'.repeat(64) }),
      ['initialWeights imported-weights-privacy'],
    ],
  ])('refuses %s', (_, spoil, expected) => {
    expect(problemsOf(spoil)).toEqual(expected);
  });

  it.each<[string, Spoil]>([
    [
      'as many columns as there may be',
      (p) => {
        p.cohort.features = { ...numbers(252), cp: { type: 'code', codes: [1, 2, 3, 4] } };
        p.statistics = ['correlations', 'quantiles'];
      },
    ],
    [
      'imported weights with DP-SGD',
      (p) => {
        p.initialWeights = { importedWeights: 'a'.repeat(64) };
        p.privacy = { mode: 'dpSgd', clipNorm: 1, epsilon: 2, delta: 1e-5 };
      },
    ],
  ])('takes %s', (_, spoil) => {
    expect(problemsOf(spoil)).toEqual([]);
  });
});

describe('a plan that measures', () => {
  it('is supported: statistics, federated scales and weights, early stopping, evaluations between rounds', () => {
    const plan = examplePlan();
    plan.statistics = ['counts', 'missingness', 'moments', 'quantiles', 'histograms', 'correlations'];
    plan.cohort.standardise = 'federated';
    plan.training.classWeights = 'federated';
    plan.training.earlyStopping = { patience: 3 };
    plan.evaluation = { metrics: ['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'loss'], everyRounds: 2 };
    const filled = fillPlan(parsePlanSource(plan));
    expect([...contradictions(filled, { colludingSites: 1, now }), ...unsupported(filled)]).toEqual([]);
  });

  it('has no loss of survival times: a partial likelihood is no sum over patients', () => {
    const plan = examplePlan();
    plan.cohort.label = { time: 't', timeUnit: 'd', event: 'e', eventWhen: '> 0', maxTime: 1000 };
    plan.evaluation = { metrics: ['loss'] };
    const filled = fillPlan(parsePlanSource(plan));
    expect(contradictions(filled, { colludingSites: 1, now }).map(({ code }) => code)).toContain('metric-label');
  });
});
