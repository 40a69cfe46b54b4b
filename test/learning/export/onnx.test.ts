// ONNX files: somebody else's runtime gives the answers that our model gives, for any number of rows, and reads what the file says of itself.
import { beforeAll, describe, expect, it } from 'vitest';
import type { ExportJob } from '@wardround/learning/export/export-job';
import { onnxFiles } from '@wardround/learning/export/onnx/files';
import { ModelProto } from '@wardround/learning/export/onnx/schema';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { predictTrees } from '@wardround/learning/trees/predict';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import { type LearningPlan, cohortOf, mlpModel, planOf } from '../plans.ts';
import { f32, withCode } from '../tensors.ts';
import { runOnnx } from './onnx-session.ts';
import { testBackend } from '../test-backend.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});

const seeded = { initialWeights: { method: 'seeded', seed: 9 } } as const;
const number = cohortOf(['a', 'b', 'c'], 'number');

function imagePlan(image: { height: number; width: number; channels: number }, kernel: number): LearningPlan {
  const feature = { type: 'image', name: 'scan', ...image, missing: 'refuse' } as const;
  return planOf({
    ...seeded,
    cohort: { ...cohortOf(['a']), features: [feature] },
    model: { kind: 'cnn', image, filters: [3, 4], kernel, hidden: [5], activation: 'relu', l2: '0' },
  });
}

const plans: readonly (readonly [string, LearningPlan])[] = [
  ['logistic regression', planOf(seeded)],
  ['linear regression', planOf({ ...seeded, cohort: number, model: { kind: 'linearRegression', l2: '0' } })],
  ['an MLP of tanh', planOf({ ...seeded, model: mlpModel })],
  ['an MLP of relu', planOf({ ...seeded, model: { ...mlpModel, activation: 'relu' } })],
  ['an MLP of sigmoid', planOf({ ...seeded, cohort: number, model: { ...mlpModel, activation: 'sigmoid' } })],
  ['a CNN of squares', imagePlan({ height: 8, width: 8, channels: 1 }, 3)],
  ['a CNN of odd sides, an even kernel and two channels', imagePlan({ height: 11, width: 9, channels: 2 }, 4)],
  ['a CNN of a kernel of one', imagePlan({ height: 9, width: 8, channels: 3 }, 1)],
];

/** The plan's initial weights, and biases that are not 0. */
function jobOf(plan: LearningPlan): ExportJob {
  const model = initialModel(plan).map(withBias);
  return {
    plan,
    model,
    origin: { study: '1'.repeat(64), model: '2'.repeat(64), receipt: '3'.repeat(64) },
    scaling: null,
  };
}

function withBias({ name, shape, data }: Tensor): Tensor {
  const values = Array.from(data, Number);
  return f32(name, name.endsWith('bias') ? values.map((_, i) => 0.1 * (i + 1)) : values, shape);
}

function fileOf(job: ExportJob): Uint8Array {
  return onnxFiles(job).get('model.onnx') ?? new Uint8Array();
}

describe.each(plans)('%s', (_, plan) => {
  const job = jobOf(plan);
  const columns = inputCount(plan.cohort);

  it.each([1, 2, 300])('answers %i rows as tfjs does', async (rows) => {
    const features = Float64Array.from({ length: rows * columns }, (_value, i) => Math.sin(i * 1.7) * 2);
    const { answers, dims, inputs } = await runOnnx(fileOf(job), features, columns);
    const expected = predict({ backend, plan, model: job.model, features });
    expect(dims).toEqual([rows]);
    expect(inputs).toEqual(['inputs']);
    const worst = answers.reduce(
      (most, answer, i) => Math.max(most, Math.abs(answer - (expected[i] ?? Number.NaN))),
      0,
    );
    expect(worst).toBeLessThan(1e-6);
    if (rows > 2) expect(new Set([...answers].map((answer) => answer.toFixed(4))).size).toBeGreaterThan(10);
  });

  it('answers no rows with no answers', async () => {
    const { answers, dims } = await runOnnx(fileOf(job), [], columns);
    expect(dims).toEqual([0]);
    expect(answers).toHaveLength(0);
  });

  it('has the same bytes twice', () => {
    expect(fileOf(job)).toEqual(fileOf(jobOf(plan)));
  });
});

it('answers a batch of 20,000 rows', async () => {
  const job = jobOf(planOf({ ...seeded, model: mlpModel }));
  const features = Float64Array.from({ length: 60_000 }, (_, i) => Math.cos(i));
  const { answers } = await runOnnx(fileOf(job), features, 3);
  const expected = predict({ backend, plan: job.plan, model: job.model, features });
  expect(answers).toHaveLength(20_000);
  expect(answers.every((answer, i) => Math.abs(answer - (expected[i] ?? Number.NaN)) < 1e-6)).toBe(true);
});

describe('Cox’s model', () => {
  const plan = planOf({
    cohort: cohortOf(['a', 'b', 'c'], 'survival'),
    model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' },
  });
  const beta = [0.5, -1.25, 0.125];
  const model = [f32('weight', beta, [3, 1]), f32('bias', [0])];

  it.each([0, 1, 50])('answers the hazard of %i rows relative to a row of zeros', async (rows) => {
    const features = Array.from({ length: rows * 3 }, (_, i) => Math.fround(Math.sin(i * 1.7)));
    const { answers, dims, outputs } = await runOnnx(fileOf({ plan, model, origin: null, scaling: null }), features, 3);
    expect(outputs).toEqual(['relativeHazard']);
    expect(dims).toEqual([rows]);
    answers.forEach((answer, row) => {
      const risk = beta.reduce((sum, coefficient, i) => sum + coefficient * (features[3 * row + i] ?? 0), 0);
      expect(Math.abs(answer / Math.exp(risk) - 1)).toBeLessThan(1e-6);
    });
  });
});

describe('boosted trees', () => {
  const trees = { kind: 'gradientBoostedTrees', trees: 40, depth: 4, bins: 16, learningRate: '0.1', l2: '1' } as const;
  const inner = 2 ** trees.depth - 1;
  /** Some nodes ask nothing; the last tree has not grown. */
  const model = [
    f32(
      'trees.feature',
      many((trees.trees - 1) * inner, (i) => ((i * 7) % 4) - 1, inner),
      [trees.trees, inner],
    ),
    f32(
      'trees.threshold',
      many((trees.trees - 1) * inner, (i) => Math.sin(i), inner),
      [trees.trees, inner],
    ),
    f32(
      'trees.leaf',
      many((trees.trees - 1) * (inner + 1), (i) => Math.cos(i) / 10, inner + 1),
      [trees.trees, inner + 1],
    ),
    f32('trees.base', [-0.3]),
  ];

  /** As many as `of` says, then `zeros` zeros. */
  function many(length: number, of: (i: number) => number, zeros: number): number[] {
    return [...Array.from({ length }, (_, i) => of(i)), ...Array.from({ length: zeros }, () => 0)];
  }

  it.each(['binary', 'number'] as const)('answer as our own walk does: %s', async (label) => {
    const plan = planOf({ cohort: cohortOf(['a', 'b', 'c'], label), model: trees });
    const thresholds = Array.from(model[1]?.data ?? [], Number);
    const features = Float64Array.from({ length: 900 }, (_, i) =>
      i % 5 === 0 ? (thresholds[i % thresholds.length] ?? 0) : Math.sin(i * 1.3) * 1.2,
    );
    const { answers } = await runOnnx(fileOf({ plan, model, origin: null, scaling: null }), features, 3);
    const expected = predictTrees({ plan, model, features });
    expect(answers).toHaveLength(300);
    const worst = answers.reduce(
      (most, answer, i) => Math.max(most, Math.abs(answer - (expected[i] ?? Number.NaN))),
      0,
    );
    expect(worst).toBeLessThan(1e-6);
    expect(new Set([...answers].map((answer) => answer.toFixed(3))).size).toBeGreaterThan(20);
  });

  it('answer no rows with no answers, and the base where no tree has grown', async () => {
    const plan = planOf({ cohort: cohortOf(['a', 'b', 'c'], 'number'), model: trees });
    expect((await runOnnx(fileOf({ plan, model, origin: null, scaling: null }), [], 3)).dims).toEqual([0]);
    const bare = model.map(({ name, shape, data }) =>
      f32(
        name,
        name === 'trees.base' ? [-0.3] : Array.from({ length: data.length }, () => (name === 'trees.feature' ? -1 : 0)),
        shape,
      ),
    );
    const { answers } = await runOnnx(fileOf({ plan, model: bare, origin: null, scaling: null }), [1, 2, 3], 3);
    expect([...answers]).toEqual([Math.fround(-0.3)]);
  });
});

describe('standardisation by federated statistics', () => {
  const cohort = { ...cohortOf(['a', 'b', 'c']), standardise: 'federated' } as const;
  const scaling = { mean: Float64Array.of(50_000.5, 0, -3), scale: Float64Array.of(0.25, 1, 12.000000001) };
  const scaled = (job: ExportJob): ExportJob => ({ ...job, plan: { ...job.plan, cohort }, scaling });

  it.each([
    ['logistic regression', planOf(seeded)],
    ['an MLP', planOf({ ...seeded, model: mlpModel })],
  ])('is part of the graph: %s takes rows as they are', async (_, plan) => {
    const job = jobOf(plan);
    const rows = Float32Array.from({ length: 60 }, (_value, i) => (scaling.mean[i % 3] ?? 0) + Math.sin(i));
    const features = Float64Array.from(
      rows,
      (value, i) => (value - (scaling.mean[i % 3] ?? 0)) / (scaling.scale[i % 3] ?? 1),
    );
    const { answers } = await runOnnx(fileOf(scaled(job)), rows, 3);
    const expected = predict({ backend, plan, model: job.model, features });
    expect(answers.every((answer, i) => Math.abs(answer - (expected[i] ?? Number.NaN)) < 1e-6)).toBe(true);
    expect((await runOnnx(fileOf(scaled(job)), [], 3)).dims).toEqual([0]);
  });

  it('is named in the file: rows as in the contract with it, standardised ones without', () => {
    const says = (job: ExportJob): string => Buffer.from(fileOf(job)).toString('utf8');
    const job = scaled(jobOf(planOf(seeded)));
    expect(says(job)).toContain('asInTheContract');
    expect(says({ ...job, scaling: null })).not.toContain('asInTheContract');
  });

  it.each([
    ['of another number of columns', { ...scaling, mean: Float64Array.of(0, 0) }],
    ['that divides by 0', { ...scaling, scale: Float64Array.of(1, 0, 1) }],
    ['that is not finite', { ...scaling, mean: Float64Array.of(0, Number.NaN, 0) }],
  ])('is refused %s', (_, given) => {
    const job = { ...scaled(jobOf(planOf(seeded))), scaling: given };
    expect(() => onnxFiles(job)).toThrow(withCode('export-scaling'));
  });

  it('is refused where the plan does not ask for it', () => {
    expect(() => onnxFiles({ ...jobOf(planOf(seeded)), scaling })).toThrow(withCode('export-scaling'));
  });
});

describe('standardisation of each picture by itself', () => {
  const image = { height: 11, width: 9, channels: 2 };
  const raw = imagePlan(image, 3);
  const plan = { ...raw, cohort: { ...raw.cohort, source: 'images', standardise: 'perImage' } } as const;
  const job = jobOf(plan);
  const columns = inputCount(plan.cohort);
  /** Pictures of noise, each darker than the one before; the last two of one grey, which is black and is not. */
  const pictures = Uint8Array.from({ length: 12 * columns }, (_value, i) => {
    const row = Math.floor(i / columns);
    if (row >= 10) return row === 10 ? 0 : 77;
    return 128 + (100 - 10 * row) * Math.sin(i * i);
  });

  it('is part of the graph: it takes pixels as they are, 0 to 1, and 0 to 255 too', async () => {
    const expected = predict({ backend, plan, model: job.model, features: pictures });
    for (const unit of [255, 1]) {
      const { answers } = await runOnnx(
        fileOf(job),
        Array.from(pictures, (byte) => byte / unit),
        columns,
      );
      expect(answers).toHaveLength(12);
      answers.forEach((answer, i) => expect(Math.abs(answer - (expected[i] ?? Number.NaN))).toBeLessThan(1e-6));
    }
    expect(new Set([...expected].map((answer) => answer.toFixed(4))).size).toBeGreaterThan(5);
    expect(expected[10]).toBe(expected[11]);
    const unscaled = predict({ backend, plan: raw, model: job.model, features: pictures });
    expect(Math.abs((unscaled[0] ?? 0) - (expected[0] ?? 0))).toBeGreaterThan(1e-3);
  });

  it('answers no rows with no answers', async () => {
    expect((await runOnnx(fileOf(job), [], columns)).dims).toEqual([0]);
  });

  it('is named in the file, whose rows are as in the contract', () => {
    const read: unknown = ModelProto.toObject(ModelProto.decode(fileOf(job)));
    expect(read).toMatchObject({
      metadataProps: expect.arrayContaining([
        { key: 'inputsAre', value: 'asInTheContract' },
        { key: 'standardise', value: 'perImage' },
      ]),
      graph: { input: [{ docString: expect.stringContaining('pixels, each 0 to 1') }] },
    });
  });
});

describe('what the file says of itself', () => {
  it('names its version, its columns, its output and the records that it comes from', () => {
    const read: unknown = ModelProto.toObject(ModelProto.decode(fileOf(jobOf(planOf(seeded)))), { longs: Number });
    expect(read).toMatchObject({
      irVersion: 8,
      producerName: 'wardround',
      opsetImport: [{ version: 17 }],
      metadataProps: expect.arrayContaining([
        { key: 'producer', value: 'wardround' },
        { key: 'inputs', value: '["a","b","c"]' },
        { key: 'standardise', value: 'none' },
        { key: 'output', value: 'probability' },
        { key: 'study', value: '1'.repeat(64) },
        { key: 'modelDigest', value: '2'.repeat(64) },
        { key: 'receipt', value: '3'.repeat(64) },
      ]),
      graph: { input: [{ name: 'inputs' }], output: [{ name: 'probability' }] },
    });
  });

  it('says which hospital’s mean and deviation a row is standardised with', () => {
    const cohort = { ...cohortOf(['a', 'b', 'c']), standardise: 'perSite' } as const;
    const read: unknown = ModelProto.toObject(ModelProto.decode(fileOf(jobOf(planOf({ ...seeded, cohort })))));
    expect(read).toMatchObject({
      graph: { input: [{ docString: expect.stringContaining('of the hospital that the row comes from') }] },
    });
  });

  it('names no records where no federation trained it', () => {
    const text = Buffer.from(fileOf({ ...jobOf(planOf(seeded)), origin: null, scaling: null })).toString('latin1');
    expect(text).not.toContain('receipt');
  });
});
