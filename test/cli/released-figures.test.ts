// Figures for the card: what rounds of statistics and evaluation release, read from the forms in which learning writes them.
import { describe, expect, it } from 'vitest';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { releasedEvaluation } from '@wardround/learning/evaluation/released';
import { initialEvaluation } from '@wardround/learning/evaluation/state';
import { withSection } from '@wardround/learning/rounds/state-sections';
import { releasedStatistics } from '@wardround/learning/statistics/released';
import { initialStatistics } from '@wardround/learning/statistics/state';
import type { Float64Tensor } from '@wardround/learning/tensor-view';
import { inputScaling } from '../../cli/src/study/input-scaling.ts';
import { releasedFigures } from '../../cli/src/study/released-figures.ts';
import { cohortOf, planOf } from '../learning/plans.ts';

/** A state of ones: one row, one event, every value 1 and shown. */
function filled(tensor: Float64Tensor): Float64Tensor {
  return { ...tensor, data: new Float64Array(tensor.data.length).fill(1) };
}

const values = {
  kind: 'evaluation',
  trainingRound: 3,
  suppressedBelow: 10,
  notes: { rows: 'x' },
  rows: 254,
  events: null,
  metrics: [
    { metric: 'auroc', value: '0.88125', interval: { low: '0.85', high: '0.91' }, resolution: '0.0005', note: 'n' },
    { metric: 'accuracy', value: null, interval: null },
  ],
  confusion: { truePositives: 1, falsePositives: null, trueNegatives: 2, falseNegatives: 3 },
  calibration: [{ fromTenths: 9, rows: null, positives: null, meanProbability: null }],
};
const evaluation = { round: 5, task: 'evaluation', values } as const;

describe('releasedFigures', () => {
  it('is empty where nothing was released', () => {
    expect(releasedFigures([])).toEqual({ statistics: null, evaluations: [] });
  });

  it('reads numbers, and keeps what is suppressed as null', () => {
    const statistics = { kind: 'statistics', rows: { train: 5, test: null } };
    const figures = releasedFigures([{ round: 1, task: 'statistics', values: statistics }, evaluation]);
    expect(figures).toEqual({
      statistics,
      evaluations: [
        {
          afterRound: 3,
          rows: 254,
          events: null,
          metrics: [
            {
              metric: 'auroc',
              value: 0.88125,
              interval: { low: 0.85, high: 0.91, level: '0.95' },
              resolution: 0.0005,
              note: 'n',
            },
            { metric: 'accuracy', value: null, interval: null, resolution: null, note: null },
          ],
          confusion: values.confusion,
          calibration: [{ from: 0.9, rows: null, positives: null, meanProbability: null }],
        },
      ],
    });
  });

  it('has no tables where a label has none', () => {
    const { confusion: _confusion, calibration: _calibration, ...number } = values;
    const [only] = releasedFigures([{ ...evaluation, values: number }]).evaluations;
    expect(only).toMatchObject({ confusion: null, calibration: null });
  });

  it.each(['binary', 'number', 'survival'] as const)('reads what learning writes: %s', (label) => {
    const metrics: StudyPlan['evaluation']['metrics'] = {
      binary: ['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'loss'] as const,
      number: ['rmse', 'loss'] as const,
      survival: ['cIndex'] as const,
    }[label].slice();
    const plan = {
      ...planOf({ cohort: { ...cohortOf(['a', 'b'], label), standardise: 'federated' } }),
      evaluation: { metrics, minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
      statistics: ['moments' as const],
    };
    const state = [
      ...withSection([], 'statistics', initialStatistics(plan).map(filled)),
      ...withSection([], 'evaluation', initialEvaluation(plan).map(filled)),
    ];
    const statistics = releasedStatistics(plan, state);
    const figures = releasedFigures([
      { round: 1, task: 'statistics', values: statistics },
      { round: 5, task: 'evaluation', values: releasedEvaluation(plan, state) },
    ]);
    expect(figures.evaluations[0]?.metrics.map(({ metric, value }) => [metric, value])).toEqual(
      metrics.map((metric) => [metric, 1]),
    );
    expect(figures.evaluations[0]?.confusion === null).toBe(label !== 'binary');
    expect(inputScaling(plan, [statistics])).toEqual({
      mean: Float64Array.of(1, 1),
      scale: Float64Array.of(1 + 1e-9, 1 + 1e-9),
    });
  });

  it.each([
    ['another kind', { ...values, kind: 'other' }],
    ['a metric that nobody knows', { ...values, metrics: [{ metric: 'luck', value: '1', interval: null }] }],
    ['a number that is no decimal', { ...values, metrics: [{ metric: 'auroc', value: 'NaN', interval: null }] }],
    ['rows below none', { ...values, rows: -1 }],
  ])('refuses %s', (_, spoiled) => {
    expect(() => releasedFigures([{ ...evaluation, values: spoiled }])).toThrow(
      expect.objectContaining({ code: 'result-unreadable' }),
    );
  });
});
