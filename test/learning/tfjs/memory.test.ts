// What the backend holds while a site trains or predicts: as the plan says, to the byte, however many patients the site has.
// Ten thousand steps without a leak: ../tensors-left.long.ts.
import { beforeAll, describe, expect, it } from 'vitest';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { type TrainingRows, trainLocally } from '@wardround/learning/tfjs/train';
import { cnnModel, cnnPlan, squares } from '../images.ts';
import { cohortOf, type LearningPlan, mlpModel, planOf, sgd } from '../plans.ts';
import { testBackend } from '../test-backend.ts';

const fewRows = 100;
const times = 20;
const adam = { name: 'adam', learningRate: '0.001', beta1: '0.9', beta2: '0.999', epsilon: '0.00000001' } as const;
const training = (batchSize: number): LearningPlan['training'] => ({ ...sgd, optimizer: adam, batchSize, steps: 12 });

function table(rows: number): TrainingRows {
  return {
    rows,
    features: Float64Array.from({ length: rows * 3 }, (_, i) => ((i * 37) % 100) / 50 - 1),
    labels: Float64Array.from({ length: rows }, (_, i) => i % 2),
  };
}

// Events × rows of a batch are one matrix: everybody has the event, so that every batch has the largest.
const survivors = (rows: number): TrainingRows => ({
  ...table(rows),
  labels: Float64Array.from({ length: rows }, (_, i) => 1 + ((i * 7) % 50)),
  events: new Float64Array(rows).fill(1),
});

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});

/** The most bytes on the backend after any of its kernels, beyond what was there before. */
async function peakBytes(work: () => Promise<void>): Promise<number> {
  const { tf } = backend;
  const before = tf.memory();
  const { peakBytes, newTensors, newBytes } = await tf.profile(work);
  expect([newTensors, newBytes]).toEqual([0, 0]);
  expect(tf.memory()).toMatchObject({ numTensors: before.numTensors, numBytes: before.numBytes });
  return peakBytes - before.numBytes;
}

describe('a training', () => {
  const train = async (plan: LearningPlan, data: TrainingRows): Promise<number> =>
    await peakBytes(async () => {
      await trainLocally({ backend, plan, model: initialModel(plan), data, site: 'va', round: 1 });
    });
  const cnn = (batchSize: number): LearningPlan => cnnPlan({ filters: [2, 3] }, { training: training(batchSize) });
  const cox = (batchSize: number): LearningPlan =>
    planOf({
      cohort: cohortOf(['a', 'b', 'c'], 'survival'),
      model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' },
      training: training(batchSize),
    });
  const cases: readonly (readonly [string, (batchSize: number) => LearningPlan, (rows: number) => TrainingRows])[] = [
    ['a logistic regression', (batchSize) => planOf({ training: training(batchSize) }), table],
    ['an MLP', (batchSize) => planOf({ model: mlpModel, training: training(batchSize) }), table],
    ['a CNN', cnn, (rows) => squares(cnnModel, rows)],
    ['Cox by batches', cox, survivors],
  ];

  it.each(cases)('of %s holds the same for twenty times the patients', async (_, planWith, rowsOf) => {
    const few = await train(planWith(8), rowsOf(fewRows));
    expect(few).toBeGreaterThan(0);
    expect(await train(planWith(8), rowsOf(fewRows * times))).toBe(few);
  });

  it.each(cases)('of %s holds more for a larger batch: the measure sees it', async (_, planWith, rowsOf) => {
    const data = rowsOf(fewRows);
    expect(await train(planWith(16), data)).toBeGreaterThan(await train(planWith(8), data));
  });
});

describe('a prediction', () => {
  it('holds the same for twenty times the patients, from where rows come in parts', async () => {
    const plan = planOf({ model: mlpModel });
    const model = initialModel(plan);
    const ask = async (rows: number): Promise<number> =>
      await peakBytes(async () => {
        await Promise.resolve(predict({ backend, plan, model, features: table(rows).features }));
      });
    const few = await ask(8192);
    expect(few).toBeGreaterThan(0);
    expect(await ask(8192 * times)).toBe(few);
  });
});
