// A site's own metrics against their definitions, on any rows; the intervals of numbers and of survival times.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '@wardround/learning/metrics';
import { ownResults } from '@wardround/learning/metrics/own-results';
import {
  type Row,
  accuracyByHand,
  aurocByPairs,
  averagePrecisionByThresholds,
  calibrationByHand,
  logLossByHand,
  meanSquare,
  pairsByHand,
} from '../evaluation/by-hand.ts';
import { cohortOf, planOf } from '../plans.ts';
import { withCode } from '../tensors.ts';

const evaluation = { ...planOf().evaluation };
const answersOf = (rows: readonly Row[]): { predictions: Float64Array; labels: Float64Array } => ({
  predictions: Float64Array.from(rows, ({ p }) => p),
  labels: Float64Array.from(rows, ({ y }) => y),
});

describe('a site’s own metrics', () => {
  it('are those of their definitions, ties and single classes included', () => {
    const p = fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 10 }).map((n) => n / 10),
    );
    const row = fc.record({ p, y: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), (rows: readonly Row[]) => {
        const measured = evaluate(
          ['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'loss'],
          'binary',
          answersOf(rows),
        );
        const expected = {
          accuracy: accuracyByHand(rows),
          auroc: aurocByPairs(rows),
          auprc: averagePrecisionByThresholds(rows),
          brier: meanSquare(rows),
          calibration: calibrationByHand(rows),
          loss: logLossByHand(rows),
        };
        expect(measured).toEqual(
          Object.fromEntries(
            Object.entries(expected).map(([name, value]) => [name, value === null ? null : expect.closeTo(value, 10)]),
          ),
        );
      }),
    );
  });

  it('of numbers have the intervals of their squared errors', () => {
    const plan = {
      cohort: cohortOf(['a'], 'number'),
      evaluation: { ...evaluation, metrics: ['rmse' as const, 'loss' as const] },
    };
    const rows = Array.from({ length: 200 }, (_, i) => ({ p: (i * 37) % 11, y: (i * 17) % 7 }));
    const [rmse, loss] = ownResults({ plan, site: 'a', ...answersOf(rows) });
    expect(loss?.value).toBeCloseTo(meanSquare(rows), 10);
    expect(rmse?.value).toBeCloseTo(Math.sqrt(meanSquare(rows)), 10);
    expect(rmse?.interval?.low).toBeCloseTo(Math.sqrt(loss?.interval?.low ?? 0), 12);
    // A mean of 200 rows: its bootstrap is about 1.96 standard errors wide on each side.
    const squares = rows.map((row) => (row.p - row.y) ** 2);
    const variance = squares.reduce((sum, value) => sum + (value - meanSquare(rows)) ** 2, 0) / 199;
    const width = (loss?.interval?.high ?? 0) - (loss?.interval?.low ?? 0);
    expect(width / (2 * 1.96 * Math.sqrt(variance / 200))).toBeCloseTo(1, 0);
  });

  it('of survival times have the C of their pairs', () => {
    const plan = { cohort: cohortOf(['a'], 'survival'), evaluation: { ...evaluation, metrics: ['cIndex' as const] } };
    const rows = Array.from({ length: 80 }, (_, i) => ({
      risk: ((i * 7919) % 50) / 50,
      time: 1 + ((i * 104_729) % 30) - Math.round(((i * 7919) % 50) / 10),
      event: i % 3 === 0 ? 0 : 1,
    }));
    const [result] = ownResults({
      plan,
      site: 'a',
      predictions: Float64Array.from(rows, ({ risk }) => risk),
      labels: Float64Array.from(rows, ({ time }) => time),
      events: Float64Array.from(rows, ({ event }) => event),
    });
    const [concordant, discordant, tied] = pairsByHand(rows);
    expect(result?.value).toBeCloseTo((concordant + tied / 2) / (concordant + discordant + tied), 12);
    expect(result?.interval?.low).toBeLessThan(result?.value ?? 0);
    expect(result?.interval?.high).toBeGreaterThan(result?.value ?? 0);
  });

  it('refuse events that do not belong to the labels', () => {
    const plan = { cohort: cohortOf(['a'], 'survival'), evaluation: { ...evaluation, metrics: ['cIndex' as const] } };
    const answers = { predictions: Float64Array.of(1, 2), labels: Float64Array.of(1, 2), events: Float64Array.of(1) };
    expect(() => ownResults({ plan, site: 'a', ...answers })).toThrow(withCode('metric-data'));
  });
});
