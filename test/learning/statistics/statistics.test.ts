// Federated statistics against the same numbers of all rows together; what is suppressed; what no contribution may be.
import { describe, expect, it } from 'vitest';
import { initialStatistics, readStatistics } from '@wardround/learning/statistics/state';
import { localStatistics } from '@wardround/learning/statistics/local-statistics';
import { quantilePercents } from '@wardround/learning/statistics/quantiles';
import { releasedStatistics } from '@wardround/learning/statistics/released';
import { statisticsTask } from '@wardround/learning/statistics/statistics-task';
import { standardised } from '@wardround/learning/statistics/standardise';
import type { SiteRows } from '@wardround/learning/rounds/site-rows';
import { withSection } from '@wardround/learning/rounds/state-sections';
import { canonicalJson, parseStrictJson } from '@wardround/protocol/canonical-json';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { cohortOf, sgd } from '../plans.ts';
import { withCode } from '../tensors.ts';
import { hasShared, readShared } from '../shared-data.ts';
import { type MixedRow, close, mixedCohort, mixedSite } from './cohorts.ts';
import { studyPlanOf } from '../study-plan.ts';

const everything: StudyPlan['statistics'] = [
  'counts',
  'missingness',
  'moments',
  'quantiles',
  'histograms',
  'correlations',
];

/** Made-up rows, the same in every run: enough of each code and class. */
function rowsOf(count: number, seed: number): readonly MixedRow[] {
  return Array.from({ length: count }, (_, i) => {
    const n = (i * 7919 + seed * 104_729) % 1000;
    const codes = [1, 2, 3] as const;
    return {
      age: 18 + (n % 80) + (n % 7) / 7,
      flag: n % 3 === 0 ? 1 : 0,
      cp: codes[n % 3] ?? 1,
      y: n % 4 === 0 ? 1 : 0,
    };
  });
}

const parts = [rowsOf(120, 1), rowsOf(60, 2), rowsOf(200, 3)];
const all = parts.flat();
const sites = parts.map((rows) => mixedSite(rows, rows.slice(0, 10), 5));
const plan = studyPlanOf({ cohort: mixedCohort, statistics: everything });

function stateOf(study: StudyPlan, data: readonly SiteRows[]): readonly Tensor[] {
  const base = { round: 0, model: [], state: withSection([], 'statistics', initialStatistics(study)) };
  return close(
    { plan: study, stage: { task: 'statistics' }, base },
    data.map((site) => localStatistics(study, site)),
  ).state;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
function correlationOf(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [meanOf(a), meanOf(b)];
  const together = a.reduce((sum, value, i) => sum + (value - ma) * ((b[i] ?? 0) - mb), 0);
  return together / ((a.length - 1) * deviationOf(a) * deviationOf(b));
}
const columnsOf = (rows: readonly MixedRow[]): readonly (readonly number[])[] => [
  rows.map(({ age }) => age),
  rows.map(({ flag }) => flag),
  rows.map(({ cp }) => Number(cp === 2)),
  rows.map(({ cp }) => Number(cp === 3)),
];

describe('federated statistics', () => {
  const values = readStatistics(plan, stateOf(plan, sites));
  const columns = columnsOf(all);

  it('count rows, events, codes and empty cells', () => {
    expect([...values.rows]).toEqual([380, 30]);
    expect(values.events[0]).toBe(all.filter(({ y }) => y === 1).length);
    expect([...values.codes]).toEqual([1, 2, 3].map((code) => all.filter(({ cp }) => cp === code).length));
    expect([...values.missing]).toEqual([15, 0, 0]);
    expect([...values.droppedRows]).toEqual([15]);
  });

  it('have the means and standard deviations of all rows together', () => {
    columns.forEach((column, i) => {
      expect(values.mean[i]).toBeCloseTo(meanOf(column), 9);
      expect(values.deviation[i]).toBeCloseTo(deviationOf(column), 8);
    });
    expect([...values.momentsShown]).toEqual([1, 1, 1, 1]);
  });

  it('have the correlations of all rows together', () => {
    const expected = columns.flatMap((a, i) => columns.slice(i + 1).map((b) => correlationOf(a, b)));
    expected.forEach((r, i) => expect(values.correlations[i]).toBeCloseTo(r, 8));
    expect(values.correlations).toHaveLength(6);
  });

  it('have quantiles within one bin of those of the rows', () => {
    const ages = (columns[0] ?? []).toSorted((a, b) => a - b);
    quantilePercents.forEach((percent, i) => {
      const exact = ages[Math.max(0, Math.ceil((percent / 100) * ages.length) - 1)] ?? 0;
      const isShown = ages.length * Math.min(percent, 100 - percent) >= 1000;
      expect(values.quantilesShown[i]).toBe(isShown ? 1 : 0);
      if (isShown) expect(Math.abs((values.quantiles[i] ?? 0) - exact)).toBeLessThanOrEqual(82 / 1024);
    });
  });

  it('have histograms that hold every row', () => {
    const shown = values.histograms.subarray(0, 32);
    shown.forEach((rows, bin) => {
      const from = 18 + (82 / 32) * bin;
      const exact = columns[0]?.filter((age) => age >= from && age < from + 82 / 32).length ?? 0;
      expect(rows === -1 || rows === exact).toBe(true);
      expect(exact > 0 && exact < 10 ? rows : -1).toBe(-1);
    });
    expect([...values.histograms.subarray(32, 64)].filter((rows) => rows > 0)).toHaveLength(2);
  });

  it('do not depend on the order of the sites', () => {
    expect(stateOf(plan, sites.toReversed())).toEqual(stateOf(plan, sites));
  });

  it('keep their size whatever the data', () => {
    const sizes = (state: readonly Tensor[]): unknown =>
      state.map(({ name, shape, dtype }) => ({ name, shape, dtype }));
    expect(sizes(stateOf(plan, sites))).toEqual(sizes(withSection([], 'statistics', initialStatistics(plan))));
  });

  it('are released as strict JSON, without a small cell', () => {
    const json = releasedStatistics(plan, stateOf(plan, sites));
    expect(parseStrictJson(canonicalJson(json))).toEqual(json);
    expect(json).toMatchObject({
      rows: { train: 380, test: 30 },
      counts: { codes: [{ feature: 'cp', rows: [{ code: '1' }, { code: '2' }, { code: '3' }] }] },
      missingness: { emptyCells: [{ feature: 'age', rows: 15 }, { rows: 0 }, { rows: 0 }], droppedRows: 15 },
      moments: [{ column: 'age', mean: meanOf(columns[0] ?? []).toPrecision(10) }, {}, {}, {}],
    });
  });

  it('release only what the plan asks for, or its standardising uses', () => {
    const asks = studyPlanOf({ cohort: { ...mixedCohort, standardise: 'federated' }, statistics: ['counts'] });
    const json = releasedStatistics(asks, stateOf(asks, sites));
    expect(Object.keys(Object(json)).toSorted()).toEqual([
      'counts',
      'kind',
      'moments',
      'notes',
      'rows',
      'suppressedBelow',
    ]);
    const plain = studyPlanOf({ cohort: mixedCohort, statistics: ['counts'] });
    expect(Object(releasedStatistics(plain, stateOf(plain, sites))).moments).toBeUndefined();
  });

  it('are not read before their round', () => {
    const state = withSection([], 'statistics', initialStatistics(plan));
    expect(() => readStatistics(plan, state)).toThrow(withCode('statistics-missing'));
    expect(() => readStatistics(plan, [])).toThrow(withCode('tensors-mismatch'));
  });
});

describe('small cells', () => {
  const age = 50;
  const common: MixedRow = { age, flag: 0, cp: 1, y: 0 };
  const many = (row: Partial<MixedRow>, count: number): readonly MixedRow[] =>
    Array.from({ length: count }, (_, i) => ({ ...common, age: age + (i % 20), ...row }));

  it('hide a rare code with the next smallest, and the means that would tell it', () => {
    const rows = [...many({}, 60), ...many({ cp: 2 }, 30), ...many({ cp: 3 }, 3)];
    const values = readStatistics(plan, stateOf(plan, [mixedSite(rows), mixedSite(many({}, 20))]));
    expect([...values.codes]).toEqual([80, -1, -1]);
    expect([...values.momentsShown]).toEqual([1, 1, 0, 0]);
    expect([values.mean[2], values.deviation[2], values.mean[3]]).toEqual([0, 0, 0]);
    expect([...values.correlations]).toEqual([-2, -2, -2, -2, -2, -2]);
  });

  it('hide a rare value of a number that has two', () => {
    const rows = [...many({ cp: 2 }, 30), ...many({ cp: 3 }, 30), ...many({ flag: 1 }, 30)];
    const rare = [...rows, ...many({}, 30), ...many({}, 4)];
    const shown = readStatistics(plan, stateOf(plan, [mixedSite(rare)])).momentsShown;
    expect([...shown]).toEqual([1, 1, 1, 1]);
    const few = rare.map((row, i): MixedRow => ({ ...row, flag: i < 4 ? 1 : 0 }));
    expect([...readStatistics(plan, stateOf(plan, [mixedSite(few)])).momentsShown]).toEqual([1, 0, 1, 1]);
  });

  it.each([
    ['of a code without a column', 1],
    ['of a code with one', 3],
  ] as const)('hide correlations that count few rows of two columns together, %s', (_, cp) => {
    const others = ([1, 2, 3] as const).filter((code) => code !== cp);
    const rows = [
      ...([1, 2, 3] as const).flatMap((code) => many({ cp: code }, 40)),
      ...others.flatMap((code) => many({ cp: code, flag: 1 }, 25)),
    ];
    const shownWith = (together: number): readonly boolean[] => {
      const site = mixedSite([...rows, ...many({ cp, flag: 1 }, together)]);
      const values = readStatistics(plan, stateOf(plan, [site]));
      expect([...values.momentsShown]).toEqual([1, 1, 1, 1]);
      return Array.from(values.correlations, (r) => r !== -2);
    };
    // age with each of the others; flag with cp 2 and 3; cp 2 with 3.
    expect(shownWith(0)).toEqual([true, true, true, true, true, true]);
    expect(shownWith(1)).toEqual([true, true, true, false, false, true]);
    expect(shownWith(9)).toEqual([true, true, true, false, false, true]);
    expect(shownWith(10)).toEqual([true, true, true, true, true, true]);
  });

  it('hide both classes where one is small, and few test rows', () => {
    const rows = [...many({}, 40), ...many({ y: 1 }, 3)];
    const values = readStatistics(plan, stateOf(plan, [mixedSite(rows, rows.slice(0, 4))]));
    expect([...values.events]).toEqual([-1, -1]);
    expect([...values.rows]).toEqual([43, -1]);
  });

  it('hide few empty cells, and the dropped rows that would tell them', () => {
    const values = readStatistics(plan, stateOf(plan, [mixedSite(many({}, 40), [], 3)]));
    expect([...values.missing, ...values.droppedRows]).toEqual([-1, 0, 0, -1]);
  });

  it('stop the study below one cell of rows', () => {
    expect(() => stateOf(plan, [mixedSite(many({}, 9))])).toThrow(withCode('statistics-too-few-rows'));
  });
});

describe('federated class weights', () => {
  const training = { ...sgd, classWeights: { method: 'federated' } } as const;
  const weighed = studyPlanOf({ cohort: mixedCohort, training });

  it('are those of all rows together', () => {
    const { classWeights } = readStatistics(weighed, stateOf(weighed, sites));
    const positives = all.filter(({ y }) => y === 1).length;
    expect([...classWeights]).toEqual([380 / (2 * (380 - positives)), 380 / (2 * positives)]);
  });

  it('do not tell the size of a small class', () => {
    const rows = parts.map((part) => mixedSite(part.map((row, i): MixedRow => ({ ...row, y: i < 3 ? 1 : 0 }))));
    expect(() => stateOf(weighed, rows)).toThrow(withCode('class-weights-too-few'));
  });
});

describe('a site’s statistics', () => {
  const task = statisticsTask(plan);
  it('keep the limits of the task', () => {
    for (const site of sites) {
      localStatistics(plan, site).forEach((values, i) => {
        const limit = task.limits[i];
        if (limit?.kind !== 'range') throw new Error('a norm');
        for (const value of values) expect(value >= limit.least && value <= limit.most).toBe(true);
        expect(values).toHaveLength(task.tensors[i]?.shape.reduce((a, b) => a * b, 1) ?? 0);
      });
    }
  });

  it.each<[string, Partial<MixedRow>, string]>([
    ['a value beyond its range', { age: 101 }, 'statistics-range'],
    ['NaN', { age: Number.NaN }, 'statistics-range'],
  ])('refuse %s', (_, wrong, code) => {
    const rows = all.map((row, i) => (i === 7 ? { ...row, ...wrong } : row));
    expect(() => localStatistics(plan, mixedSite(rows))).toThrow(withCode(code));
  });

  it('refuse rows that are not the plan’s, and too many', () => {
    const site = mixedSite(all);
    const narrow = { ...site, train: { ...site.train, features: site.train.features.slice(1) } };
    expect(() => localStatistics(plan, narrow)).toThrow(withCode('statistics-data'));
    const dropped = { ...site, missing: { ...site.missing, droppedRows: 2 ** 22 } };
    expect(() => localStatistics(plan, dropped)).toThrow(withCode('statistics-rows'));
  });
});

describe('standardising', () => {
  const federated = studyPlanOf({ cohort: { ...mixedCohort, standardise: 'federated' } });

  it('takes all sites’ moments, for training and test rows alike', () => {
    const state = stateOf(federated, sites);
    const [first] = sites;
    if (first === undefined) throw new Error('no site');
    const { train, test } = standardised(federated, state, first);
    const ages = columnsOf(all)[0] ?? [];
    const expected = ((parts[0]?.[3]?.age ?? 0) - meanOf(ages)) / (deviationOf(ages) + 1e-9);
    expect(train.features[3 * 4]).toBeCloseTo(expected, 9);
    expect(test.features[3 * 4]).toBe(train.features[3 * 4]);
  });

  it('only centres a constant column, also one that no double holds', () => {
    const constant = parts.map((part) => mixedSite(part.map((row) => ({ ...row, age: 18.1 }))));
    const state = stateOf(federated, constant);
    expect(readStatistics(federated, state).deviation[0]).toBe(0);
    const [first] = constant;
    if (first === undefined) throw new Error('no site');
    expect(Math.abs(standardised(federated, state, first).train.features[0] ?? 1)).toBeLessThan(1e-7);
  });

  it('leaves trees and plans without it their numbers', () => {
    const [first] = sites;
    if (first === undefined) throw new Error('no site');
    const trees = studyPlanOf({
      cohort: { ...mixedCohort, standardise: 'perSite' },
      model: { kind: 'gradientBoostedTrees', trees: 1, depth: 1, bins: 2, learningRate: '1', l2: '0' },
    });
    expect(standardised(trees, [], first)).toBe(first);
    expect(standardised(studyPlanOf({ cohort: mixedCohort }), [], first)).toBe(first);
  });

  it('needs the statistics round', () => {
    const state = withSection([], 'statistics', initialStatistics(federated));
    const [first] = sites;
    if (first === undefined) throw new Error('no site');
    expect(() => standardised(federated, state, first)).toThrow(withCode('statistics-missing'));
  });
});

describe('what hostile sites may send within the limits', () => {
  const task = statisticsTask(plan);
  const base = { round: 0, model: [], state: withSection([], 'statistics', initialStatistics(plan)) };

  it.each([0, 1, 2, 3])('leaves a state that every site can read, or none: pattern %i', (pattern) => {
    const sums = task.tensors.map(({ shape, name }, t) => {
      const limit = task.limits[t];
      if (limit?.kind !== 'range') throw new Error('a norm');
      const bounds = [limit.least, limit.most, (limit.least + limit.most) / 3n];
      return BigInt64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
        name === 'counts.rows' ? limit.most : (bounds[(i + t + pattern) % (pattern + 1)] ?? limit.most),
      );
    });
    const { state } = task.next({ base, sums, each: [], totalWeight: 1, contributors: 1 });
    expect(() => canonicalJson(releasedStatistics(plan, state))).not.toThrow();
  });
});

const heart = 'fed-heart';
describe.skipIf(!hasShared(heart))('the four hospitals', () => {
  const names = ['age', 'sex', 'trestbps', 'chol', 'fbs', 'thalach', 'exang', 'oldpeak', 'cp_2', 'cp_3', 'cp_4'];
  const features = [...names, 'restecg_1', 'restecg_2'];
  const ranges: Readonly<Record<string, readonly [string, string]>> = {
    age: ['18', '100'],
    trestbps: ['0', '300'],
    chol: ['0', '700'],
    thalach: ['0', '250'],
    oldpeak: ['-10', '10'],
  };
  const cohort = {
    ...cohortOf(features),
    standardise: 'federated' as const,
    features: features.map((name) => {
      const [min, max] = ranges[name] ?? ['0', '1'];
      return { type: 'number' as const, name, unit: null, range: { min, max }, missing: 'refuse' as const };
    }),
  };

  function hospitals(): readonly SiteRows[] {
    const [head = '', ...lines] = readShared(heart, 'fed_heart_740.csv').trim().split('\n');
    const header = head.trim().split(',');
    const rows = lines.map((line) => line.trim().split(','));
    const cell = (row: readonly string[], name: string): string => row[header.indexOf(name)] ?? '';
    return ['0', '1', '2', '3'].map((center) => {
      const half = (fold: string): SiteRows['train'] => {
        const mine = rows.filter((row) => cell(row, 'center') === center && cell(row, 'fold') === fold);
        return {
          rows: mine.length,
          features: Float64Array.from(mine.flatMap((row) => features.map((name) => Number(cell(row, name))))),
          labels: Float64Array.from(mine, (row) => Number(cell(row, 'target'))),
        };
      };
      return {
        train: half('train'),
        test: half('test'),
        missing: { cells: new Float64Array(features.length), droppedRows: 0 },
      };
    });
  }

  it('have their pooled means and standard deviations', () => {
    const study = studyPlanOf({ cohort });
    const data = hospitals();
    const { mean, deviation, rows } = readStatistics(study, stateOf(study, data));
    expect([...rows]).toEqual([486, 254]);
    const stats: { stats: { pooled: { mean: number[]; std: number[] } } } = JSON.parse(
      readShared(heart, 'normalization_stats.json'),
    );
    features.forEach((_, column) => {
      const values = data.flatMap(({ train }) =>
        Array.from({ length: train.rows }, (__, row) => train.features[row * features.length + column] ?? 0),
      );
      // Against the same in one place, in float64; and against the file, which another library made in float32.
      expect(Math.abs((mean[column] ?? 0) - meanOf(values))).toBeLessThan(1e-9);
      expect(Math.abs((deviation[column] ?? 0) - deviationOf(values))).toBeLessThan(1e-8);
      expect((mean[column] ?? 0) / (stats.stats.pooled.mean[column] ?? 0)).toBeCloseTo(1, 6);
      expect((deviation[column] ?? 0) / (stats.stats.pooled.std[column] ?? 0)).toBeCloseTo(1, 6);
    });
  });
});
