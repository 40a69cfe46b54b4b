// Where a site's rows come from: its settings checked, and what they say read into a frozen snapshot.
import { WardroundError } from '@wardround/protocol/errors';
import { type CsvOptions, csvDefaults, readCsv } from './csv.ts';
import { syntheticHeartDisease } from './heart-disease/synthetic.ts';
import { readUciHeartDisease } from './heart-disease/uci.ts';
import { readImageFolder } from './images/folder.ts';
import { readRawImages } from './images/raw.ts';
import { type FrozenSnapshot, freezeSnapshot } from './snapshot.ts';
import { type Source, sourceSchema } from './source-settings.ts';
import type { Table } from './table.ts';

/** @throws WardroundError `source-invalid`, naming each mistake by its path */
export function parseSource(value: unknown): Source {
  const parsed = sourceSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new WardroundError('source-invalid', first?.message ?? 'not a data source', {
    where: ['source', ...(first?.path ?? [])].map(String).join('.'),
    cause: parsed.error,
  });
}

/** @throws WardroundError `csv-*`, `images-*`, `data-*`, `heart-disease-format` */
export async function readSource(source: Source): Promise<Table> {
  switch (source.kind) {
    case 'csv':
      return readCsv(source.path, csvOptions(source));
    case 'images':
      return readImageFolder({
        directory: source.directory,
        index: source.index ?? 'index.csv',
        file: source.file ?? 'file',
        csv: csvOptions(source),
      });
    case 'rawImages':
      return readRawImages({ ...source, provenance: source.provenance ?? csvDefaults.provenance });
    case 'uciHeartDisease':
      return readUciHeartDisease(source.hospital, source.directory);
    case 'syntheticHeartDisease':
      return syntheticHeartDisease(source.hospital, source.seed);
  }
}

function csvOptions({
  missing,
  columns,
  delimiter,
  provenance,
}: Extract<Source, { kind: 'csv' | 'images' }>): CsvOptions {
  return {
    missing: missing ?? csvDefaults.missing,
    rename: columns ?? csvDefaults.rename,
    delimiter: delimiter ?? csvDefaults.delimiter,
    provenance: provenance ?? csvDefaults.provenance,
  };
}

/** Reads the source and freezes it under `snapshotDirectory`. @throws as {@link readSource}, and what the disk says */
export async function importSource(source: Source, snapshotDirectory: string): Promise<FrozenSnapshot> {
  return freezeSnapshot(await readSource(source), snapshotDirectory);
}
