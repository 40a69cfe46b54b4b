// Where a site's rows come from, as site.yaml says it and as `--source` abbreviates it. The same settings as the importer's, which checks
// them again; written here without the importer's code, so that the vault's settings bring no reader of files or archives with them.
import { resolve } from 'node:path';
import * as z from 'zod';
import { hospitals } from '@wardround/datasets/heart-disease/hospitals';
import { WardroundError } from '@wardround/protocol/errors';

/** Absolute, because the importer starts in another root. */
const pathSchema = z
  .string()
  .max(4096)
  .refine((path) => path.startsWith('/'), 'expected an absolute path');
const columnNameSchema = z.string().min(1).max(256);

export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('csv'),
    path: pathSchema,
    /** Cells that mean "missing", besides the empty one. */
    missing: z.array(z.string().min(1).max(64)).max(64).optional(),
    /** New names by old name. */
    columns: z.record(columnNameSchema, columnNameSchema).optional(),
    delimiter: z.enum([',', ';', '\t', '|']).optional(),
    provenance: z.enum(['real', 'synthetic']).optional(),
  }),
  z.strictObject({ kind: z.literal('uciHeartDisease'), hospital: z.enum(hospitals), directory: pathSchema }),
  z.strictObject({ kind: z.literal('syntheticHeartDisease'), hospital: z.enum(hospitals), seed: z.int().min(0) }),
]);
export type Source = z.infer<typeof sourceSchema>;

const expected = `csv:PATH, uci:HOSPITAL:DIR or synthetic:HOSPITAL:SEED, where HOSPITAL is ${hospitals.join(', ')}`;

/** The abbreviation of the command line; relative paths are made absolute. @throws WardroundError `source-invalid` */
export function parseSource(text: string): Source {
  const parsed = sourceSchema.safeParse(abbreviated(text));
  if (parsed.success) return parsed.data;
  throw new WardroundError('source-invalid', 'not a source of data', { expected, got: text });
}

/** The only paths outside our own code that reading the source takes. */
export function sourcePaths(source: Source): readonly string[] {
  switch (source.kind) {
    case 'csv':
      return [source.path];
    case 'uciHeartDisease':
      return [source.directory];
    case 'syntheticHeartDisease':
      return [];
  }
}

function abbreviated(text: string): unknown {
  const [kind = '', first = '', ...rest] = text.split(':');
  const last = rest.join(':');
  switch (kind) {
    case 'csv':
      return first === '' ? null : { kind: 'csv', path: resolve(text.slice('csv:'.length)) };
    case 'uci':
      return last === '' ? null : { kind: 'uciHeartDisease', hospital: first, directory: resolve(last) };
    case 'synthetic':
      return /^\d{1,15}$/.test(last) ? { kind: 'syntheticHeartDisease', hospital: first, seed: Number(last) } : null;
    default:
      return null;
  }
}
