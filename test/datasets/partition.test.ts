// One table dealt out to imagined sites: every row at exactly one, the same for the same seed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bySiteColumn, imaginedSites, partitionRows, rowsAt } from '@wardround/datasets/partition';
import { makeTable } from '@wardround/datasets/table';

const classes = Array.from({ length: 600 }, (_, row) => Number(row % 3 === 0));

describe('rows dealt out', () => {
  it.each([{ method: 'iid' } as const, { method: 'dirichlet', alpha: 0.3 } as const])(
    'by $method put every row at exactly one site, ascending',
    (partition) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(1000), (count, seed) => {
          const dealt = partitionRows({ partition, sites: imaginedSites(count), classes, seed });
          expect(dealt).toHaveLength(count);
          expect(dealt.flat().toSorted((a, b) => a - b)).toEqual(classes.map((_, row) => row));
          for (const rows of dealt) expect(rows).toEqual(rows.toSorted((a, b) => a - b));
        }),
        { numRuns: 30 },
      );
    },
  );

  it('are the same for a seed and others for another', () => {
    const job = { partition: { method: 'dirichlet', alpha: 1 } as const, sites: imaginedSites(5), classes };
    expect(partitionRows({ ...job, seed: 1 })).toEqual(partitionRows({ ...job, seed: 1 }));
    expect(partitionRows({ ...job, seed: 1 })).not.toEqual(partitionRows({ ...job, seed: 2 }));
  });

  it('evenly differ by one row at most', () => {
    const sizes = partitionRows({ partition: { method: 'iid' }, sites: imaginedSites(7), classes, seed: 3 }).map(
      (rows) => rows.length,
    );
    expect(Math.max(...sizes) - Math.min(...sizes)).toBe(1);
  });

  it('by a small alpha give each class to few sites, by a large one to all alike', () => {
    const spread = (alpha: number): number => {
      const dealt = partitionRows({
        partition: { method: 'dirichlet', alpha },
        sites: imaginedSites(10),
        classes,
        seed: 7,
      });
      const shares = dealt.map((rows) => rows.filter((row) => classes[row] === 1).length / 200);
      return Math.max(...shares);
    };
    expect(spread(0.05)).toBeGreaterThan(0.4);
    expect(spread(1000)).toBeLessThan(0.15);
  });
});

describe('a column that names the site', () => {
  const table = makeTable('real', [
    { type: 'text', name: 'hospital', values: ['Bern', 'Ulm, Süd', 'Bern'] },
    { type: 'number', name: 'ward', values: [2, 10, 2] },
    { type: 'number', name: 'x', values: [1, 2, null] },
  ]);

  it('becomes the sites, and is no column of theirs', () => {
    const { sites, leftOut } = bySiteColumn(table, 'hospital');
    expect(leftOut).toBe(0);
    expect(sites.map(({ name }) => name)).toEqual(['bern', 'ulm-s-d']);
    expect(sites[0]?.table).toEqual(rowsAt(makeTable('real', table.columns.slice(1)), [0, 2]));
  });

  it('may be a number', () => {
    expect(bySiteColumn(table, 'ward').sites.map(({ name }) => name)).toEqual(['2', '10']);
  });

  it('leaves out the rows that name no site, and counts them', () => {
    const { sites, leftOut } = bySiteColumn(table, 'x');
    expect(sites.map(({ name, table: { rows } }) => [name, rows])).toEqual([
      ['1', 1],
      ['2', 1],
    ]);
    expect(leftOut).toBe(1);
  });

  it('is refused where it is not there, and where it names nothing', () => {
    const nameless = makeTable('real', [{ type: 'text', name: 'x', values: ['?'] }]);
    expect(() => bySiteColumn(nameless, 'x')).toThrow(expect.objectContaining({ code: 'partition-column' }));
  });

  it.each(['nowhere', ''])('is refused as "%s"', (column) => {
    expect(() => bySiteColumn(table, column)).toThrow(expect.objectContaining({ code: 'partition-column' }));
  });
});
