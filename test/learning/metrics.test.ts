// Metrics against values worked out by hand, ties and single classes included.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answers, type Metric, auroc, evaluate, requireSupportedMetrics } from '@wardround/learning/metrics';
import { withCode } from './tensors.ts';

const answers = (predictions: readonly number[], labels: readonly number[]): Answers => ({
  predictions: Float64Array.from(predictions),
  labels: Float64Array.from(labels),
});
const binary = ['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'loss'] as const;

describe('evaluate', () => {
  it('measures probabilities', () => {
    const measured = evaluate(binary, 'binary', answers([0.9, 0.8, 0.35, 0.35, 0.1], [1, 0, 1, 0, 0]));
    expect(measured.accuracy).toBeCloseTo(3 / 5, 12);
    // Pairs (positive, negative): 0.9 beats three; 0.35 loses to 0.8, ties with 0.35, beats 0.1.
    expect(measured.auroc).toBeCloseTo((3 + 1.5) / 6, 12);
    expect(measured.auprc).toBeCloseTo(0.5 * 1 + 0.5 * (2 / 4), 12);
    expect(measured.brier).toBeCloseTo((0.01 + 0.64 + 0.4225 + 0.1225 + 0.01) / 5, 12);
    // Bins 9: −0.1; 8: +0.8; 3: 0.7 − 1; 1: +0.1.
    expect(measured.calibration).toBeCloseTo((0.1 + 0.8 + 0.3 + 0.1) / 5, 12);
    const likelihoods = [0.9, 0.2, 0.35, 0.65, 0.9];
    expect(measured.loss).toBeCloseTo(-likelihoods.reduce((sum, p) => sum + Math.log(p), 0) / 5, 12);
  });

  it('measures numbers', () => {
    const measured = evaluate(['rmse', 'loss'], 'number', answers([1, 2, 3], [1, 4, 7]));
    expect(measured).toEqual({ rmse: Math.sqrt(20 / 3), loss: 20 / 3 });
  });

  it('is 1 and 0 for perfect answers, also at the ends of the scale', () => {
    expect(evaluate(binary, 'binary', answers([1, 0, 1, 0], [1, 0, 1, 0]))).toEqual({
      accuracy: 1,
      auroc: 1,
      auprc: 1,
      brier: 0,
      calibration: 0,
      loss: expect.closeTo(1e-7, 9),
    });
    expect(evaluate(binary, 'binary', answers([0, 1], [1, 0]))).toMatchObject({
      accuracy: 0,
      auroc: 0,
      brier: 1,
      calibration: 1,
    });
    expect(evaluate(['loss'], 'binary', answers([0], [1])).loss).toBeCloseTo(-Math.log(1e-7), 6);
  });

  it('a probability of exactly one half is not a yes', () => {
    expect(evaluate(['accuracy'], 'binary', answers([0.5], [0])).accuracy).toBe(1);
  });

  it('is null where it is not defined', () => {
    expect(evaluate(['auroc', 'auprc', 'accuracy'], 'binary', answers([0.2, 0.9], [1, 1]))).toEqual({
      auroc: null,
      auprc: null,
      accuracy: 0.5,
    });
    expect(evaluate(binary, 'binary', answers([], []))).toEqual(
      Object.fromEntries(binary.map((metric) => [metric, null])),
    );
  });

  it.each<[Metric, 'binary' | 'number']>([
    ['rmse', 'binary'],
    ['cIndex', 'binary'],
    ['auroc', 'number'],
    ['brier', 'number'],
    ['cIndex', 'number'],
  ])('refuses %s for a %s label', (metric, task) => {
    expect(() => requireSupportedMetrics([metric], task)).toThrow(withCode('metric-unsupported'));
    expect(() => evaluate([metric], task, answers([], []))).toThrow(withCode('metric-unsupported'));
  });

  it.each([
    ['an answer too few', answers([0.5], [1, 0])],
    ['NaN', answers([Number.NaN], [1])],
    ['an infinite label', answers([0.5], [Number.POSITIVE_INFINITY])],
  ])('refuses %s', (_, wrong) => {
    expect(() => evaluate(['accuracy'], 'binary', wrong)).toThrow(withCode('metric-data'));
  });
});

describe('auroc', () => {
  it('is the share of pairs in order, ties half: counted pair by pair', () => {
    const row = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
        const positives = rows.filter(([, label]) => label === 1);
        const negatives = rows.filter(([, label]) => label === 0);
        const pairs = positives.flatMap(([p]) => negatives.map(([n]) => (p > n ? 1 : p === n ? 0.5 : 0)));
        const expected =
          pairs.length === 0 ? null : pairs.reduce<number>((sum, value) => sum + value, 0) / pairs.length;
        expect(
          auroc(
            answers(
              rows.map(([p]) => p / 6),
              rows.map(([, label]) => label),
            ),
          ),
        ).toBe(expected);
      }),
    );
  });
});
