// Survival labels: a time and whether it ended with the event, both checked like every other column, both dropped or refused together.
import { describe, expect, it } from 'vitest';
import { checkCohort } from '@wardround/datasets/contract';
import { csvDefaults, readCsv } from '@wardround/datasets/csv';
import { encodeCohort, encodeSiteRows } from '@wardround/datasets/encode';
import { type Column, makeTable } from '@wardround/datasets/table';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { cohortOf, numberFeature } from './cohorts.ts';
import { hasShared, sharedPath } from './shared-data.ts';

const column = (name: string, values: readonly (number | null)[]): Column => ({ type: 'number', name, values });
const label: Extract<Cohort['label'], { type: 'survival' }> = {
  type: 'survival',
  time: 'days',
  timeUnit: 'd',
  event: 'status',
  eventWhen: { operator: '==', value: '2' },
  maxTime: '1000',
  missing: 'dropRow',
};
const cohort = (overrides: Partial<Cohort> = {}): Cohort =>
  cohortOf({ features: [numberFeature('age')], label, ...overrides });
const age = column('age', [50, 60, 70, null, 90]);
const days = column('days', [0, 1000, null, 30, 20.5]);
const status = column('status', [1, 2, 2, 2, 2]);

describe('a survival label', () => {
  it('gives times as labels and 1 for those that end with the event', () => {
    const checked = checkCohort(makeTable('real', [age, days, status]), cohort());
    expect(checked.outcome).toEqual({
      rows: 5,
      droppedRows: 2,
      usedRows: 3,
      events: 2,
      missing: { age: 1, days: 1, status: 0 },
    });
    expect(encodeSiteRows(checked).train).toEqual({
      rows: 3,
      features: Float64Array.of(50, 60, 90),
      labels: Float64Array.of(0, 1000, 20.5),
      events: Float64Array.of(0, 1, 1),
    });
  });

  it('drops a row that lacks its event', () => {
    const table = makeTable('real', [age, days, column('status', [1, null, 2, 2, 2])]);
    const { outcome } = checkCohort(table, cohort());
    expect(outcome).toMatchObject({ usedRows: 2, events: 1, missing: { days: 1, status: 1 } });
  });

  it('follows its rows into both halves, and is not standardised', () => {
    const fold: Column = { type: 'text', name: 'fold', values: ['train', 'test', 'train', 'train', 'train'] };
    const split = { method: 'column', column: 'fold', train: 'train', test: 'test' } as const;
    const table = makeTable('real', [age, days, status, fold]);
    const { train, test } = encodeCohort(checkCohort(table, cohort({ split, standardise: 'perSite' })));
    expect([train.labels, train.events]).toEqual([Float64Array.of(0, 20.5), Float64Array.of(0, 1)]);
    expect([test.labels, test.events]).toEqual([Float64Array.of(1000), Float64Array.of(1)]);
    expect(train.features[0]).toBeLessThan(0);
  });

  it.each([
    ['a time below 0', [age, column('days', [0, -1, 3, 4, 5]), status], {}, 'cohort-out-of-range', 'days'],
    [
      'a time beyond the longest',
      [age, column('days', [0, 1000.5, 3, 4, 5]), status],
      {},
      'cohort-out-of-range',
      'days',
    ],
    ['no column of times', [age, status], {}, 'cohort-missing-column', 'days'],
    ['no column of events', [age, days], {}, 'cohort-missing-column', 'status'],
    [
      'an event that is a text',
      [age, days, { type: 'text', name: 'status', values: ['1', 'dead', '2', '2', '2'] } as const],
      {},
      'cohort-wrong-type',
      'status',
    ],
    [
      'a missing time where none may be',
      [age, days, status],
      { label: { ...label, missing: 'refuse' } },
      'cohort-missing-value',
      'days',
    ],
    ['one event too few', [age, days, status], { minimumEvents: 3 }, 'cohort-too-few-events', 'status'],
  ] as const)('refuses %s', (_, columns, overrides, code, where) => {
    expect(() => checkCohort(makeTable('real', [...columns]), cohort(overrides))).toThrow(
      expect.objectContaining({ code, where }),
    );
  });
});

describe.skipIf(!hasShared('survival', 'lung.csv'))('the lung data', () => {
  it('has 227 complete rows and 164 deaths', async () => {
    const table = await readCsv(sharedPath('survival', 'lung.csv'), { ...csvDefaults });
    const lung = cohortOf({
      features: ['age', 'sex', 'ph.ecog'].map((name) => numberFeature(name)),
      label: { ...label, time: 'time', maxTime: '2000', missing: 'refuse' },
    });
    const checked = checkCohort(table, lung);
    expect(checked.outcome).toMatchObject({ rows: 228, usedRows: 227, events: 164 });
    expect(encodeCohort(checked).train.events?.reduce((sum, event) => sum + event, 0)).toBe(164);
  });
});
