// Cox's model by gradient descent: a full-batch step equals the exact gradient, many of them reach Newton's fit, and the bias never moves.
import { beforeAll, describe, expect, it } from 'vitest';
import { partialLikelihood } from '@wardround/learning/cox/partial-likelihood';
import { initialModel } from '@wardround/learning/initial-model';
import { layersOf, modelShape, taskOf } from '@wardround/learning/model-shape';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { type TrainingJob, trainLocally } from '@wardround/learning/tfjs/train';
import type { Tensor } from '@wardround/protocol/safetensors';
import { type LearningPlan, cohortOf, planOf, sgd } from '../plans.ts';
import { f32, withCode } from '../tensors.ts';
import { survivors } from './invented.ts';
import { naiveCox } from './naive-cox.ts';
import { testBackend } from '../test-backend.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});

const cox = {
  kind: 'coxProportionalHazards',
  ties: 'efron',
  stratify: 'bySite',
  l2: '0',
} as const;
const rows = 120;
const data = survivors(3, { rows, columns: 2, times: 40, events: 0.7 });
const planFor = (training: Partial<typeof sgd>, overrides: Partial<LearningPlan> = {}): LearningPlan =>
  planOf({
    cohort: cohortOf(['a', 'b'], 'survival'),
    model: cox,
    training: { ...sgd, ...training },
    ...overrides,
  });
const jobFor = (plan: LearningPlan, overrides: Partial<TrainingJob> = {}): TrainingJob => ({
  backend,
  plan,
  model: initialModel(plan),
  data,
  site: 'va',
  round: 1,
  ...overrides,
});
const weightsOf = (model: readonly Tensor[]): number[] => Array.from(model[0]?.data ?? [], Number);
const fullBatch = { batchSize: rows, steps: 1 };

describe('Cox by gradient descent', () => {
  it('is a layer with a bias of 0, for survival labels by site only', () => {
    const plan = planFor({});
    expect(layersOf(plan)).toHaveLength(1);
    expect(modelShape(plan)).toEqual([
      { name: 'weight', shape: [2, 1] },
      { name: 'bias', shape: [1] },
    ]);
    expect(taskOf(plan)).toBe('survival');
    expect(() => taskOf({ ...plan, cohort: cohortOf(['a']) })).toThrow(withCode('model-label'));
    expect(() => taskOf({ ...plan, model: { ...cox, stratify: 'none' } })).toThrow(withCode('cox-stratify'));
  });

  it.each(['efron', 'breslow'] as const)('moves by the exact gradient of a whole site, %s', async (ties) => {
    const plan = planFor(fullBatch, { model: { ...cox, ties } });
    const start = [f32('weight', [0.4, -0.3], [2, 1]), f32('bias', [0])];
    const exact = partialLikelihood(data, ties, Float64Array.of(Math.fround(0.4), Math.fround(-0.3)));
    const { model, loss } = await trainLocally(jobFor(plan, { model: start }));
    weightsOf(model).forEach((weight, j) => {
      expect(weight).toBeCloseTo(([0.4, -0.3][j] ?? 0) - (0.1 * (exact.gradient[j] ?? 0)) / exact.events, 6);
    });
    expect(loss).toBeCloseTo(exact.loss / exact.events, 4);
  });

  const momentum = {
    name: 'sgd',
    learningRate: '0.5',
    momentum: '0.9',
  } as const;
  const adam = {
    name: 'adam',
    learningRate: '0.02',
    beta1: '0.9',
    beta2: '0.999',
    epsilon: '0.00000001',
  } as const;
  it.each([momentum, adam])('reaches Newton’s fit in full batches with $name, its bias at 0', async (optimizer) => {
    const plan = planFor({ batchSize: rows, steps: 400, optimizer });
    const { model } = await trainLocally(jobFor(plan));
    const { coefficients } = naiveCox([data], 'efron');
    weightsOf(model).forEach((weight, j) => expect(weight).toBeCloseTo(coefficients[j] ?? Number.NaN, 3));
    expect(Array.from(model[1]?.data ?? [], Number)).toEqual([0]);
  });

  it('comes near it in batches of 40, the same bytes twice', async () => {
    const plan = planFor({
      batchSize: 40,
      steps: 600,
      optimizer: { ...momentum, learningRate: '0.02' },
    });
    const { model } = await trainLocally(jobFor(plan));
    const { coefficients } = naiveCox([data], 'efron');
    weightsOf(model).forEach((weight, j) => expect(Math.abs(weight - (coefficients[j] ?? 9))).toBeLessThan(0.25));
    expect((await trainLocally(jobFor(plan))).model).toEqual(model);
  });

  it('stays where it is in a batch without an event, l2 and FedProx aside', async () => {
    const censored = { ...data, events: new Float64Array(rows) };
    const start = [f32('weight', [0.5, -1], [2, 1]), f32('bias', [0])];
    const { model, loss } = await trainLocally(jobFor(planFor(fullBatch), { model: start, data: censored }));
    expect([weightsOf(model), loss]).toEqual([[0.5, -1], 0]);
  });

  it('predicts the logarithm of the relative hazard', () => {
    const model = [f32('weight', [2, -1], [2, 1]), f32('bias', [0])];
    expect([
      ...predict({
        backend,
        plan: planFor({}),
        model,
        features: Float64Array.of(1, 1, 0, 3),
      }),
    ]).toEqual([1, -3]);
  });

  it.each([
    ['no events', { rows, features: data.features, labels: data.labels }],
    ['an event too few', { ...data, events: data.events.subarray(1) }],
  ])('refuses %s', async (_, bad) => {
    await expect(trainLocally(jobFor(planFor(fullBatch), { data: bad }))).rejects.toThrow(withCode('training-data'));
  });
});
