// Model shapes and initial models: the same for every party, to the bit, and nothing that this version cannot train.
import { describe, expect, it } from 'vitest';
import { modelDigest } from '@wardround/learning/checkpoint';
import { initialModel } from '@wardround/learning/initial-model';
import { denseLayers, layersOf, modelShape, taskOf } from '@wardround/learning/model-shape';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { inputColumns } from '@wardround/protocol/input-columns';
import { cnnModel, cnnPlan, imageCohort } from './images.ts';
import { cohortOf, mlpModel, planOf, unsupportedModels } from './plans.ts';
import { withCode } from './tensors.ts';

const coded: Cohort['features'] = [
  { type: 'code', name: 'cp', codes: [1, 2, 3], encode: 'oneHotDropFirst', missing: 'refuse' },
  { type: 'number', name: 'age', unit: null, range: { min: '0', max: '1' }, missing: 'refuse' },
  { type: 'code', name: 'sex', codes: ['f', 'm'], encode: 'oneHot', missing: 'refuse' },
];

describe('inputColumns', () => {
  it('keeps the contract’s order and names one-hot columns by their code', () => {
    expect(inputColumns({ features: coded })).toEqual([
      { name: 'cp=2', feature: 'cp', codeIndex: 1 },
      { name: 'cp=3', feature: 'cp', codeIndex: 2 },
      { name: 'age', feature: 'age', codeIndex: null },
      { name: 'sex=f', feature: 'sex', codeIndex: 0 },
      { name: 'sex=m', feature: 'sex', codeIndex: 1 },
    ]);
  });
});

describe('modelShape', () => {
  it('is one dense layer for linear models', () => {
    const shape = [
      { name: 'weight', shape: [5, 1] },
      { name: 'bias', shape: [1] },
    ];
    const cohort = { ...cohortOf(['a']), features: coded };
    expect(modelShape(planOf({ cohort }))).toEqual(shape);
    const number = { ...cohortOf(['a'], 'number'), features: coded };
    expect(modelShape(planOf({ cohort: number, model: { kind: 'linearRegression', l2: '0' } }))).toEqual(shape);
  });

  it('is a chain of dense layers for an MLP, one output at the end', () => {
    expect(modelShape(planOf({ model: mlpModel }))).toEqual([
      { name: 'dense0.weight', shape: [3, 4] },
      { name: 'dense0.bias', shape: [4] },
      { name: 'dense1.weight', shape: [4, 2] },
      { name: 'dense1.bias', shape: [2] },
      { name: 'dense2.weight', shape: [2, 1] },
      { name: 'dense2.bias', shape: [1] },
    ]);
  });

  it('is convolutions, then dense layers on what the pools leave, for a CNN', () => {
    const cnn = cnnPlan({ image: { height: 28, width: 30, channels: 3 }, filters: [8, 16], kernel: 5, hidden: [32] });
    expect(modelShape(cnn)).toEqual([
      { name: 'conv0.weight', shape: [5, 5, 3, 8] },
      { name: 'conv0.bias', shape: [8] },
      { name: 'conv1.weight', shape: [5, 5, 8, 16] },
      { name: 'conv1.bias', shape: [16] },
      { name: 'dense0.weight', shape: [7 * 7 * 16, 32] },
      { name: 'dense0.bias', shape: [32] },
      { name: 'dense1.weight', shape: [32, 1] },
      { name: 'dense1.bias', shape: [1] },
    ]);
    expect(layersOf(cnn).map(({ kind }) => kind)).toEqual(['convolution', 'convolution', 'dense', 'dense']);
    expect(() => denseLayers(cnn)).toThrow(withCode('model-unsupported'));
  });

  it('refuses a CNN whose image is not the cohort’s, or vanishes between the layers', () => {
    const image = { height: 8, width: 9, channels: 1 };
    expect(() => modelShape(cnnPlan({ image }, { cohort: imageCohort(cnnModel) }))).toThrow(withCode('model-image'));
    expect(modelShape(cnnPlan({ filters: [1, 1, 1] }))[6]).toEqual({ name: 'dense0.weight', shape: [1, 1] });
    expect(() => modelShape(cnnPlan({ filters: [1, 1, 1, 1] }))).toThrow(withCode('model-image'));
  });

  it.each(unsupportedModels)('refuses $kind', (model) => {
    for (const ask of [modelShape, denseLayers, taskOf])
      expect(() => ask(planOf({ model }))).toThrow(withCode('model-unsupported'));
    expect(() => initialModel(planOf({ model }))).toThrow(withCode('model-unsupported'));
  });
});

describe('taskOf', () => {
  const linear = { kind: 'linearRegression', l2: '0' } as const;
  const logistic = { kind: 'logisticRegression', l2: '0' } as const;
  it.each([
    [logistic, 'binary', 'binary'],
    [linear, 'number', 'number'],
    [mlpModel, 'binary', 'binary'],
    [mlpModel, 'number', 'number'],
  ] as const)('of %j on a %s label is %s', (model, label, task) => {
    expect(taskOf({ model, cohort: cohortOf(['a'], label) })).toBe(task);
  });
  it.each([
    [logistic, 'number'],
    [linear, 'binary'],
    [logistic, 'survival'],
    [linear, 'survival'],
    [mlpModel, 'survival'],
  ] as const)('refuses %j on a %s label', (model, label) => {
    expect(() => taskOf({ model, cohort: cohortOf(['a'], label) })).toThrow(withCode('model-label'));
  });
});

describe('initialModel', () => {
  it('is all zeros, or Glorot’s rule within its limit with zero biases', () => {
    for (const tensor of initialModel(planOf())) expect(tensor.data.every((value) => value === 0)).toBe(true);
    const seeded = initialModel(
      planOf({ model: { ...mlpModel, hidden: [200, 100] }, initialWeights: { method: 'seeded', seed: 1 } }),
    );
    for (const { name, shape, data } of seeded) {
      const values = Array.from(data, Number);
      if (name.endsWith('.bias')) {
        expect(values.every((value) => value === 0)).toBe(true);
        continue;
      }
      expectUniform(values, Math.sqrt(6 / ((shape[0] ?? 0) + (shape[1] ?? 0))));
    }
  });

  it('counts a convolution’s inputs and outputs once for each position of its kernel', () => {
    const [first, , second] = initialModel(cnnPlan({ filters: [20, 30], kernel: 5 }));
    expectUniform(Array.from(first?.data ?? [], Number), Math.sqrt(6 / (25 * 1 + 25 * 20)));
    expectUniform(Array.from(second?.data ?? [], Number), Math.sqrt(6 / (25 * 20 + 25 * 30)));
  });

  it('is the seed’s, and each tensor draws its own', () => {
    const seeded = (seed: number): string =>
      modelDigest(
        initialModel(planOf({ model: { ...mlpModel, hidden: [3, 3] }, initialWeights: { method: 'seeded', seed } })),
      );
    expect(seeded(1)).toBe(seeded(1));
    expect(seeded(2)).not.toBe(seeded(1));
    const [first, , second] = initialModel(
      planOf({ model: { ...mlpModel, hidden: [3, 3] }, initialWeights: { method: 'seeded', seed: 1 } }),
    );
    expect(first?.data).not.toEqual(second?.data);
    // Written down: sites of different versions must find the same initial model, or none of them trains.
    expect(seeded(42)).toMatchInlineSnapshot(`"88bf0e2b6dc6d71c8c95ac4916d2a81d263c07a9e3b98b89f06a969b3bd26e18"`);
    expect(modelDigest(initialModel(planOf()))).toMatchInlineSnapshot(
      `"27d16b310ad48ec6a331d2487731d79c757e8fe52617e5056707d2cc39fa915d"`,
    );
  });

  it('does not take imported weights', () => {
    const initialWeights = { method: 'importedWeights', digest: 'a'.repeat(64) } as const;
    expect(() => initialModel(planOf({ initialWeights }))).toThrow(withCode('initial-weights-unsupported'));
  });
});

function expectUniform(values: readonly number[], limit: number): void {
  expect(values.every((value) => Math.abs(value) <= limit && value !== 0)).toBe(true);
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  // Uniform on ±limit; four standard errors of a variance of that many draws.
  expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(4 * Math.sqrt(0.8 / values.length));
}
