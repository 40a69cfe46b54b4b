// Descriptions for people, as JSON.
import { expect, it } from 'vitest';
import { describeTable } from '@wardround/datasets/describe';
import { makeTable } from '@wardround/datasets/table';

it('says of each column what it holds, and whether the patients are real', () => {
  const table = makeTable('real', [
    { type: 'number', name: 'age', values: [40, null, 60, 60] },
    { type: 'text', name: 'sex', values: ['f', 'm', null, 'f'] },
    { type: 'number', name: 'none', values: [null, null, null, null] },
    { type: 'text', name: 'id', values: ['a', 'b', 'c', 'd'] },
  ]);
  expect(JSON.parse(JSON.stringify(describeTable(table)))).toEqual({
    provenance: 'real',
    rows: 4,
    columns: [
      {
        type: 'number',
        name: 'age',
        missing: 1,
        distinct: 2,
        minimum: 40,
        mean: 160 / 3,
        maximum: 60,
        deviation: expect.closeTo(11.547, 3),
        counts: { 40: 1, 60: 2 },
      },
      { type: 'text', name: 'sex', missing: 1, distinct: 2, counts: { f: 2, m: 1 } },
      {
        type: 'number',
        name: 'none',
        missing: 4,
        distinct: 0,
        minimum: null,
        mean: null,
        maximum: null,
        deviation: null,
        counts: {},
      },
      { type: 'text', name: 'id', missing: 0, distinct: 4, counts: { a: 1, b: 1, c: 1, d: 1 } },
    ],
  });
});

it('lists no counts where values are many', () => {
  const many = (length: number) =>
    describeTable(makeTable('real', [{ type: 'number', name: 'x', values: Array.from({ length }, (_, i) => i) }]))
      .columns[0]?.counts;
  expect(Object.keys(many(12) ?? {})).toHaveLength(12);
  expect(many(13)).toBeNull();
});
