// A whole study with statistics, federated standardisation and class weights, early stopping and evaluations: what the parts are worth together.
import { beforeAll, describe, expect, it } from 'vitest';
import { readEvaluation } from '@wardround/learning/evaluation/state';
import { evaluate } from '@wardround/learning/metrics';
import { ownResults } from '@wardround/learning/metrics/own-results';
import { type SimulatedRound, simulateStudy } from '@wardround/learning/simulation/simulate-study';
import { readStatistics } from '@wardround/learning/statistics/state';
import { prepared } from '@wardround/learning/statistics/prepared';
import { answersOf } from '@wardround/learning/tfjs/answers';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { compareOnOwnRows } from '@wardround/learning/tfjs/own-comparison';
import { hasStopped } from '@wardround/learning/training/early-stopping';
import type { Rows, SiteRows } from '@wardround/learning/rounds/site-rows';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cohortOf, sgd } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';
import { testBackend } from '../test-backend.ts';

/** Two columns of unlike size; the first decides, more or less. */
function rowsOf(count: number, seed: number): Rows {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const features = Float64Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 100 * next() : 5000 * next()));
  const labels = Float64Array.from({ length: count }, (_, i) => ((features[2 * i] ?? 0) + 60 * next() > 110 ? 1 : 0));
  return { rows: count, features, labels };
}

const sites = ['a', 'b', 'c', 'd'].map((name, i) => {
  const data: SiteRows = {
    train: rowsOf(60 + 30 * i, i + 1),
    test: rowsOf(40, i + 11),
    missing: { cells: new Float64Array(2), droppedRows: 0 },
  };
  return { name, data, weight: data.train.rows };
});

const study: StudyPlan = studyPlanOf({
  rounds: 12,
  cohort: { ...cohortOf(['x', 'z']), standardise: 'federated' },
  statistics: ['counts', 'moments'],
  training: {
    ...sgd,
    steps: 40,
    classWeights: { method: 'federated' },
    earlyStopping: { method: 'pooledLoss', patience: 2, minimumImprovement: '0.02' },
  },
  evaluation: { metrics: ['auroc', 'accuracy', 'loss'], minimumCell: 5, everyRounds: 3, perSiteAtEnd: false },
});

let backend: Backend;
const rounds: SimulatedRound[] = [];
beforeAll(async () => {
  backend = await startBackend(testBackend);
  for await (const round of simulateStudy({ backend, plan: study, sites })) rounds.push(round);
});

describe('a study with everything', () => {
  it('holds its rounds in order, and ends early only in what they change', () => {
    expect(rounds[0]?.stage.task).toBe('statistics');
    expect(rounds.at(-1)?.stage).toEqual({ task: 'evaluation', trainingRound: 12, final: true });
    const stoppedAt = rounds.findIndex(({ checkpoint }) => hasStopped(study, checkpoint.state));
    expect(stoppedAt).toBeGreaterThan(0);
    expect(stoppedAt).toBeLessThan(rounds.length - 3);
    for (const { checkpoint } of rounds.slice(stoppedAt))
      expect(checkpoint.model).toEqual(rounds[stoppedAt]?.checkpoint.model);
    const afterStop = rounds.slice(stoppedAt + 1).filter(({ stage }) => stage.task === 'update');
    expect(afterStop.map(({ loss }) => loss)).toEqual(afterStop.map(() => null));
  });

  it('keeps every section to the end, each checkpoint of one size', () => {
    const sizes = rounds.map(({ checkpoint }) => checkpoint.state.map(({ name, shape }) => `${name} ${shape.join()}`));
    expect(new Set(sizes.map((names) => names.join('\n'))).size).toBe(1);
    const last = rounds.at(-1)?.checkpoint.state ?? [];
    expect(readStatistics(study, last).rows[0]).toBe(60 + 90 + 120 + 150);
  });

  it('measures the model that it made: the same as on all test rows in one place', () => {
    const { model, state } = rounds.at(-1)?.checkpoint ?? { model: [], state: [] };
    const parts = sites.map(({ data }) => {
      const ready = prepared({ plan: study, data, state });
      return { answers: answersOf({ backend, plan: study, model, rows: ready.data.test }), labels: data.test.labels };
    });
    const together = {
      predictions: Float64Array.from(parts.flatMap(({ answers }) => [...answers])),
      labels: Float64Array.from(parts.flatMap(({ labels }) => [...labels])),
    };
    const exact = evaluate(['auroc', 'accuracy', 'loss'], 'binary', together);
    const { values, resolution } = readEvaluation(study, state);
    expect(values[1]).toBe(exact.accuracy);
    expect(values[2]).toBeCloseTo(exact.loss ?? 0, 6);
    expect(Math.abs((values[0] ?? 0) - (exact.auroc ?? 0))).toBeLessThanOrEqual((resolution[0] ?? 0) + 1e-12);
    expect(values[0]).toBeGreaterThan(0.8);
  });

  it('gives the same bytes again', async () => {
    let last: SimulatedRound | undefined;
    for await (const round of simulateStudy({ backend, plan: study, sites })) last = round;
    expect(last?.checkpoint).toEqual(rounds.at(-1)?.checkpoint);
  });
});

describe('a site’s own comparison', () => {
  it('has every metric of the plan for both models, with intervals around them', async () => {
    const [site] = sites;
    const final = rounds.at(-1)?.checkpoint;
    if (site === undefined || final === undefined) throw new Error('no study');
    const { federated, local, testRows } = await compareOnOwnRows({
      backend,
      plan: study,
      site: site.name,
      data: site.data,
      final,
      kept: [],
    });
    expect(testRows).toBe(40);
    for (const results of [federated, local]) {
      expect(results.map(({ metric }) => metric)).toEqual(['auroc', 'accuracy', 'loss']);
      for (const { value, interval } of results) {
        expect(interval?.low).toBeLessThanOrEqual(value ?? Number.NaN);
        expect(interval?.high).toBeGreaterThanOrEqual(value ?? Number.NaN);
      }
    }
  });

  it('is the same each time, and null without test rows', () => {
    const answers = { predictions: Float64Array.of(0.2, 0.9, 0.6), labels: Float64Array.of(0, 1, 1) };
    expect(ownResults({ plan: study, site: 'a', ...answers })).toEqual(
      ownResults({ plan: study, site: 'a', ...answers }),
    );
    const none = ownResults({ plan: study, site: 'a', predictions: new Float64Array(0), labels: new Float64Array(0) });
    expect(none).toEqual(['auroc', 'accuracy', 'loss'].map((metric) => ({ metric, value: null, interval: null })));
  });
});
