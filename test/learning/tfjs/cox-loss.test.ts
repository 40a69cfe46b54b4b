// The batch loss of Cox's model on each backend: value and gradient equal the exact likelihood where the batch is the whole site.
import { beforeAll, describe, expect, it } from 'vitest';
import { partialLikelihood } from '@wardround/learning/cox/partial-likelihood';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { coxBatchLoss, largestCoxBatch } from '@wardround/learning/tfjs/cox-loss';
import { survivors } from '../cox/invented.ts';
import { comparedBackends } from '../test-backend.ts';

describe.each(comparedBackends)('coxBatchLoss on %s', (name) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(name);
  });

  function lossAndGradient(
    risks: Float32Array,
    batch: Parameters<typeof coxBatchLoss>[2],
  ): { loss: number; gradient: readonly number[] } {
    const { tf } = backend;
    const before = tf.memory().numTensors;
    const { value, grad } = tf.tidy(() =>
      tf.valueAndGrad((x) => coxBatchLoss(tf, x.as1D(), batch))(tf.tensor1d(risks)),
    );
    const answer = { loss: value.dataSync()[0] ?? Number.NaN, gradient: Array.from(grad.dataSync()) };
    value.dispose();
    grad.dispose();
    expect(tf.memory().numTensors).toBe(before);
    return answer;
  }

  it.each([
    ['efron', 1e6],
    ['efron', 6],
    ['efron', 1],
    ['breslow', 1e6],
    ['breslow', 6],
  ] as const)('%s, %d times', (ties, times) => {
    const data = survivors(1, { rows: 50, columns: 1, times, events: 0.6 });
    // A column of its own for each patient makes the exact gradient that of the risks themselves.
    const identity = { ...data, features: Float64Array.from({ length: 2500 }, (_, i) => Number(i % 51 === 0)) };
    const risks = Float32Array.from(data.features, (value) => 2 * value);
    const exact = partialLikelihood(identity, ties, Float64Array.from(risks));
    const { loss, gradient } = lossAndGradient(risks, { times: data.labels, events: data.events, ties });
    expect(loss).toBeCloseTo(exact.loss / exact.events, 4);
    gradient.forEach((value, i) => expect(value).toBeCloseTo((exact.gradient[i] ?? 0) / exact.events, 5));
  });

  it('is 0 with a gradient of 0 where nobody had the event', () => {
    const batch = { times: Float32Array.of(1, 2, 3), events: new Float32Array(3), ties: 'efron' } as const;
    expect(lossAndGradient(Float32Array.of(1, 2, 3), batch)).toEqual({ loss: 0, gradient: [0, 0, 0] });
  });

  it.each([100, 1e4])('stays finite with risks %d apart', (apart) => {
    const batch = { times: Float32Array.of(1, 2, 3), events: Float32Array.of(1, 1, 1), ties: 'breslow' } as const;
    for (const sign of [1, -1]) {
      const { loss, gradient } = lossAndGradient(Float32Array.of(-apart * sign, 0, apart * sign), batch);
      expect([loss, ...gradient].every((value) => Number.isFinite(value))).toBe(true);
    }
  });

  it.each([
    ['a time too few', 3, 2, 3],
    ['an event too many', 3, 3, 4],
    ['no patient', 0, 0, 0],
    ['too many patients', largestCoxBatch + 1, largestCoxBatch + 1, largestCoxBatch + 1],
  ])('refuses %s', (_, risks, times, events) => {
    const { tf } = backend;
    const batch = { times: new Float32Array(times), events: new Float32Array(events), ties: 'efron' } as const;
    tf.tidy(() => {
      expect(() => coxBatchLoss(tf, tf.zeros([risks]), batch)).toThrow(expect.objectContaining({ code: 'cox-batch' }));
    });
  });
});
