// CSV files as hospitals export them, and as they should not.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CsvOptions, csvDefaults, csvLimits, readCsv } from '@wardround/datasets/csv';

const folder = mkdtempSync(join(tmpdir(), 'wardround-csv-'));
let files = 0;

function file(content: string | Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}.csv`);
  writeFileSync(path, content);
  return path;
}

const read = (content: string | Uint8Array, options: Partial<CsvOptions> = {}, limits = csvLimits) =>
  readCsv(file(content), { ...csvDefaults, ...options }, limits);

describe('readCsv', () => {
  it('types each column, keeps the order, marks what is missing', async () => {
    const table = await read('\uFEFFage,sex,zip,note\r\n63,m,01234,"a ""b"", c"\r\n,f,00042,\r\n .5 ,?,9,x\r\n', {
      missing: ['?'],
    });
    expect(table).toEqual({
      provenance: 'real',
      rows: 3,
      columns: [
        { type: 'number', name: 'age', values: [63, null, 0.5] },
        { type: 'text', name: 'sex', values: ['m', 'f', null] },
        { type: 'text', name: 'zip', values: ['01234', '00042', '9'] },
        { type: 'text', name: 'note', values: ['a "b", c', null, 'x'] },
      ],
      images: null,
    });
  });

  it.each(['1', '-1.5', '+2', '1e3', '.5', '5.', '0', '-0', '1E-3'])('takes %s for a number', async (cell) => {
    const table = await read(`a\n${cell}\n`);
    expect(table.columns[0]).toEqual({ type: 'number', name: 'a', values: [Number(cell) + 0] });
  });

  it.each(['007', '1,5', '0x1f', 'NaN', 'Infinity', '1e999', '1_000', '- 1', '٣', '.'])(
    'takes %s for a text',
    async (cell) => {
      const table = await read(`a\n"${cell}"\n`);
      expect(table.columns[0]).toEqual({ type: 'text', name: 'a', values: [cell] });
    },
  );

  it('reads a header without rows, other delimiters, new names, and invented patients', async () => {
    const table = await read('a;b\n', { delimiter: ';', rename: { a: 'age' }, provenance: 'synthetic' });
    expect(table).toEqual({
      provenance: 'synthetic',
      rows: 0,
      columns: [
        { type: 'number', name: 'age', values: [] },
        { type: 'number', name: 'b', values: [] },
      ],
      images: null,
    });
  });

  it('reads characters that are split between two reads', async () => {
    const cell = `${'x'.repeat(65_533)}éü`;
    const table = await read(`a\n${cell}\n`);
    expect(table.columns[0]?.values).toEqual([cell]);
  });

  const bad: readonly (readonly [string, string | Uint8Array, Partial<CsvOptions>, string, RegExp])[] = [
    ['an empty file', '', {}, 'csv-header', /empty/],
    ['a column without a name', 'a,,c\n1,2,3\n', {}, 'csv-header', /column 2/],
    ['a name twice', 'a,b,a\n1,2,3\n', {}, 'csv-duplicate-column', /got a/],
    ['a name twice after renaming', 'a,b\n1,2\n', { rename: { a: 'b' } }, 'csv-duplicate-column', /got b/],
    ['a renaming of what is not there', 'a,b\n1,2\n', { rename: { aeg: 'age' } }, 'csv-unknown-column', /got aeg/],
    ['a row too short', 'a,b\n1,2\n3\n', {}, 'csv-ragged', /line 3/],
    ['a row too long', 'a,b\n1,2,3\n', {}, 'csv-ragged', /line 2/],
    ['an unclosed quote', 'a,b\n1,"2\n', {}, 'csv-syntax', /QUOTE/],
    ['a stray quote', 'a,b\n1,x"y"\n', {}, 'csv-syntax', /QUOTE/],
    ['bytes that are not UTF-8', Uint8Array.of(0x61, 0x0a, 0xff, 0x0a), {}, 'csv-encoding', /UTF-8/],
    ['a file cut inside a character', Uint8Array.of(0x61, 0x0a, 0xc3), {}, 'csv-encoding', /UTF-8/],
  ];
  it.each(bad)('refuses %s', async (_, content, options, code, message) => {
    await expect(read(content, options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('never carries a patient’s row in the cause of an error', async () => {
    const error: unknown = await read('a,b\nSECRET,2,3\n').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'csv-ragged' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('SECRET');
    expect(error instanceof Error ? error.cause : null).toBeUndefined();
  });

  it.each([
    ['bytes', { ...csvLimits, maxBytes: 11 }, { ...csvLimits, maxBytes: 12 }],
    ['rows', { ...csvLimits, maxRows: 1 }, { ...csvLimits, maxRows: 2 }],
    ['columns', { ...csvLimits, maxColumns: 1 }, { ...csvLimits, maxColumns: 2 }],
  ])('holds its limit of %s, to the one', async (_, below, exactly) => {
    const content = 'a,b\n1,2\n3,4\n';
    await expect(read(content, {}, below)).rejects.toMatchObject({ code: 'csv-too-large' });
    await expect(read(content, {}, exactly)).resolves.toMatchObject({ rows: 2 });
  });

  it('does not gather a record without end', async () => {
    const content = `a\n"${'x'.repeat(200_000)}`;
    await expect(read(content, {}, { ...csvLimits, maxRecordBytes: 1000 })).rejects.toMatchObject({
      code: 'csv-too-large',
    });
  });

  it('says which file is not there', async () => {
    await expect(readCsv(join(folder, 'none.csv'), csvDefaults)).rejects.toMatchObject({
      code: 'csv-unreadable',
      where: join(folder, 'none.csv'),
    });
  });
});
