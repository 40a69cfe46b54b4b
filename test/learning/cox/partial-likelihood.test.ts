// The exact partial likelihood beside plain O(n²) sums: ties, censoring, many columns, and risks far apart.
import { describe, expect, it } from 'vitest';
import { type SurvivalRows, partialLikelihood, requireSurvival } from '@wardround/learning/cox/partial-likelihood';
import { diagonalAt } from '@wardround/learning/newton/symmetric';
import { survivors } from './invented.ts';
import { evaluateNaively } from './naive-cox.ts';

const ties = ['efron', 'breslow'] as const;

function gap(data: SurvivalRows, tie: (typeof ties)[number], coefficients: Float64Array): number {
  const got = partialLikelihood(data, tie, coefficients);
  const { logLikelihood, score, information } = evaluateNaively([data], tie, [...coefficients]);
  const size = coefficients.length;
  const gaps = [
    got.loss + logLikelihood,
    ...score.map((value, j) => value + (got.gradient[j] ?? Number.NaN)),
    ...information.flatMap((row, i) =>
      row.slice(i).map((value, j) => value - (got.hessian[diagonalAt(size, i) + j] ?? Number.NaN)),
    ),
  ];
  return Math.max(...gaps.map(Math.abs));
}

describe.each(ties)('partialLikelihood, %s', (tie) => {
  it.each([
    ['no ties', { rows: 30, columns: 3, times: 1e6, events: 0.7 }],
    ['many ties', { rows: 60, columns: 3, times: 5, events: 0.7 }],
    ['one time for all', { rows: 20, columns: 2, times: 1, events: 0.5 }],
    ['everybody with the event at one time', { rows: 12, columns: 2, times: 1, events: 1 }],
    ['few events', { rows: 50, columns: 1, times: 10, events: 0.05 }],
    ['one patient', { rows: 1, columns: 2, times: 1, events: 1 }],
    ['two patients', { rows: 2, columns: 1, times: 2, events: 1 }],
  ])('equals plain sums with %s', (_, shape) => {
    for (const seed of [1, 2, 3]) {
      const data = survivors(seed, shape);
      for (const scale of [0, 0.5, -2]) {
        const coefficients = Float64Array.from({ length: shape.columns }, (__, j) => scale * (1 - j / 2));
        expect(gap(data, tie, coefficients)).toBeLessThan(1e-10);
      }
    }
  });

  it('adds nothing where nobody had the event', () => {
    const data = survivors(4, { rows: 10, columns: 2, times: 5, events: 0 });
    const { loss, gradient, hessian, events } = partialLikelihood(data, tie, Float64Array.of(1, -1));
    expect([loss, events, ...gradient, ...hessian].every((value) => value === 0)).toBe(true);
  });

  it('does not change when a column is moved by a constant', () => {
    const data = survivors(5, { rows: 40, columns: 2, times: 8, events: 0.6 });
    const moved = { ...data, features: data.features.map((value, i) => value + (i % 2 === 0 ? 1900 : -3)) };
    const [a, b] = [data, moved].map((rows) => partialLikelihood(rows, tie, Float64Array.of(0.3, -0.4)));
    expect(a?.loss).toBeCloseTo(b?.loss ?? 0, 9);
    a?.hessian.forEach((value, j) => expect(value).toBeCloseTo(b?.hessian[j] ?? 0, 9));
  });

  it.each([400, 1000, 1e5])('stays finite with risks %d apart', (apart) => {
    const data = {
      rows: 4,
      features: Float64Array.of(apart, 0, -apart, 1),
      labels: Float64Array.of(1, 2, 3, 3),
      events: Float64Array.of(1, 1, 1, 1),
    };
    for (const sign of [1, -1]) {
      const { loss, gradient, hessian } = partialLikelihood(data, tie, Float64Array.of(sign));
      expect([loss, ...gradient, ...hessian].every((value) => Number.isFinite(value))).toBe(true);
      expect(loss).toBeGreaterThanOrEqual(0);
      expect(hessian[0]).toBeGreaterThanOrEqual(-1e-6);
    }
  });

  it('has the value that can be computed by hand', () => {
    // Two of three tied at time 1, coefficients 0: Breslow 2·ln 3, Efron ln 3 + ln 2.
    const data = {
      rows: 3,
      features: Float64Array.of(1, 2, 4),
      labels: Float64Array.of(1, 1, 2),
      events: Float64Array.of(1, 1, 0),
    };
    const expected = tie === 'efron' ? Math.log(3) + Math.log(2) : 2 * Math.log(3);
    expect(partialLikelihood(data, tie, new Float64Array(1)).loss).toBeCloseTo(expected, 14);
  });
});

describe('requireSurvival', () => {
  const data = survivors(6, { rows: 3, columns: 1, times: 3, events: 1 });
  it.each([
    ['no events', { rows: 3, features: data.features, labels: data.labels }],
    ['an event too many', { ...data, events: new Float64Array(4) }],
    ['a time too few', { ...data, labels: data.labels.subarray(1) }],
  ])('refuses %s', (_, rows) => {
    expect(() => requireSurvival(rows)).toThrow(expect.objectContaining({ code: 'cox-data' }));
  });
});
