// What SCAFFOLD adds to the gradients: exactly that, nothing to the loss, and nothing left on the backend.
import { beforeAll, describe, expect, it } from 'vitest';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { type TrainingJob, type TrainingResult, trainLocally } from '@wardround/learning/tfjs/train';
import { initialModel } from '@wardround/learning/initial-model';
import { cohortOf, mlpModel, planOf, sgd } from '../plans.ts';
import { inputs, siteRows } from './cohorts.ts';
import { testBackend } from '../test-backend.ts';

const plan = (learningRate: string, steps: number): ReturnType<typeof planOf> =>
  planOf({
    cohort: cohortOf(inputs),
    model: mlpModel,
    initialWeights: { method: 'seeded', seed: 5 },
    training: { ...sgd, steps, optimizer: { name: 'sgd', learningRate, momentum: '0' } },
  });
const values = ({ model }: TrainingResult): readonly number[] => model.flatMap(({ data }) => [...data]);

describe('a correction of the gradients', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });
  const job = (learningRate: string, steps: number): TrainingJob => {
    const own = plan(learningRate, steps);
    return { backend, plan: own, model: initialModel(own), data: siteRows(0, 20), site: 'a', round: 1 };
  };
  /** 1, 2, 3, ... over all parameters. */
  const corrections = (of: TrainingJob): readonly Float64Array[] => {
    let next = 0;
    return of.model.map(({ data }) => new Float64Array(data.length).map(() => (next += 1)));
  };

  it('moves each parameter by itself, beside what the loss does', async () => {
    const one = job('0.125', 1);
    const plain = values(await trainLocally(one));
    const corrected = values(await trainLocally({ ...one, correction: corrections(one) }));
    corrected.forEach((value, i) => {
      expect(value).toBeCloseTo((plain[i] ?? Number.NaN) - 0.125 * (i + 1), 5);
    });
  });

  it('is no part of the loss', async () => {
    const still = job('0.000000000001', 8);
    const { loss } = await trainLocally(still);
    const corrected = await trainLocally({ ...still, correction: corrections(still) });
    expect(corrected.loss).toBeCloseTo(loss, 6);
  });

  it('leaves no tensor behind', async () => {
    const some = job('0.1', 5);
    const before = backend.tf.memory().numTensors;
    await trainLocally({ ...some, correction: corrections(some) });
    expect(backend.tf.memory().numTensors).toBe(before);
  });
});
