// Ten thousand steps of every optimiser leave no tensor and no byte on the backend, and hold a batch of the rows meanwhile, never all.
import { beforeAll, describe, expect, it } from 'vitest';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { type TrainingRows, trainLocally } from '@wardround/learning/tfjs/train';
import { cnnModel, cnnPlan, squares } from './images.ts';
import { type LearningPlan, mlpModel, planOf, sgd } from './plans.ts';
import { testBackend } from './test-backend.ts';

const steps = 10_000;
const rows = 20_000;
type Optimizer = typeof sgd.optimizer;
const adam: Optimizer = { name: 'adam', learningRate: '0.001', beta1: '0.9', beta2: '0.999', epsilon: '0.00000001' };
const momentum: Optimizer = { name: 'sgd', learningRate: '0.01', momentum: '0.9' };
const table: TrainingRows = {
  rows,
  features: Float64Array.from({ length: rows * 3 }, (_, i) => ((i * 37) % 100) / 50 - 1),
  labels: Float64Array.from({ length: rows }, (_, i) => i % 2),
};
const proximal: StudyPlan['strategy'] = { name: 'fedProx', mu: '0.01' };
const training = (optimizer: Optimizer): LearningPlan['training'] => ({ ...sgd, optimizer, steps, batchSize: 4 });

describe('ten thousand steps', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });

  const cases: readonly (readonly [string, LearningPlan, TrainingRows])[] = [
    ['a logistic regression by SGD', planOf({ training: training(sgd.optimizer) }), table],
    [
      'an MLP by momentum under FedProx',
      planOf({ model: { ...mlpModel, l2: '0.01' }, strategy: proximal, training: training(momentum) }),
      table,
    ],
    ['an MLP by Adam', planOf({ model: mlpModel, training: training(adam) }), table],
    ['a CNN by Adam', cnnPlan({ activation: 'tanh' }, { training: training(adam) }), squares(cnnModel, rows)],
  ];
  it.each(cases)('of %s leave nothing behind', { timeout: 600_000 }, async (_, plan, data) => {
    const { tf } = backend;
    const before = tf.memory();
    let most = 0;
    const batches = function* (): Generator<Uint32Array> {
      for (let i = 0; i < steps; i += 1) {
        most = Math.max(most, tf.memory().numBytes - before.numBytes);
        yield Uint32Array.from({ length: 4 }, (_unused, j) => (i * 13 + j * 7919) % rows);
      }
    };
    const { model } = await trainLocally({
      backend,
      plan,
      model: initialModel(plan),
      data,
      site: 'va',
      round: 1,
      batches: batches(),
    });
    expect(tf.memory()).toMatchObject({ numTensors: before.numTensors, numBytes: before.numBytes });
    expect(model.every((tensor) => tensor.data.every(Number.isFinite))).toBe(true);
    // Model, base and Adam's two moments; the rows alone are 240,000 bytes of float32, the pictures five million.
    expect(most).toBeLessThan(20_000);
  });
});
