// Released files: what other programs read gives the answers that our model gives.
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { modelDigest } from '@wardround/learning/checkpoint';
import { type ReleaseFiles, releaseFiles, requireSupportedFormats } from '@wardround/learning/export/release-files';
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { decodeSafetensors } from '@wardround/protocol/safetensors';
import { type LearningPlan, cohortOf, mlpModel, planOf, unsupportedModels } from '../plans.ts';
import { f32, withCode } from '../tensors.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend('wasm');
});
const features = Float64Array.from({ length: 30 }, (_, i) => Math.sin(i) * 2);
const seeded = { initialWeights: { method: 'seeded', seed: 9 } } as const;
const number = cohortOf(['a', 'b', 'c'], 'number');
const plans: readonly (readonly [string, LearningPlan])[] = [
  ['logistic regression', planOf(seeded)],
  ['linear regression', planOf({ ...seeded, cohort: number, model: { kind: 'linearRegression', l2: '0' } })],
  ['an MLP of tanh', planOf({ ...seeded, model: mlpModel })],
  ['an MLP of relu', planOf({ ...seeded, model: { ...mlpModel, activation: 'relu' } })],
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

async function answersOfTfjs(files: ReleaseFiles): Promise<number[]> {
  const { tf } = backend;
  const json = jsonSchema.parse(JSON.parse(new TextDecoder().decode(files.get('model.json'))));
  const artifacts = {
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest[0].weights,
    weightData: files.get('weights.bin')?.buffer ?? new ArrayBuffer(0),
  };
  const model = await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
  const outputs = tf.tidy(() => {
    const predicted = model.predict(tf.tensor2d(Float32Array.from(features), [10, 3]));
    return Array.isArray(predicted) ? [] : Array.from(predicted.dataSync());
  });
  model.dispose();
  return outputs;
}

describe.each(plans)('%s', (_, plan) => {
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
    const files = releaseFiles('tfjs', plan, model);
    expect([...files.keys()]).toEqual(['model.json', 'weights.bin']);
    const answers = await answersOfTfjs(files);
    const expected = predict({ backend, plan, model, features });
    expect(answers).toHaveLength(10);
    answers.forEach((answer, i) => expect(answer).toBeCloseTo(expected[i] ?? Number.NaN, 5));
    expect(new Set(answers.map((answer) => answer.toFixed(4))).size).toBeGreaterThan(1);
  });

  it('is in safetensors the model of the receipt, with its inputs named', () => {
    const files = releaseFiles('safetensors', plan, model);
    const { tensors, metadata } = decodeSafetensors(files.get('model.safetensors') ?? new Uint8Array(0));
    expect(modelDigest(tensors)).toBe(modelDigest(model));
    expect(metadata).toMatchObject({ model: plan.model.kind, inputs: '["a","b","c"]', standardise: 'none' });
  });

  it('has the same bytes twice', () => {
    for (const format of ['safetensors', 'tfjs'] as const)
      expect(releaseFiles(format, plan, model)).toEqual(releaseFiles(format, plan, model));
  });
});

describe('what it refuses', () => {
  it('a format of a later version', () => {
    expect(() => releaseFiles('onnx', planOf(), initialModel(planOf()))).toThrow(withCode('export-unsupported'));
    expect(() => requireSupportedFormats(['safetensors', 'onnx'])).toThrow(withCode('export-unsupported'));
    expect(() => requireSupportedFormats(['safetensors', 'tfjs'])).not.toThrow();
  });

  it.each(['safetensors', 'tfjs'] as const)('a model that is not the plan’s: %s', (format) => {
    expect(() => releaseFiles(format, planOf(), initialModel(planOf({ model: mlpModel })))).toThrow(
      withCode('tensors-mismatch'),
    );
    for (const model of unsupportedModels) {
      expect(() => releaseFiles(format, planOf({ model }), [])).toThrow(withCode('model-unsupported'));
    }
  });
});
