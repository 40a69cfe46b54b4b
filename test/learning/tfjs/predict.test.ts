// Predictions: probabilities for a binary label, numbers otherwise, in pieces where rows are many.
import { beforeAll, describe, expect, it } from 'vitest';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { cohortOf, planOf } from '../plans.ts';
import { f32, withCode } from '../tensors.ts';
import { testBackend } from '../test-backend.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});
const model = [f32('weight', [1, -1, 0.5], [3, 1]), f32('bias', [0.25])];
const features = Float64Array.of(1, 2, 3, 0, 0, 0, -1, 4, 1);

describe('predict', () => {
  it('gives probabilities for a binary label', () => {
    const answers = predict({ backend, plan: planOf(), model, features });
    [0.75, 0.25, -4.25].forEach((output, i) => expect(answers[i]).toBeCloseTo(1 / (1 + Math.exp(-output)), 6));
  });

  it('gives numbers for a number', () => {
    const plan = planOf({ cohort: cohortOf(['a', 'b', 'c'], 'number'), model: { kind: 'linearRegression', l2: '0' } });
    expect([...predict({ backend, plan, model, features })]).toEqual([0.75, 0.25, -4.25]);
  });

  it.each([0, 1, 8191, 8192, 8193])('answers %i rows one by one, and leaves no tensor behind', (rows) => {
    const before = backend.tf.memory().numTensors;
    const many = Float64Array.from({ length: rows * 3 }, (_, i) => (i % 7) / 7);
    const answers = predict({ backend, plan: planOf(), model, features: many });
    expect(answers).toHaveLength(rows);
    if (rows > 0) {
      const last = predict({ backend, plan: planOf(), model, features: many.subarray(-3) });
      expect(answers.at(-1)).toBeCloseTo(last[0] ?? Number.NaN, 6);
    }
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  it('refuses rows of another width, and another model', () => {
    expect(() => predict({ backend, plan: planOf(), model, features: features.subarray(1) })).toThrow(
      withCode('prediction-data'),
    );
    expect(() => predict({ backend, plan: planOf(), model: model.slice(1), features })).toThrow(
      withCode('tensors-mismatch'),
    );
  });
});
