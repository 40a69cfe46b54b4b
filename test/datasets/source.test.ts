// The importer's settings, strictly, and that each kind becomes a frozen snapshot.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSnapshot } from '@wardround/datasets/snapshot';
import { importSource, parseSource } from '@wardround/datasets/source';

const folder = mkdtempSync(join(tmpdir(), 'wardround-source-'));

describe('parseSource', () => {
  it.each([
    [{ kind: 'csv', path: 'a.csv' }],
    [
      {
        kind: 'csv',
        path: 'a.csv',
        missing: ['?', 'NA'],
        columns: { Alter: 'age' },
        delimiter: ';',
        provenance: 'synthetic',
      },
    ],
    [{ kind: 'uciHeartDisease', hospital: 'va', directory: 'data' }],
    [{ kind: 'syntheticHeartDisease', hospital: 'hungary', seed: 0 }],
  ])('takes %j as it stands', (source) => {
    expect(parseSource(source)).toEqual(source);
  });

  it.each([
    ['nothing', undefined, 'source'],
    ['an unknown kind', { kind: 'sql' }, 'source.kind'],
    ['a typo', { kind: 'csv', path: 'a.csv', mising: [] }, 'source'],
    ['no path', { kind: 'csv' }, 'source.path'],
    ['an empty path', { kind: 'csv', path: '' }, 'source.path'],
    ['another delimiter', { kind: 'csv', path: 'a', delimiter: 'x' }, 'source.delimiter'],
    ['an empty missing marker', { kind: 'csv', path: 'a', missing: [''] }, 'source.missing.0'],
    ['an unknown hospital', { kind: 'uciHeartDisease', hospital: 'hungarian', directory: 'd' }, 'source.hospital'],
    ['a seed that is no integer', { kind: 'syntheticHeartDisease', hospital: 'va', seed: 1.5 }, 'source.seed'],
    ['a negative seed', { kind: 'syntheticHeartDisease', hospital: 'va', seed: -1 }, 'source.seed'],
  ])('refuses %s', (_, source, where) => {
    expect(() => parseSource(source)).toThrow(expect.objectContaining({ code: 'source-invalid', where }));
  });
});

describe('importSource', () => {
  it('freezes a CSV file', async () => {
    const path = join(folder, 'a.csv');
    writeFileSync(path, 'Alter;Geschlecht\n63;?\n');
    const source = parseSource({ kind: 'csv', path, missing: ['?'], columns: { Alter: 'age' }, delimiter: ';' });
    const frozen = await importSource(source, join(folder, 'snapshots'));
    const { table } = await readSnapshot(frozen.path, frozen.digest);
    expect(table).toEqual({
      provenance: 'real',
      rows: 1,
      columns: [
        { type: 'number', name: 'age', values: [63] },
        { type: 'number', name: 'Geschlecht', values: [null] },
      ],
      images: null,
    });
  });

  it('freezes invented patients as what they are', async () => {
    const frozen = await importSource({ kind: 'syntheticHeartDisease', hospital: 'va', seed: 1 }, folder);
    expect((await readSnapshot(frozen.path, frozen.digest)).table.provenance).toBe('synthetic');
  });
});
