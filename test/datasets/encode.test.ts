// From a checked cohort to the model's numbers: one-hot columns, splits, standardisation by the training rows alone.
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CheckedCohort, checkCohort } from '@wardround/datasets/contract';
import { csvDefaults, readCsv } from '@wardround/datasets/csv';
import { type EncodedCohort, encodeCohort, encodeSiteRows } from '@wardround/datasets/encode';
import { type Column, makeTable } from '@wardround/datasets/table';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { codeFeature, cohortOf, numberFeature } from './cohorts.ts';
import { hasShared, readShared, sharedPath } from './shared-data.ts';

const column = (name: string, values: readonly (number | null)[]): Column => ({ type: 'number', name, values });
const table = makeTable('synthetic', [
  column('age', [50, null, 70, 90]),
  column('cp', [1, 2, 3, 2]),
  column('num', [0, 1, 2, 0]),
]);
const encode = (overrides: Partial<Cohort> = {}): EncodedCohort =>
  encodeCohort(checkCohort(table, cohortOf(overrides)));

describe('encodeCohort', () => {
  it('drops rows, writes one-hot columns, leaves numbers as they are', () => {
    const { columns, train, test, provenance } = encode();
    expect(provenance).toBe('synthetic');
    expect(columns.map(({ name }) => name)).toEqual(['age', 'cp=2', 'cp=3']);
    expect(train).toEqual({
      rows: 3,
      features: Float64Array.of(50, 0, 0, 70, 0, 1, 90, 1, 0),
      labels: Float64Array.of(0, 1, 0),
    });
    expect(test).toEqual({ rows: 0, features: new Float64Array(0), labels: new Float64Array(0) });
  });

  it('writes the first code too for oneHot', () => {
    const { columns, train } = encode({ features: [codeFeature('cp', [1, 2, 3], { encode: 'oneHot' })] });
    expect(columns.map(({ name }) => name)).toEqual(['cp=1', 'cp=2', 'cp=3']);
    expect([...train.features]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0]);
  });

  it('standardises with the training rows only; a constant column is divided by 1', () => {
    const fold: Column = { type: 'text', name: 'fold', values: ['train', 'train', 'train', 'test'] };
    const data = makeTable('real', [
      column('age', [1, 2, 3, 100]),
      column('k', [0.1, 0.1, 0.1, 0.4]),
      column('num', [0, 1, 0, 1]),
      fold,
    ]);
    const cohort = cohortOf({
      features: [numberFeature('age'), numberFeature('k')],
      standardise: 'perSite',
      split: { method: 'column', column: 'fold', train: 'train', test: 'test' },
    });
    const { train, test, standardisation } = encodeCohort(checkCohort(data, cohort));
    expect([...standardisation.mean]).toEqual([2, 0.1]);
    expect([...standardisation.scale]).toEqual([1 + 1e-9, 1]);
    expect([...train.features]).toEqual([-1 / (1 + 1e-9), 0, 0, 0, 1 / (1 + 1e-9), 0]);
    expect([...test.features]).toEqual([98 / (1 + 1e-9), 0.4 - 0.1]);
  });

  it('leaves a site’s rows as the data have them, with what was missing by column', () => {
    const { columns, train, missing } = encodeSiteRows(checkCohort(table, cohortOf({ standardise: 'federated' })));
    expect([...train.features]).toEqual([50, 0, 0, 70, 0, 1, 90, 1, 0]);
    expect(columns.map(({ name }) => name)).toEqual(['age', 'cp=2', 'cp=3']);
    expect(missing).toEqual({ cells: Float64Array.of(1, 0, 0), droppedRows: 1 });
  });

  it('standardises a single training row to zeros', () => {
    const data = makeTable('real', [column('age', [55]), column('num', [1])]);
    const cohort = cohortOf({ features: [numberFeature('age')], standardise: 'perSite' });
    expect([...encodeCohort(checkCohort(data, cohort)).train.features]).toEqual([0]);
  });

  it.each([
    ['federated standardisation', { standardise: 'federated' }, 'standardise-unsupported'],
    ['a row as a picture', { standardise: 'perImage' }, 'standardise-unsupported'],
    [
      'a split that leaves nothing to train on',
      { split: { method: 'fraction', testFraction: '1', seed: 1 } },
      'cohort-too-few-rows',
    ],
  ] as const)('refuses %s', (_, overrides, code) => {
    expect(() => encode(overrides)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses a cohort that was never checked', () => {
    const forged: CheckedCohort = Object.create(CheckedCohort.prototype);
    expect(() => encodeCohort(forged)).toThrow(expect.objectContaining({ code: 'cohort-unchecked' }));
  });
});

describe('the split by fraction', () => {
  const rows = 50;
  const many = makeTable('real', [
    column(
      'age',
      Array.from({ length: rows }, (_, i) => i),
    ),
    column(
      'num',
      Array.from({ length: rows }, () => 1),
    ),
  ]);
  const split = (testFraction: string, seed: number): EncodedCohort =>
    encodeCohort(
      checkCohort(
        many,
        cohortOf({ features: [numberFeature('age')], split: { method: 'fraction', testFraction, seed } }),
      ),
    );

  it.each([
    ['0.34', 17],
    ['0.341', 18],
    ['0', 0],
    ['0.02', 1],
    ['0.98', 49],
  ])('puts ⌈%s · 50⌉ = %i rows into the test half', (fraction, expected) => {
    const { train, test } = split(fraction, 43);
    expect(test.rows).toBe(expected);
    expect([...train.features, ...test.features].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: rows }, (_, i) => i),
    );
    expect([...train.features]).toEqual([...train.features].toSorted((a, b) => a - b));
  });

  it('is the seed’s', () => {
    expect(split('0.34', 43)).toEqual(split('0.34', 43));
    expect(split('0.34', 44).test.features).not.toEqual(split('0.34', 43).test.features);
    // Written down: a changed split would train on what an earlier version tested on.
    expect([...split('0.1', 43).test.features]).toMatchInlineSnapshot(`
      [
        0,
        8,
        23,
        25,
        45,
      ]
    `);
  });
});

const statisticsSchema = z.object({
  stats: z.record(z.string(), z.object({ mean: z.array(z.number()).length(13), std: z.array(z.number()).length(13) })),
});

describe.skipIf(!hasShared('fed-heart', 'normalization_stats.json'))('Fed-Heart-Disease', () => {
  const names = 'age,sex,trestbps,chol,fbs,thalach,exang,oldpeak,cp_2,cp_3,cp_4,restecg_1,restecg_2'.split(',');
  const cohort = cohortOf({
    features: names.map((name) => numberFeature(name)),
    label: { type: 'binary', name: 'target', positiveWhen: { operator: '==', value: '1' }, missing: 'refuse' },
    standardise: 'perSite',
    split: { method: 'column', column: 'fold', train: 'train', test: 'test' },
  });
  let statistics: z.infer<typeof statisticsSchema>['stats'];
  beforeAll(() => {
    statistics = statisticsSchema.parse(JSON.parse(readShared('fed-heart', 'normalization_stats.json'))).stats;
  });

  it.each([
    ['cleveland', 199, 104],
    ['hungarian', 172, 89],
    ['switzerland', 30, 16],
    ['va', 85, 45],
  ])('%s: %i and %i rows, normalised as FLamby does', async (hospital, trainRows, testRows) => {
    const all = await readCsv(sharedPath('fed-heart', 'fed_heart_740.csv'), csvDefaults);
    const own = all.columns.find(({ name }) => name === 'hospital')?.values.map((value) => value === hospital) ?? [];
    const columns = all.columns.map((each): Column =>
      each.type === 'number'
        ? { ...each, values: each.values.filter((_, i) => own[i]) }
        : { ...each, values: each.values.filter((_, i) => own[i]) },
    );
    const { train, test, standardisation } = encodeCohort(checkCohort(makeTable('real', columns), cohort));
    expect([train.rows, test.rows]).toEqual([trainRows, testRows]);
    const expected = statistics[hospital];
    names.forEach((name, i) => {
      expect(standardisation.mean[i], name).toBeCloseTo(expected?.mean[i] ?? Number.NaN, 4);
      const std = expected?.std[i] ?? Number.NaN;
      expect(standardisation.scale[i], name).toBeCloseTo(std === 0 ? 1 : std, 4);
    });
  });
});
