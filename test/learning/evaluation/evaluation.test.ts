// Pooled metrics against those of all rows together, written from their definitions; small cells; limits; intervals.
import { describe, expect, it } from 'vitest';
import { localEvaluation } from '@wardround/learning/evaluation/local-evaluation';
import { evaluationTask } from '@wardround/learning/evaluation/evaluation-task';
import { releasedEvaluation } from '@wardround/learning/evaluation/released';
import { type EvaluationState, initialEvaluation, readEvaluation } from '@wardround/learning/evaluation/state';
import { type Metric, evaluate } from '@wardround/learning/metrics';
import { withSection } from '@wardround/learning/rounds/state-sections';
import { canonicalJson, parseStrictJson } from '@wardround/protocol/canonical-json';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { cohortOf } from '../plans.ts';
import { close } from '../statistics/cohorts.ts';
import { studyPlanOf } from '../study-plan.ts';
import { withCode } from '../tensors.ts';
import {
  type Row,
  type SurvivalRow,
  accuracyByHand,
  aurocByPairs,
  averagePrecisionByThresholds,
  calibrationByHand,
  logLossByHand,
  meanSquare,
  pairsByHand,
} from './by-hand.ts';

const binary: readonly Metric[] = ['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'loss'];
const stage = { task: 'evaluation', trainingRound: 7, final: false } as const;

function studyWith(metrics: readonly Metric[], label: Cohort['label']['type'] = 'binary', minimumCell = 10): StudyPlan {
  return studyPlanOf({
    cohort: cohortOf(['a'], label),
    evaluation: { metrics: [...metrics], minimumCell, everyRounds: 0, perSiteAtEnd: false },
  });
}

/** Uniform in [0, 1), the same in every run. */
function* chance(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Rows of a model that is right more often than not, with many ties. */
function rowsOf(count: number, seed: number): readonly Row[] {
  const random = chance(seed);
  const next = (): number => random.next().value;
  return Array.from({ length: count }, () => {
    const y = next() < 0.4 ? 1 : 0;
    const p = Math.min(1, Math.max(0, 0.35 + 0.3 * y + (next() - 0.5) * 0.9));
    return { y, p: next() < 0.3 ? Math.round(p * 10) / 10 : p };
  });
}

function stateOf(plan: StudyPlan, sites: readonly (readonly Row[])[]): readonly Tensor[] {
  const base = { round: 8, model: [], state: withSection([], 'evaluation', initialEvaluation(plan)) };
  const contributions = sites.map((rows, i) =>
    localEvaluation({
      plan,
      site: `site-${i}`,
      trainingRound: 7,
      answers: { predictions: Float64Array.from(rows, ({ p }) => p), labels: Float64Array.from(rows, ({ y }) => y) },
    }),
  );
  return close({ plan, stage, base }, contributions).state;
}

const poolOf = (plan: StudyPlan, sites: readonly (readonly Row[])[]): EvaluationState =>
  readEvaluation(plan, stateOf(plan, sites));

describe('pooled evaluation of probabilities', () => {
  const plan = studyWith(binary);
  const sites = [rowsOf(150, 1), rowsOf(80, 2), rowsOf(240, 3)];
  const all = sites.flat();
  const values = poolOf(plan, sites);
  const [accuracy, auroc, auprc, brier, calibration, loss] = values.values;

  it('is that of all rows together, exactly where it is a sum', () => {
    expect([...values.shown]).toEqual([1, 1, 1, 1, 1, 1]);
    expect(accuracy).toBe(accuracyByHand(all));
    expect(brier).toBeCloseTo(meanSquare(all), 9);
    expect(calibration).toBeCloseTo(calibrationByHand(all), 8);
    expect(loss).toBeCloseTo(logLossByHand(all), 7);
    expect(values.rows[0]).toBe(470);
    expect(values.events[0]).toBe(all.filter(({ y }) => y === 1).length);
  });

  it('is within its stated resolution of the AUROC and AUPRC of all rows together', () => {
    const [ofAuroc = 0, ofAuprc = 0] = values.resolution;
    expect(Math.abs((auroc ?? 0) - (aurocByPairs(all) ?? 0))).toBeLessThanOrEqual(ofAuroc + 1e-12);
    expect(Math.abs((auprc ?? 0) - (averagePrecisionByThresholds(all) ?? 0))).toBeLessThanOrEqual(ofAuprc + 1e-12);
    // Ties within the rows themselves are part of it.
    expect(ofAuroc).toBeLessThan(0.02);
    expect(ofAuprc).toBeLessThan(0.03);
  });

  it('is not the mean of the sites: a shift between them counts', () => {
    const shifted = [
      rowsOf(200, 4).map(({ p, y }) => ({ y, p: p / 2 })),
      rowsOf(200, 5).map(({ p, y }) => ({ y, p: 0.5 + p / 2 })),
    ];
    const pooled = poolOf(studyWith(['auroc']), shifted);
    expect(Math.abs((pooled.values[0] ?? 0) - (aurocByPairs(shifted.flat()) ?? 0))).toBeLessThan(0.005);
  });

  it('has intervals around its values, narrower for more rows', () => {
    const width = (state: EvaluationState, i: number): number => (state.high[i] ?? 0) - (state.low[i] ?? 0);
    const larger = poolOf(plan, [rowsOf(3000, 6), rowsOf(3000, 7)]);
    binary.forEach((_, i) => {
      expect(values.intervalShown[i]).toBe(1);
      if (i !== binary.indexOf('calibration')) {
        expect(values.low[i]).toBeLessThan(values.values[i] ?? 0);
        expect(values.high[i]).toBeGreaterThan(values.values[i] ?? 0);
      }
      expect(width(larger, i)).toBeLessThan(width(values, i));
    });
    // Wald's interval of a share says about the same.
    expect(width(values, 0)).toBeCloseTo(2 * 1.96 * Math.sqrt(((accuracy ?? 0) * (1 - (accuracy ?? 0))) / 470), 1.5);
  });

  it('has the confusion table and the reliability of all rows', () => {
    const called = (p: boolean, y: number): number => all.filter((row) => row.p > 0.5 === p && row.y === y).length;
    expect([...values.confusion]).toEqual([called(true, 1), called(true, 0), called(false, 0), called(false, 1)]);
    for (let bin = 0; bin < 10; bin += 1) {
      const inside = all.filter(({ p }) => Math.min(9, Math.floor(p * 10)) === bin);
      const [rows, positives, mean] = values.calibration.subarray(3 * bin, 3 * bin + 3);
      if (rows === -1) continue;
      expect([rows, positives]).toEqual([inside.length, inside.filter(({ y }) => y === 1).length]);
      if (inside.length > 0) expect(mean).toBeCloseTo(inside.reduce((sum, { p }) => sum + p, 0) / inside.length, 8);
    }
  });

  it('does not depend on the order of the sites, and keeps its size', () => {
    const swapped = sites.map((rows) => rows.toReversed());
    const sizes = (state: readonly Tensor[]): unknown =>
      state.map(({ name, shape, dtype }) => ({ name, shape, dtype }));
    expect(poolOf(studyWith(['auroc']), swapped).values).toEqual(poolOf(studyWith(['auroc']), sites).values);
    expect(sizes(stateOf(plan, sites))).toEqual(sizes(withSection([], 'evaluation', initialEvaluation(plan))));
  });

  it('is released as strict JSON', () => {
    const json = releasedEvaluation(plan, stateOf(plan, sites));
    expect(parseStrictJson(canonicalJson(json))).toEqual(json);
    expect(json).toMatchObject({
      kind: 'evaluation',
      trainingRound: 7,
      rows: 470,
      metrics: binary.map((metric) => ({ metric, value: expect.stringMatching(/^0\.\d+$/) })),
    });
  });

  it('is not read before it was held', () => {
    const state = withSection([], 'evaluation', initialEvaluation(plan));
    expect(() => readEvaluation(plan, state)).toThrow(withCode('evaluation-missing'));
  });

  it('says nothing of no rows', () => {
    const values_ = poolOf(plan, [[], []]);
    expect([...values_.shown, ...values_.intervalShown]).toEqual(Array.from({ length: 12 }, () => 0));
    expect(values_.rows[0]).toBe(0);
  });
});

describe('small cells', () => {
  const plan = studyWith(['accuracy', 'auroc', 'calibration']);
  const rows = (count: number, y: number, p: number): readonly Row[] => Array.from({ length: count }, () => ({ y, p }));

  it('show nothing of few test rows', () => {
    const values = poolOf(plan, [rows(4, 1, 0.7), rows(5, 0, 0.2)]);
    expect([...values.shown]).toEqual([0, 0, 0]);
    expect([values.rows[0], values.events[0]]).toEqual([-1, -1]);
  });

  it('show no rank of a small class, and not its size', () => {
    const values = poolOf(plan, [rows(40, 0, 0.2), rows(5, 1, 0.7)]);
    expect([...values.shown]).toEqual([1, 0, 1]);
    expect([values.rows[0], values.events[0], ...values.resolution]).toEqual([45, -1, 0, 0]);
    expect([...values.confusion]).toEqual([-1, -1, -1, -1]);
  });

  it('hide all four cells for one', () => {
    const values = poolOf(plan, [[...rows(40, 0, 0.2), ...rows(20, 1, 0.7), ...rows(3, 1, 0.1), ...rows(20, 0, 0.9)]]);
    expect([...values.confusion]).toEqual([-1, -1, -1, -1]);
  });

  it('hide a tenth with few positives, and another that would tell them', () => {
    const values = poolOf(plan, [
      [...rows(40, 0, 0.05), ...rows(3, 1, 0.05), ...rows(30, 1, 0.75), ...rows(12, 1, 0.95), ...rows(15, 0, 0.75)],
    ]);
    const shown = [...values.calibration].filter((_, i) => i % 3 === 0);
    expect(shown).toEqual([-1, 0, 0, 0, 0, 0, 0, 45, 0, -1]);
  });

  it('hide a tenth that the confusion table would tell', () => {
    const site = [
      ...rows(30, 0, 0.15),
      ...rows(12, 1, 0.15),
      ...rows(30, 1, 0.75),
      ...rows(20, 0, 0.75),
      ...rows(3, 1, 0.95),
    ];
    const withCalled = poolOf(plan, [site]);
    expect([...withCalled.confusion]).toEqual([33, 20, 30, 12]);
    // Without the third, 33 − 30 true positives would be those of the last tenth.
    const shown = ({ calibration }: EvaluationState): readonly number[] =>
      [...calibration].filter((_, i) => i % 3 === 0);
    expect(shown(withCalled)).toEqual([0, -1, 0, 0, 0, 0, 0, -1, 0, -1]);
    expect(shown(poolOf(studyWith(['calibration']), [site]))).toEqual([0, -1, 0, 0, 0, 0, 0, 50, 0, -1]);
  });

  it('show all where the plan says one row is enough', () => {
    const values = poolOf(studyWith(['auroc'], 'binary', 1), [rows(2, 0, 0.2), rows(1, 1, 0.7)]);
    expect([values.values[0], values.shown[0], values.rows[0]]).toEqual([1, 1, 3]);
  });
});

describe('pooled evaluation of numbers', () => {
  const plan = studyPlanOf({
    cohort: {
      ...cohortOf(['a'], 'number'),
      label: { type: 'number', name: 'y', unit: null, range: { min: '0', max: '200' }, missing: 'refuse' },
    },
    evaluation: { metrics: ['rmse', 'loss'], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
  });
  const sites = [1, 2].map((seed) => rowsOf(100, seed).map(({ p, y }) => ({ p: 200 * p, y: 150 * y + 20 * p })));

  it('is that of all rows together', () => {
    const { values, low, high } = poolOf(plan, sites);
    const square = meanSquare(sites.flat());
    expect((values[0] ?? 0) / Math.sqrt(square)).toBeCloseTo(1, 7);
    expect((values[1] ?? 0) / square).toBeCloseTo(1, 7);
    expect(low[0]).toBeLessThan(values[0] ?? 0);
    expect(high[0]).toBeGreaterThan(values[0] ?? 0);
  });

  it('counts an error beyond sixteen ranges as sixteen', () => {
    const { values } = poolOf(plan, [Array.from({ length: 20 }, () => ({ p: 1e9, y: 0 }))]);
    expect(values[0]).toBeCloseTo(16 * 200, 6);
  });
});

describe('pooled evaluation of survival times', () => {
  const plan = studyWith(['cIndex'], 'survival');
  const sites = [1, 2, 3].map((seed) =>
    rowsOf(60, seed).map(({ p, y }, i): SurvivalRow => ({
      risk: p,
      time: Math.round((1 - p) * 20) + (i % 9),
      event: y,
    })),
  );

  function answersOf(rows: readonly SurvivalRow[]): Parameters<typeof evaluate>[2] & { readonly events: Float64Array } {
    return {
      predictions: Float64Array.from(rows, ({ risk }) => risk),
      labels: Float64Array.from(rows, ({ time }) => time),
      events: Float64Array.from(rows, ({ event }) => event),
    };
  }

  it('counts the pairs within each site', () => {
    const base = { round: 8, model: [], state: withSection([], 'evaluation', initialEvaluation(plan)) };
    const contributions = sites.map((rows, i) =>
      localEvaluation({ plan, site: `site-${i}`, trainingRound: 7, answers: answersOf(rows) }),
    );
    const { values, low, high, events } = readEvaluation(plan, close({ plan, stage, base }, contributions).state);
    const pairs = sites.map(pairsByHand);
    const sum = (at: 0 | 1 | 2): number => pairs.reduce((total, counts) => total + counts[at], 0);
    expect(values[0]).toBeCloseTo((sum(0) + sum(2) / 2) / (sum(0) + sum(1) + sum(2)), 12);
    expect(events[0]).toBe(sites.flat().filter(({ event }) => event === 1).length);
    expect(low[0]).toBeLessThan(values[0] ?? 0);
    expect(high[0]).toBeGreaterThan(values[0] ?? 0);
    const [first = []] = sites;
    const [concordant, discordant, tied] = pairsByHand(first);
    expect(evaluate(['cIndex'], 'survival', answersOf(first)).cIndex).toBeCloseTo(
      (concordant + tied / 2) / (concordant + discordant + tied),
      12,
    );
  });
});

describe('a site’s evaluation', () => {
  const plan = studyWith(binary);
  const task = evaluationTask(plan, stage);
  const contributionOf = (rows: readonly Row[]): ReturnType<typeof localEvaluation> =>
    localEvaluation({
      plan,
      site: 'a',
      trainingRound: 7,
      answers: { predictions: Float64Array.from(rows, ({ p }) => p), labels: Float64Array.from(rows, ({ y }) => y) },
    });

  it('keeps the limits of the task, also for sure mistakes', () => {
    const wrong = rowsOf(50, 1).map(({ y }) => ({ y, p: 1 - y }));
    contributionOf(wrong).forEach((values, i) => {
      const limit = task.limits[i];
      if (limit?.kind !== 'range') throw new Error('a norm');
      for (const value of values) expect(value >= limit.least && value <= limit.most).toBe(true);
      expect(values).toHaveLength(task.tensors[i]?.shape.reduce((a, b) => a * b, 1) ?? 0);
    });
  });

  it('is the same each time, and another site resamples otherwise', () => {
    const rows = rowsOf(50, 1);
    expect(contributionOf(rows)).toEqual(contributionOf(rows));
    const answers = {
      predictions: Float64Array.from(rows, ({ p }) => p),
      labels: Float64Array.from(rows, ({ y }) => y),
    };
    const at = task.tensors.findIndex(({ name }) => name === 'evaluation.loss.replicates');
    expect(localEvaluation({ plan, site: 'b', trainingRound: 7, answers })[at]).not.toEqual(contributionOf(rows)[at]);
  });

  it.each<[string, Row]>([
    ['NaN', { p: Number.NaN, y: 0 }],
    ['what is no probability', { p: 1.5, y: 0 }],
    ['a negative one', { p: -0.1, y: 0 }],
  ])('refuses %s', (_, row) => {
    expect(() => contributionOf([...rowsOf(5, 1), row])).toThrow(withCode('metric-data'));
  });

  it('closes over sums of its own layout only', () => {
    const base = { round: 1, model: [], state: [] };
    expect(() => task.next({ base, sums: [], each: [], totalWeight: 1, contributors: 1 })).toThrow(
      withCode('sums-mismatch'),
    );
  });
});

describe('what hostile sites may send within the limits', () => {
  const plan = studyWith(binary);
  const task = evaluationTask(plan, stage);
  const base = { round: 8, model: [], state: withSection([], 'evaluation', initialEvaluation(plan)) };

  it.each(['least', 'most', 'mixed'] as const)('leaves a state that every site can read: %s', (which) => {
    const sums = task.tensors.map(({ shape }, t) => {
      const limit = task.limits[t];
      if (limit?.kind !== 'range') throw new Error('a norm');
      const bounds = which === 'least' ? [limit.least] : which === 'most' ? [limit.most] : [limit.least, limit.most];
      return BigInt64Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => bounds[i % bounds.length] ?? 0n,
      );
    });
    const { state } = task.next({ base, sums, each: [], totalWeight: 1, contributors: 1 });
    expect(() => canonicalJson(releasedEvaluation(plan, state))).not.toThrow();
  });
});
