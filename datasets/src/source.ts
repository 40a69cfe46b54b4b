// Where a site's rows come from: its settings checked, and what they say read into a frozen snapshot.
import { WardroundError } from '@wardround/protocol/errors';
import { csvDefaults, readCsv } from './csv.ts';
import { syntheticHeartDisease } from './heart-disease/synthetic.ts';
import { readUciHeartDisease } from './heart-disease/uci.ts';
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

/** @throws WardroundError `csv-*`, `data-*`, `heart-disease-format` */
export async function readSource(source: Source): Promise<Table> {
  switch (source.kind) {
    case 'csv':
      return readCsv(source.path, {
        missing: source.missing ?? csvDefaults.missing,
        rename: source.columns ?? csvDefaults.rename,
        delimiter: source.delimiter ?? csvDefaults.delimiter,
        provenance: source.provenance ?? csvDefaults.provenance,
      });
    case 'uciHeartDisease':
      return readUciHeartDisease(source.hospital, source.directory);
    case 'syntheticHeartDisease':
      return syntheticHeartDisease(source.hospital, source.seed);
  }
}

/** Reads the source and freezes it under `snapshotDirectory`. @throws as {@link readSource}, and what the disk says */
export async function importSource(source: Source, snapshotDirectory: string): Promise<FrozenSnapshot> {
  return freezeSnapshot(await readSource(source), snapshotDirectory);
}
