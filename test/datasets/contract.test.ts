// One wrong thing a row: the contract names the column, what it expected and what came.
import { describe, expect, it } from 'vitest';
import { CheckedCohort, checkCohort } from '@wardround/datasets/contract';
import { type Column, makeTable } from '@wardround/datasets/table';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { binaryLabel, codeFeature, cohortOf, numberFeature } from './cohorts.ts';

const age = (values: readonly (number | null)[]): Column => ({ type: 'number', name: 'age', values });
const cp = (values: readonly (number | null)[]): Column => ({ type: 'number', name: 'cp', values });
const num = (values: readonly (number | null)[]): Column => ({ type: 'number', name: 'num', values });
const good = [age([50, 60, 70]), cp([1, 2, 3]), num([0, 1, 2])];
const replace = (column: Column): Column[] => good.map((other) => (other.name === column.name ? column : other));

describe('checkCohort', () => {
  it('counts rows, drops, events and what is missing', () => {
    const checked = checkCohort(
      makeTable('real', [age([50, null, 70, 80]), cp([1, 2, null, 3]), num([0, 1, 1, 4])]),
      cohortOf(),
    );
    expect(checked.outcome).toEqual({
      rows: 4,
      droppedRows: 2,
      usedRows: 2,
      events: 1,
      missing: { age: 1, cp: 1, num: 0 },
    });
    expect([...checked.usedRows]).toEqual([0, 3]);
    expect(CheckedCohort.holds(checked)).toBe(true);
  });

  it('reads codes that are texts, and numbers that a text column hides', () => {
    const table = makeTable('real', [
      { type: 'text', name: 'age', values: ['50', '7.5'] },
      { type: 'text', name: 'cp', values: ['b', 'a'] },
      num([1, 0]),
    ]);
    const cohort = cohortOf({ features: [numberFeature('age'), codeFeature('cp', ['a', 'b'])] });
    const checked = checkCohort(table, cohort);
    expect(checked.features.map((reading) => reading.values)).toEqual([
      [50, 7.5],
      [1, 0],
    ]);
  });

  it.each([
    ['>', [0, 0, 1]],
    ['>=', [0, 1, 1]],
    ['<', [1, 0, 0]],
    ['<=', [1, 1, 0]],
    ['==', [0, 1, 0]],
    ['!=', [1, 0, 1]],
  ] as const)('compares a label with %s', (operator, expected) => {
    const label = { ...binaryLabel, positiveWhen: { operator, value: '1' } };
    expect(checkCohort(makeTable('real', good), cohortOf({ label })).label.values).toEqual(expected);
  });

  it('reads a label that is a number, and counts no events', () => {
    const label = { type: 'number', name: 'num', unit: 'd', range: { min: '0', max: '2' }, missing: 'refuse' } as const;
    const checked = checkCohort(makeTable('real', good), cohortOf({ label }));
    expect(checked.label.values).toEqual([0, 1, 2]);
    expect(checked.outcome.events).toBe(0);
  });

  const bad: readonly (readonly [string, Column[], Partial<Cohort>, { code: string; where?: string; got?: string }])[] =
    [
      [
        'a feature that is not there',
        good.slice(1),
        {},
        { code: 'cohort-missing-column', where: 'age', got: 'cp, num' },
      ],
      ['a label that is not there', good.slice(0, 2), {}, { code: 'cohort-missing-column', where: 'num' }],
      [
        'a split column that is not there',
        good,
        { split: { method: 'column', column: 'fold', train: 'train', test: 'test' } },
        { code: 'cohort-missing-column', where: 'fold' },
      ],
      [
        'a text for a number',
        replace({ type: 'text', name: 'age', values: ['50', 'old', 'n/a'] }),
        {},
        { code: 'cohort-wrong-type', where: 'age', got: '"old" in row 2 (and 1 more like it)' },
      ],
      [
        'a text for a label',
        replace({ type: 'text', name: 'num', values: ['0', '1', 'yes'] }),
        {},
        { code: 'cohort-wrong-type', where: 'num', got: '"yes" in row 3' },
      ],
      ['an unknown code', replace(cp([1, 2, 4])), {}, { code: 'cohort-unknown-code', where: 'cp', got: '4 in row 3' }],
      [
        'a code between two',
        replace(cp([1, 1.5, 3])),
        {},
        { code: 'cohort-unknown-code', where: 'cp', got: '1.5 in row 2' },
      ],
      [
        'a text for a code',
        replace({ type: 'text', name: 'cp', values: ['1', '2', 'typical'] }),
        {},
        { code: 'cohort-unknown-code', where: 'cp', got: '"typical" in row 3' },
      ],
      [
        'a value below',
        replace(age([50, -10.001, 70])),
        {},
        { code: 'cohort-out-of-range', where: 'age', got: '-10.001 in row 2' },
      ],
      [
        'a value above',
        replace(age([1000.5, 60, 2000])),
        {},
        { code: 'cohort-out-of-range', where: 'age', got: '1000.5 in row 1 (and 1 more like it)' },
      ],
      [
        'a value out of range in a row that is dropped anyway',
        [age([50, 60, 5000]), cp([1, 2, null]), num([0, 1, 2])],
        {},
        { code: 'cohort-out-of-range', where: 'age' },
      ],
      [
        'a label out of range',
        good,
        { label: { type: 'number', name: 'num', unit: null, range: { min: '0', max: '1' }, missing: 'refuse' } },
        { code: 'cohort-out-of-range', where: 'num', got: '2 in row 3' },
      ],
      [
        'a missing feature where none may be',
        replace(age([50, null, null])),
        { features: [numberFeature('age', { missing: 'refuse' })] },
        { code: 'cohort-missing-value', where: 'age', got: '2 missing, the first in row 2' },
      ],
      [
        'a missing label where none may be',
        replace(num([null, 1, 1])),
        { label: { ...binaryLabel, missing: 'refuse' } },
        { code: 'cohort-missing-value', where: 'num' },
      ],
      [
        'a row without its fold',
        [...good, { type: 'text', name: 'fold', values: ['train', null, 'test'] }],
        { split: { method: 'column', column: 'fold', train: 'train', test: 'test' } },
        { code: 'cohort-missing-value', where: 'fold' },
      ],
      [
        'a third fold',
        [...good, { type: 'text', name: 'fold', values: ['train', 'test', 'validation'] }],
        { split: { method: 'column', column: 'fold', train: 'train', test: 'test' } },
        { code: 'cohort-unknown-code', where: 'fold', got: '"validation" in row 3' },
      ],
      ['one row too few', good, { minimumRows: 4 }, { code: 'cohort-too-few-rows', got: '3 of 3' }],
      [
        'too few rows after drops',
        replace(age([50, null, 70])),
        { minimumRows: 3 },
        { code: 'cohort-too-few-rows', got: '2 of 3' },
      ],
      ['one event too few', good, { minimumEvents: 3 }, { code: 'cohort-too-few-events', where: 'num', got: '2' }],
      ['images', good, { source: 'images' }, { code: 'cohort-unsupported' }],
    ];
  it.each(bad)('refuses %s', (_, columns, overrides, expected) => {
    expect(() => checkCohort(makeTable('real', columns), cohortOf(overrides))).toThrow(
      expect.objectContaining(expected),
    );
  });

  it('takes exactly the minimum, and both ends of a range', () => {
    const columns = [age([-10, 1000]), cp([1, 3]), num([1, 1])];
    expect(
      checkCohort(makeTable('real', columns), cohortOf({ minimumRows: 2, minimumEvents: 2 })).outcome.usedRows,
    ).toBe(2);
  });
});
