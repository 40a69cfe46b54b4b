// Where a site's rows come from: the strict settings of its importer, and reading what they say into a frozen snapshot.
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import { csvDefaults, readCsv } from './csv.ts';
import { hospitals } from './heart-disease/hospitals.ts';
import { syntheticHeartDisease } from './heart-disease/synthetic.ts';
import { readUciHeartDisease } from './heart-disease/uci.ts';
import { type FrozenSnapshot, freezeSnapshot } from './snapshot.ts';
import type { Table } from './table.ts';

const pathSchema = z.string().min(1).max(4096);
const columnNameSchema = z.string().min(1).max(256);

/** Keys as they stand in a site's YAML. What may be left out has one harmless meaning: nothing is renamed, only empty cells are missing. */
export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('csv'),
    path: pathSchema,
    /** Cells that mean "missing", besides the empty one. */
    missing: z.array(z.string().min(1).max(64)).max(64).optional(),
    /** New names by old name. */
    columns: z.record(columnNameSchema, columnNameSchema).optional(),
    delimiter: z.enum([',', ';', '\t', '|']).optional(),
    /** Said by hand where a file holds invented patients; a file is of real ones otherwise. */
    provenance: z.enum(['real', 'synthetic']).optional(),
  }),
  z.strictObject({ kind: z.literal('uciHeartDisease'), hospital: z.enum(hospitals), directory: pathSchema }),
  z.strictObject({ kind: z.literal('syntheticHeartDisease'), hospital: z.enum(hospitals), seed: z.int().min(0) }),
]);
export type Source = z.infer<typeof sourceSchema>;

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
