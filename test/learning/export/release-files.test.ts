// Released files: what other programs read gives the answers that our model gives.
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { modelDigest } from '@wardround/learning/checkpoint';
import { type ReleaseFormat, requireSupportedFormats } from '@wardround/learning/export/formats';
import { type ReleaseFiles, releaseFiles } from '@wardround/learning/export/release-files';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { inputCount, inputNames } from '@wardround/protocol/input-columns';
import { decodeSafetensors } from '@wardround/protocol/safetensors';
import { type LearningPlan, cohortOf, mlpModel, planOf } from '../plans.ts';
import { f32, withCode } from '../tensors.ts';
import { testBackend } from '../test-backend.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});
const rows = 10;
const image = { height: 9, width: 8, channels: 2 } as const;
const formats: readonly ReleaseFormat[] = ['safetensors', 'tfjs', 'onnx'];
const origin = { study: '1'.repeat(64), model: '2'.repeat(64), receipt: '3'.repeat(64) };
const seeded = { initialWeights: { method: 'seeded', seed: 9 } } as const;
const number = cohortOf(['a', 'b', 'c'], 'number');
const plans: readonly (readonly [string, LearningPlan])[] = [
  ['logistic regression', planOf(seeded)],
  ['linear regression', planOf({ ...seeded, cohort: number, model: { kind: 'linearRegression', l2: '0' } })],
  ['an MLP of tanh', planOf({ ...seeded, model: mlpModel })],
  ['an MLP of relu', planOf({ ...seeded, model: { ...mlpModel, activation: 'relu' } })],
  [
    'a CNN',
    planOf({
      ...seeded,
      cohort: { ...cohortOf(['a']), features: [{ type: 'image', name: 'scan', ...image, missing: 'refuse' }] },
      model: { kind: 'cnn', image, filters: [3, 4], kernel: 4, hidden: [5], activation: 'relu', l2: '0' },
    }),
  ],
  [
    'an MLP of sigmoid for a number',
    planOf({ ...seeded, cohort: number, model: { ...mlpModel, activation: 'sigmoid' } }),
  ],
];

const jsonSchema = z.object({
  format: z.literal('layers-model'),
  modelTopology: z.looseObject({ model_config: z.looseObject({ class_name: z.literal('Sequential') }) }),
  weightsManifest: z.tuple([
    z.object({
      paths: z.tuple([z.literal('weights.bin')]),
      weights: z.array(z.object({ name: z.string(), shape: z.array(z.int()), dtype: z.literal('float32') })),
    }),
  ]),
});

async function answersOfTfjs(files: ReleaseFiles, features: Float64Array): Promise<number[]> {
  const { tf } = backend;
  const json = jsonSchema.parse(JSON.parse(new TextDecoder().decode(files.get('model.json'))));
  const artifacts = {
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest[0].weights,
    weightData: files.get('weights.bin')?.buffer ?? new ArrayBuffer(0),
  };
  const model = await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
  const outputs = tf.tidy(() => {
    const predicted = model.predict(tf.tensor2d(Float32Array.from(features), [rows, features.length / rows]));
    return Array.isArray(predicted) ? [] : Array.from(predicted.dataSync());
  });
  model.dispose();
  return outputs;
}

describe.each(plans)('%s', (_, plan) => {
  const features = Float64Array.from({ length: rows * inputCount(plan.cohort) }, (_value, i) => Math.sin(i) * 2);
  const model = initialModel(plan).map((tensor) =>
    tensor.name.endsWith('bias')
      ? f32(
          tensor.name,
          Array.from(tensor.data, Number).map((_value, i) => 0.1 * (i + 1)),
          tensor.shape,
        )
      : tensor,
  );

  it('answers the same as a tfjs layers model', async () => {
    const files = releaseFiles('tfjs', { plan, model, origin: null, scaling: null });
    expect([...files.keys()]).toEqual(['model.json', 'weights.bin']);
    const answers = await answersOfTfjs(files, features);
    const expected = predict({ backend, plan, model, features });
    expect(answers).toHaveLength(10);
    answers.forEach((answer, i) => expect(answer).toBeCloseTo(expected[i] ?? Number.NaN, 5));
    expect(new Set(answers.map((answer) => answer.toFixed(4))).size).toBeGreaterThan(1);
  });

  it('is in safetensors the model of the receipt, with its inputs named', () => {
    const files = releaseFiles('safetensors', { plan, model, origin, scaling: null });
    const { tensors, metadata } = decodeSafetensors(files.get('model.safetensors') ?? new Uint8Array(0));
    expect(modelDigest(tensors)).toBe(modelDigest(model));
    expect(metadata).toMatchObject({
      model: plan.model.kind,
      inputs: JSON.stringify(inputNames(plan.cohort)),
      standardise: 'none',
    });
    expect(metadata).toMatchObject({ study: origin.study, modelDigest: origin.model, receipt: origin.receipt });
  });

  it('has the same bytes twice', () => {
    for (const format of formats)
      expect(releaseFiles(format, { plan, model, origin, scaling: null })).toEqual(
        releaseFiles(format, { plan, model, origin, scaling: null }),
      );
  });
});

describe('pictures, each standardised by itself', () => {
  const feature = { type: 'image', name: 'scan', ...image, missing: 'refuse' } as const;
  const plan = planOf({
    ...seeded,
    cohort: { ...cohortOf(['a']), source: 'images', features: [feature], standardise: 'perImage' },
    model: { kind: 'cnn', image, filters: [3, 4], kernel: 4, hidden: [5], activation: 'tanh', l2: '0' },
  });
  const columns = inputCount(plan.cohort);
  const job = { plan, model: initialModel(plan), origin, scaling: null };
  const pictures = Uint8Array.from({ length: rows * columns }, (_, i) =>
    i < columns ? 77 : 128 + 10 * Math.floor(i / columns) * Math.sin(i * i),
  );

  it('are taken by a tfjs layers model as 0 to 1, which standardises them', async () => {
    const files = releaseFiles('tfjs', job);
    const answers = await answersOfTfjs(
      files,
      Float64Array.from(pictures, (byte) => byte / 255),
    );
    const expected = predict({ backend, plan, model: job.model, features: pictures });
    expect(answers).toHaveLength(rows);
    // The first is of one grey, whose mean float32 does not have exactly.
    answers.forEach((answer, i) => expect(answer).toBeCloseTo(expected[i] ?? Number.NaN, i === 0 ? 2 : 5));
    expect(new Set(answers.map((answer) => answer.toFixed(4))).size).toBeGreaterThan(5);
    expect(JSON.parse(new TextDecoder().decode(files.get('model.json')))).toMatchObject({
      userDefinedMetadata: { inputsAre: 'asInTheContract', standardise: 'perImage' },
    });
  });

  it('are to be standardised before the tensors of safetensors, which say so', () => {
    const { metadata } = decodeSafetensors(
      releaseFiles('safetensors', job).get('model.safetensors') ?? new Uint8Array(0),
    );
    expect(metadata).toMatchObject({ inputsAre: 'standardised', standardise: 'perImage' });
  });
});

describe('survival', () => {
  const plan = planOf({
    cohort: cohortOf(['a', 'b', 'c'], 'survival'),
    model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' },
  });
  const beta = [0.5, -1.25, 0.125];
  const model = [f32('weight', beta, [3, 1]), f32('bias', [0])];
  const job = { plan, model, origin, scaling: null };

  it('answers the logarithm of the relative hazard in tfjs, which has no exponential layer', async () => {
    const features = Float64Array.from({ length: rows * 3 }, (_, i) => Math.sin(i));
    const answers = await answersOfTfjs(releaseFiles('tfjs', job), features);
    expect(answers).toHaveLength(rows);
    answers.forEach((answer, row) => {
      const risk = beta.reduce((sum, coefficient, i) => sum + coefficient * (features[3 * row + i] ?? 0), 0);
      expect(answer).toBeCloseTo(risk, 5);
    });
  });

  it('says in safetensors that its sum is a logarithm', () => {
    const { tensors, metadata } = decodeSafetensors(
      releaseFiles('safetensors', job).get('model.safetensors') ?? new Uint8Array(0),
    );
    expect(modelDigest(tensors)).toBe(modelDigest(model));
    expect(metadata).toMatchObject({ output: 'logRelativeHazard', inputsAre: 'asInTheContract' });
  });
});

describe('trees', () => {
  const plan = planOf({
    model: { kind: 'gradientBoostedTrees', trees: 1, depth: 1, bins: 4, learningRate: '0.1', l2: '1' },
  });
  const model = [
    f32('trees.feature', [2], [1, 1]),
    f32('trees.threshold', [0.5], [1, 1]),
    f32('trees.leaf', [-1, 1], [1, 2]),
    f32('trees.base', [0.25]),
  ];

  it('are in safetensors the model of the receipt', () => {
    const files = releaseFiles('safetensors', { plan, model, origin, scaling: null });
    const { tensors } = decodeSafetensors(files.get('model.safetensors') ?? new Uint8Array(0));
    expect(modelDigest(tensors)).toBe(modelDigest(model));
  });

  it.each(['safetensors', 'onnx'] as const)('are refused where a tensor has another shape: %s', (format) => {
    const spoilt = model.map((tensor) => (tensor.name === 'trees.leaf' ? f32('trees.leaf', [1, 2, 3]) : tensor));
    expect(() => releaseFiles(format, { plan, model: spoilt, origin, scaling: null })).toThrow(
      withCode('tensors-mismatch'),
    );
  });

  it('are refused where a node asks about no column', () => {
    const spoilt = model.map((tensor) => (tensor.name === 'trees.feature' ? f32(tensor.name, [3], [1, 1]) : tensor));
    expect(() => releaseFiles('onnx', { plan, model: spoilt, origin, scaling: null })).toThrow(
      withCode('trees-feature'),
    );
  });
});

describe('what it refuses', () => {
  it('trees in tfjs, which has no layer for them', () => {
    for (const format of formats) {
      expect(() => requireSupportedFormats([format], 'mlp')).not.toThrow();
      if (format !== 'tfjs') expect(() => requireSupportedFormats([format], 'gradientBoostedTrees')).not.toThrow();
    }
    expect(() => requireSupportedFormats(['safetensors', 'tfjs'], 'gradientBoostedTrees')).toThrow(
      withCode('export-unsupported'),
    );
  });

  it.each(formats)('a model that is not the plan’s: %s', (format) => {
    const model = initialModel(planOf({ model: mlpModel }));
    expect(() => releaseFiles(format, { plan: planOf(), model, origin: null, scaling: null })).toThrow(
      withCode('tensors-mismatch'),
    );
  });

  it.each(formats)('a model with a number that is none: %s', (format) => {
    const model = [f32('weight', [1, Number.NaN, 1], [3, 1]), f32('bias', [0])];
    expect(() => releaseFiles(format, { plan: planOf(), model, origin: null, scaling: null })).toThrow(
      withCode('tensors-not-finite'),
    );
  });
});
