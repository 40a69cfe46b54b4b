// Local training against gradients worked out by hand, its determinism, its memory, and what it refuses.
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '@wardround/learning/checkpoint';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { type TrainingJob, type TrainingRows, trainLocally } from '@wardround/learning/tfjs/train';
import type { Tensor } from '@wardround/protocol/safetensors';
import { cohortOf, mlpModel, planOf, sgd, unsupportedModels } from '../plans.ts';
import { f32, withCode } from '../tensors.ts';
import { testBackend } from '../test-backend.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});

const data: TrainingRows = {
  rows: 4,
  features: Float64Array.of(1, 2, -1, 0.5, -1, 2, 0, 1, 1, -2, 0.25, 0.75),
  labels: Float64Array.of(1, 0, 1, 0),
};
const start = [f32('weight', [0.5, -0.25, 1], [3, 1]), f32('bias', [0.125])];
const oneStep = { ...sgd, steps: 1, batchSize: 4 };
const all = [Uint32Array.of(0, 1, 2, 3)];
const job = (overrides: Partial<TrainingJob> = {}): TrainingJob => ({
  backend,
  plan: planOf({ training: oneStep }),
  model: start,
  data,
  site: 'va',
  round: 1,
  batches: all,
  ...overrides,
});
const numbersOf = (model: readonly Tensor[]): number[] => model.flatMap((tensor) => Array.from(tensor.data, Number));

/** One gradient step by hand, for a linear model: `slope` is dLoss/dOutput of a row. */
function byHand(slope: (output: number, label: number) => number, rate = 0.1): number[] {
  const gradient = [0, 0, 0, 0];
  for (let row = 0; row < data.rows; row += 1) {
    const x = [...Array.from(data.features.slice(row * 3, row * 3 + 3)), 1];
    const weights = numbersOf(start);
    const output = x.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0);
    x.forEach((value, i) => {
      gradient[i] = (gradient[i] ?? 0) + (slope(output, data.labels[row] ?? 0) * value) / data.rows;
    });
  }
  return numbersOf(start).map((weight, i) => weight - rate * (gradient[i] ?? 0));
}
const logistic = (output: number, label: number): number => 1 / (1 + Math.exp(-output)) - label;
const expectNear = (model: readonly Tensor[], expected: readonly number[]): void => {
  numbersOf(model).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 6));
  expect(numbersOf(model)).toHaveLength(expected.length);
};

describe('one step by hand', () => {
  it('of logistic regression, and the loss before it', async () => {
    const { model, loss } = await trainLocally(job());
    expectNear(model, byHand(logistic));
    const losses = [0, 1, 2, 3].map((row) => {
      const x = data.features.subarray(row * 3, row * 3 + 3);
      const output = 0.5 * (x[0] ?? 0) - 0.25 * (x[1] ?? 0) + (x[2] ?? 0) + 0.125;
      return Math.log(1 + Math.exp(output)) - (data.labels[row] ?? 0) * output;
    });
    expect(loss).toBeCloseTo(losses.reduce((sum, value) => sum + value, 0) / 4, 6);
  });

  it('of linear regression', async () => {
    const plan = planOf({
      training: oneStep,
      cohort: cohortOf(['a', 'b', 'c'], 'number'),
      model: { kind: 'linearRegression', l2: '0' },
    });
    expectNear(
      (await trainLocally(job({ plan }))).model,
      byHand((output, label) => 2 * (output - label)),
    );
  });

  it('with weight decay, which leaves the bias alone', async () => {
    const plan = planOf({ training: oneStep, model: { kind: 'logisticRegression', l2: '0.5' } });
    const expected = byHand(logistic).map((value, i) =>
      i < 3 ? value - 0.1 * 0.5 * (numbersOf(start)[i] ?? 0) : value,
    );
    expectNear((await trainLocally(job({ plan }))).model, expected);
  });

  it('with class weights', async () => {
    const classWeights = { method: 'fixed', negative: '0.5', positive: '3' } as const;
    const plan = planOf({ training: { ...oneStep, classWeights } });
    const expected = byHand((output, label) => (label === 1 ? 3 : 0.5) * logistic(output, label));
    expectNear((await trainLocally(job({ plan }))).model, expected);
  });

  it('of Adam: every parameter moves by its learning rate', async () => {
    const optimizer = {
      name: 'adam',
      learningRate: '0.01',
      beta1: '0.9',
      beta2: '0.999',
      epsilon: '0.00000001',
    } as const;
    const plan = planOf({ training: { ...oneStep, optimizer } });
    const expected = byHand(logistic, 1).map((value, i) => {
      const from = numbersOf(start)[i] ?? 0;
      return from + 0.01 * Math.sign(value - from);
    });
    const { model } = await trainLocally(job({ plan }));
    numbersOf(model).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5));
  });

  it('of an MLP: against differences of its loss', async () => {
    const plan = planOf({
      training: { ...oneStep, optimizer: { name: 'sgd', learningRate: '1', momentum: '0' } },
      model: { ...mlpModel, hidden: [2] },
    });
    const model = initialModel({ ...plan, initialWeights: { method: 'seeded', seed: 5 } });
    const stepped = numbersOf((await trainLocally(job({ plan, model }))).model);
    const lossAt = async (index: number, change: number): Promise<number> => {
      let at = 0;
      const moved = model.map((tensor): Tensor => {
        const values = Array.from(tensor.data, Number).map((value) => value + (at++ === index ? change : 0));
        return f32(tensor.name, values, tensor.shape);
      });
      return (await trainLocally(job({ plan, model: moved }))).loss;
    };
    for (const [i, from] of numbersOf(model).entries()) {
      const slope = ((await lossAt(i, 0.01)) - (await lossAt(i, -0.01))) / 0.02;
      expect(from - (stepped[i] ?? Number.NaN), `parameter ${i}`).toBeCloseTo(slope, 3);
    }
  });

  it.each(['relu', 'tanh', 'sigmoid'] as const)('of an MLP with %s lowers the loss', async (activation) => {
    const plan = planOf({ training: { ...oneStep, steps: 50 }, model: { ...mlpModel, activation } });
    const model = initialModel({ ...plan, initialWeights: { method: 'seeded', seed: 1 } });
    const batches = Array.from({ length: 50 }, () => Uint32Array.of(0, 1, 2, 3));
    const first = (await trainLocally(job({ plan: { ...plan, training: oneStep }, model }))).loss;
    const { model: trained } = await trainLocally(job({ plan, model, batches }));
    expect((await trainLocally(job({ plan: { ...plan, training: oneStep }, model: trained }))).loss).toBeLessThan(
      first,
    );
  });
});

describe('two steps by hand', () => {
  const twice = [Uint32Array.of(0, 1, 2, 3), Uint32Array.of(0, 1, 2, 3)];

  it('with momentum: the second adds β of the first', async () => {
    const two = (momentum: string): TrainingJob['plan'] =>
      planOf({ training: { ...oneStep, steps: 2, optimizer: { name: 'sgd', learningRate: '0.1', momentum } } });
    const plain = numbersOf((await trainLocally(job({ plan: two('0'), batches: twice }))).model);
    const heavy = numbersOf((await trainLocally(job({ plan: two('0.5'), batches: twice }))).model);
    const first = byHand(logistic);
    heavy.forEach((value, i) => {
      const firstMove = (first[i] ?? 0) - (numbersOf(start)[i] ?? 0);
      expect(value).toBeCloseTo((plain[i] ?? 0) + 0.5 * firstMove, 6);
    });
  });

  it('with FedProx: the second is pulled back by ημ of the first', async () => {
    const two = (strategy: TrainingJob['plan']['strategy']): TrainingJob['plan'] =>
      planOf({ training: { ...oneStep, steps: 2 }, strategy });
    const free = numbersOf((await trainLocally(job({ plan: two({ name: 'fedAvg' }), batches: twice }))).model);
    const held = numbersOf(
      (await trainLocally(job({ plan: two({ name: 'fedProx', mu: '0.5' }), batches: twice }))).model,
    );
    const unheld = numbersOf(
      (await trainLocally(job({ plan: two({ name: 'fedProx', mu: '0' }), batches: twice }))).model,
    );
    const first = byHand(logistic);
    held.forEach((value, i) => {
      const firstMove = (first[i] ?? 0) - (numbersOf(start)[i] ?? 0);
      expect(value).toBeCloseTo((free[i] ?? 0) - 0.1 * 0.5 * firstMove, 6);
    });
    expect(unheld).toEqual(free);
  });
});

describe('a round of the plan’s own batches', () => {
  const plan = planOf({ training: { ...sgd, batchSize: 3, steps: 20 } });
  const own = (overrides: Partial<TrainingJob> = {}): TrainingJob => {
    const { batches: _, ...rest } = job({ plan, ...overrides });
    return rest;
  };

  it('is the same twice, to the byte, and another for another site or round', async () => {
    const bytes = async (overrides: Partial<TrainingJob> = {}): Promise<Uint8Array> =>
      encodeCheckpoint({ round: 1, model: (await trainLocally(own(overrides))).model, state: [] });
    const once = await bytes();
    expect(await bytes()).toEqual(once);
    expect(await bytes({ site: 'cleveland' })).not.toEqual(once);
    expect(await bytes({ round: 2 })).not.toEqual(once);
  });

  it.each([
    ['SGD', sgd.optimizer],
    ['momentum', { name: 'sgd', learningRate: '0.1', momentum: '0.9' }],
    ['Adam', { name: 'adam', learningRate: '0.1', beta1: '0.9', beta2: '0.999', epsilon: '0.0000001' }],
  ] as const)('leaves no tensor behind: %s', async (_, optimizer) => {
    const strategy = { name: 'fedProx', mu: '0.1' } as const;
    const heavy = planOf({ training: { ...sgd, optimizer, steps: 70 }, model: { ...mlpModel, l2: '0.1' }, strategy });
    const model = initialModel(heavy);
    const before = backend.tf.memory();
    await trainLocally(own({ plan: heavy, model }));
    await expect(trainLocally(job({ plan: heavy, model, batches: [Uint32Array.of(4)] }))).rejects.toThrow();
    expect(backend.tf.memory()).toMatchObject({ numTensors: before.numTensors, numBytes: before.numBytes });
  });

  it('does not touch the caller’s model or data', async () => {
    const features = Float64Array.from(data.features);
    await trainLocally(own());
    expect(start).toEqual([f32('weight', [0.5, -0.25, 1], [3, 1]), f32('bias', [0.125])]);
    expect(data.features).toEqual(features);
  });

  it('lets the process breathe', async () => {
    let ticks = 0;
    const ticker = setInterval(() => (ticks += 1), 0);
    await trainLocally(own({ plan: planOf({ training: { ...sgd, steps: 200 } }) }));
    clearInterval(ticker);
    expect(ticks).toBeGreaterThan(0);
  });
});

describe('what it refuses', () => {
  const bad: readonly (readonly [string, () => Partial<TrainingJob>, string])[] = [
    [
      'Newton’s method',
      () => ({ plan: planOf({ training: { method: 'newton', tolerance: '0.1' } }) }),
      'training-unsupported',
    ],
    [
      'federated class weights',
      () => ({ plan: planOf({ training: { ...oneStep, classWeights: { method: 'federated' } } }) }),
      'training-unsupported',
    ],
    ['another model’s tensors', () => ({ model: initialModel(planOf({ model: mlpModel })) }), 'tensors-mismatch'],
    [
      'a model with NaN',
      () => ({ model: [f32('weight', [Number.NaN, 0, 0], [3, 1]), f32('bias', [0])] }),
      'tensors-not-finite',
    ],
    ['features that do not fit', () => ({ data: { ...data, features: data.features.subarray(1) } }), 'training-data'],
    ['labels that do not fit', () => ({ data: { ...data, labels: data.labels.subarray(1) } }), 'training-data'],
    [
      'no rows',
      () => ({ data: { rows: 0, features: new Float64Array(0), labels: new Float64Array(0) } }),
      'training-data',
    ],
    ['a row beyond the last', () => ({ batches: [Uint32Array.of(0, 4)] }), 'batch-order'],
    ['an empty batch', () => ({ batches: [new Uint32Array(0)] }), 'batch-order'],
    ['too few batches', () => ({ batches: [] }), 'batch-plan'],
    ['too many batches', () => ({ batches: [...all, ...all] }), 'batch-plan'],
    ...unsupportedModels.map(
      (model) => [model.kind, () => ({ plan: planOf({ training: oneStep, model }) }), 'model-unsupported'] as const,
    ),
  ];
  it.each(bad)('%s', async (_, overrides, code) => {
    await expect(trainLocally(job(overrides()))).rejects.toThrow(withCode(code));
  });
});
