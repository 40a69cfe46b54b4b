// The tables that a simulation leaves behind: the same rows in CSV and in Parquet, read back by other programs' readers.
import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { csvOf, type Measurement, parquetOf } from '../../../cli/src/simulate/tidy.ts';

const measurement: Measurement = {
  variant: 1,
  changes: 'title=a, "b"\nc',
  seed: 4_294_967_295,
  round: 16,
  trainingRound: 15,
  model: 'federated',
  site: 'all',
  metric: 'auroc',
  value: 0.8123456789012345,
  low: null,
  high: 1,
};
const rows: readonly Measurement[] = [measurement, { ...measurement, trainingRound: null, value: null, changes: '' }];

describe('measurements', () => {
  it('come out of CSV as they went in', () => {
    const read = parse(csvOf(rows), { columns: true });
    const texts = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value ?? '')])),
    );
    expect(read).toEqual(texts);
  });

  it('come out of Parquet as they went in, to the bit', async () => {
    const bytes = parquetOf(rows);
    const read = await parquetReadObjects({ file: bytes.slice().buffer });
    expect(read).toEqual(rows);
  });

  it('may be none', async () => {
    expect(await parquetReadObjects({ file: parquetOf([]).slice().buffer })).toEqual([]);
  });
});
