// DP-SGD's step beside a loop over single rows, for every model; without noise and clipping it is ordinary training; what a step leaves behind.
import { beforeAll, describe, expect, it } from 'vitest';
import type { GradientGrid } from '@wardround/learning/dp/clipped-sum';
import type { StepChance } from '@wardround/learning/dp/step-chance';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { type PrivateTrainingJob, trainPrivately } from '@wardround/learning/tfjs/per-example-training';
import { trainLocally } from '@wardround/learning/tfjs/train';
import { differences } from '@wardround/learning/update';
import { GradientNoise } from '@wardround/privacy/noise/gradient-noise';
import { dpSgdPrivacy, noisePlan } from '../../privacy/noise/plans.ts';
import { seededBytes } from '../../privacy/noise/seeded-bytes.ts';
import { cohortOf, type LearningPlan, planOf, sgd, type SgdTraining } from '../plans.ts';
import { testBackend } from '../test-backend.ts';
import { withCode } from '../tensors.ts';
import { type Case, cases, chanceOf, gradientsOneByOne, wideGrid } from './private-job.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});

const plainStep = { optimizer: { name: 'sgd', learningRate: '1', momentum: '0' }, steps: 1, batchSize: 1 } as const;

function jobOf({ plan, data }: Case, overrides: Partial<PrivateTrainingJob> = {}): PrivateTrainingJob {
  const training = { ...sgd, ...plan.training, ...plainStep };
  return {
    backend,
    plan: { ...plan, training },
    model: initialModel(plan),
    data,
    grid: wideGrid,
    chance: chanceOf(),
    physicalBatch: 3,
    ...overrides,
  };
}

/** What one step of rate 1 took off the model, all tensors in a row. */
async function stepOf(job: PrivateTrainingJob): Promise<number[]> {
  const { model } = await trainPrivately(job);
  return differences({ base: job.model, local: model }).flatMap((delta) => Array.from(delta, (value) => -value));
}

const flat = (gradients: readonly Float64Array[]): number[] => gradients.flatMap((values) => [...values]);
const expectNear = (got: readonly number[], expected: readonly number[], within: number): void => {
  expect(got).toHaveLength(expected.length);
  const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? Number.NaN))), 0);
  expect(worst).toBeLessThan(within);
};
const allRows = ({ data }: Case): number[] => Array.from({ length: data.rows }, (_, row) => row);

describe.each(cases)('of $name', (model) => {
  let single: readonly (readonly number[])[];
  beforeAll(async () => {
    single = (await gradientsOneByOne(backend, model)).map(flat);
  });
  const normOf = (row: number): number => Math.hypot(...(single[row] ?? []));

  it('a row’s gradient is what the row alone gives', async () => {
    const fine: GradientGrid = { stepLog2: -20, clipNormSteps: 2 ** 25 };
    for (const row of allRows(model)) {
      const got = await stepOf(jobOf(model, { chance: chanceOf([row]), grid: fine }));
      expectNear(got, single[row] ?? [], 1e-5);
    }
  });

  it('the clipped sum is the loop’s, where some rows are clipped and some are not', async () => {
    const norms = allRows(model)
      .map(normOf)
      .toSorted((a, b) => a - b);
    const clip = ((norms[2] ?? 0) + (norms[3] ?? 0)) / 2;
    expect(clip).toBeGreaterThan(0);
    const stepLog2 = Math.floor(Math.log2(clip)) - 24;
    const grid = { stepLog2, clipNormSteps: Math.floor(clip / 2 ** stepLog2) };
    const expected = (single[0] ?? []).map((_, i) =>
      allRows(model).reduce((sum, row) => sum + (single[row]?.[i] ?? 0) * Math.min(1, clip / normOf(row)), 0),
    );
    const got = await stepOf(jobOf(model, { chance: chanceOf(allRows(model)), grid }));
    expectNear(got, expected, 1e-5 * Math.max(1, clip));
  });

  it('how many rows the backend holds at a time changes nothing', async () => {
    const rows = allRows(model).slice(1);
    const [one, some, more] = await Promise.all(
      [1, 5, 64].map((physicalBatch) => stepOf(jobOf(model, { chance: chanceOf(rows), physicalBatch }))),
    );
    expectNear(some ?? [], one ?? [], 1e-5);
    expectNear(more ?? [], one ?? [], 1e-5);
  });

  it('without clipping and noise it trains as training does', async () => {
    const training: SgdTraining = {
      ...sgd,
      ...(model.plan.training.method === 'gradientDescent' ? model.plan.training : {}),
      steps: 3,
      batchSize: 4,
    };
    const plan = { ...model.plan, training };
    const batches = [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [2, 5, 7, 0],
    ];
    const base = initialModel(plan);
    const plain = await trainLocally({
      backend,
      plan,
      model: base,
      data: model.data,
      site: 'va',
      round: 1,
      batches: batches.map((batch) => Uint32Array.from(batch)),
    });
    const grid: GradientGrid = { stepLog2: -20, clipNormSteps: 2 ** 25 };
    const quiet = await trainPrivately(jobOf(model, { plan, model: base, grid, chance: chanceOf(...batches) }));
    expectNear(flat(differences({ base, local: quiet.model })), flat(differences({ base, local: plain.model })), 1e-5);
  });

  it('leaves nothing on the backend', async () => {
    const job = (): PrivateTrainingJob => jobOf(model, { chance: chanceOf(allRows(model)) });
    await trainPrivately(job());
    const before = backend.tf.memory().numTensors;
    await trainPrivately(job());
    expect(backend.tf.memory().numTensors).toBe(before);
  });
});

const [logistic, , , tanh] = cases;
if (logistic === undefined || tanh === undefined) throw new Error('cases');

describe('penalties and optimisers', () => {
  const batches = [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9, 10, 11],
  ];
  const momentum = { name: 'sgd', learningRate: '0.1', momentum: '0.9' } as const;
  const adam = { name: 'adam', learningRate: '0.01', beta1: '0.9', beta2: '0.999', epsilon: '0.00000001' } as const;
  const mlp: LearningPlan['model'] = { kind: 'mlp', hidden: [7, 4], activation: 'tanh', l2: '0.3' };
  const correction = initialModel(tanh.plan).map(({ data }, i) =>
    Float64Array.from({ length: data.length }, (_, j) => Math.sin(i + j) / 4),
  );

  it.each<readonly [string, Partial<Case['plan']>, Partial<PrivateTrainingJob>]>([
    ['weight decay', { model: mlp }, {}],
    ['FedProx', { strategy: { name: 'fedProx', mu: '0.7' } }, {}],
    ['momentum', { training: { ...sgd, optimizer: momentum, steps: 3, batchSize: 4 } }, {}],
    ['Adam and weight decay', { model: mlp, training: { ...sgd, optimizer: adam, steps: 3, batchSize: 4 } }, {}],
    ['SCAFFOLD’s correction', {}, { correction }],
  ])('of %s come as in ordinary training', async (_, change, extra) => {
    const plan = { ...tanh.plan, training: { ...sgd, steps: 3, batchSize: 4 }, ...change };
    const model = initialModel(plan);
    const shared = { backend, plan, model, data: tanh.data, ...extra };
    const plain = await trainLocally({
      ...shared,
      site: 'va',
      round: 1,
      batches: batches.map((batch) => Uint32Array.from(batch)),
    });
    const grid: GradientGrid = { stepLog2: -20, clipNormSteps: 2 ** 25 };
    const quiet = await trainPrivately({ ...jobOf(tanh), ...shared, grid, chance: chanceOf(...batches) });
    // Adam divides by the root of tiny squares.
    expectNear(
      flat(differences({ base: model, local: quiet.model })),
      flat(differences({ base: model, local: plain.model })),
      1e-4,
    );
  });
});

describe('a step', () => {
  const known = (values: number): StepChance => ({
    sampledRows: () => new Uint32Array(0),
    noised: (sums) => sums.map((part) => part.map((value) => value + values)),
  });

  it('that drew nobody moves by its noise alone', async () => {
    const got = await stepOf(
      jobOf(logistic, { chance: known(2 ** 10), grid: { stepLog2: -12, clipNormSteps: 2 ** 20 } }),
    );
    expectNear(
      got,
      Array.from({ length: 6 }, () => 0.25),
      1e-6,
    );
  });

  it('divides by the plan’s batch size, whoever was drawn', async () => {
    const grid: GradientGrid = { stepLog2: -20, clipNormSteps: 2 ** 25 };
    const training = { ...sgd, ...plainStep, batchSize: 8 };
    const of = (rows: number[]): Promise<number[]> =>
      stepOf(jobOf(logistic, { plan: { ...logistic.plan, training }, grid, chance: chanceOf(rows) }));
    const [both, first, second] = await Promise.all([of([0, 1]), of([0]), of([1])]);
    expectNear(
      both,
      first.map((value, i) => value + (second[i] ?? 0)),
      1e-6,
    );
  });

  it('takes noise for every coordinate, as wide as multiplier · clip norm / batch size', async () => {
    const privacy = {
      ...dpSgdPrivacy,
      noise: [{ mechanism: 'update' as const, noiseMultiplier: '2', samplingRate: '0.5' }],
    };
    const noise = new GradientNoise(noisePlan(privacy), seededBytes('sgd step'));
    const nobody: StepChance = { sampledRows: () => new Uint32Array(0), noised: (sums) => noise.noised(sums) };
    const plan = planOf({
      cohort: cohortOf(Array.from({ length: 4000 }, (_, i) => `f${i}`)),
      training: { ...sgd, ...plainStep, batchSize: 4 },
    });
    const data = { rows: 1, features: new Float32Array(4000), labels: new Float32Array(1) };
    const got = await stepOf(
      jobOf(
        { name: '', plan, data },
        { grid: noise.grid, chance: nobody, plan: { ...plan, training: { ...sgd, ...plainStep, batchSize: 4 } } },
      ),
    );
    // 2 · 0.5 / 4
    const variance = got.reduce((sum, value) => sum + value * value, 0) / got.length;
    expect(Math.abs(variance / 0.0625 - 1)).toBeLessThan(4 * Math.sqrt(2 / got.length));
  });

  it('never moves the model by more than its bound, noise aside', async () => {
    const huge = { ...logistic.data, features: Float64Array.from(logistic.data.features, (value) => value * 1e5) };
    const grid: GradientGrid = { stepLog2: -24, clipNormSteps: 2 ** 24 };
    for (const row of allRows(logistic)) {
      const got = await stepOf(jobOf({ ...logistic, data: huge }, { chance: chanceOf([row]), grid }));
      expect(Math.hypot(...got)).toBeLessThan(1 + 1e-6);
    }
  });

  it('learns with noise of its own', async () => {
    const noise = new GradientNoise(
      noisePlan({
        ...dpSgdPrivacy,
        clipNorm: '1',
        noise: [{ mechanism: 'update', noiseMultiplier: '0.7', samplingRate: '0.25' }],
      }),
      seededBytes('learns'),
    );
    const rows = 400;
    const features = Float64Array.from({ length: rows * 5 }, (_, i) => Math.sin(i * 1.7) * 2);
    const labels = Float64Array.from({ length: rows }, (_, row) =>
      (features[row * 5] ?? 0) > (features[row * 5 + 1] ?? 0) ? 1 : 0,
    );
    const plan = {
      ...logistic.plan,
      initialWeights: { method: 'zeros' as const },
      training: {
        ...sgd,
        optimizer: { name: 'sgd' as const, learningRate: '0.5', momentum: '0' },
        steps: 60,
        batchSize: 100,
      },
    };
    const { model, withoutGradient } = await trainPrivately(
      jobOf(logistic, {
        plan,
        model: initialModel(plan),
        data: { rows, features, labels },
        grid: noise.grid,
        chance: noise,
        physicalBatch: 32,
      }),
    );
    const weights = Array.from(model[0]?.data ?? []);
    const right = labels.filter(
      (label, row) =>
        (weights.reduce((sum, weight, i) => sum + weight * (features[row * 5 + i] ?? 0), 0) > 0 ? 1 : 0) === label,
    );
    expect(right.length / rows).toBeGreaterThan(0.85);
    expect(withoutGradient).toBe(0);
  });
});

describe('refused', () => {
  const cox = {
    ...logistic.plan,
    cohort: cohortOf(['a'], 'survival'),
    model: { kind: 'coxProportionalHazards' as const, ties: 'efron' as const, stratify: 'bySite' as const, l2: '0' },
  };
  const survival = {
    rows: 2,
    features: Float64Array.of(1, 2),
    labels: Float64Array.of(3, 4),
    events: Float64Array.of(1, 0),
  };

  it.each<readonly [string, () => Partial<PrivateTrainingJob>, string]>([
    [
      'a partial likelihood',
      () => ({
        plan: { ...cox, training: { ...sgd, ...plainStep } },
        model: initialModel(cox),
        data: survival,
        chance: chanceOf([0, 1]),
      }),
      'training-unsupported',
    ],
    [
      'class weights that patients changed',
      () => ({ plan: { ...logistic.plan, training: { ...sgd, classWeights: { method: 'federated' } } } }),
      'training-unsupported',
    ],
    [
      'Newton’s method',
      () => ({ plan: { ...logistic.plan, training: { method: 'newton', tolerance: '0.1' } } }),
      'training-unsupported',
    ],
    ['groups of nobody', () => ({ physicalBatch: 0 }), 'gradient-group'],
    ['half a row', () => ({ physicalBatch: 1.5 }), 'gradient-group'],
    [
      'data of another width',
      () => ({ data: { ...logistic.data, features: logistic.data.features.subarray(1) } }),
      'training-data',
    ],
    ['a row that is not there', () => ({ chance: chanceOf([0, 12]) }), 'batch-order'],
  ])('are %s', async (_, change, code) => {
    await expect(trainPrivately(jobOf(logistic, change()))).rejects.toThrow(withCode(code));
  });
});
