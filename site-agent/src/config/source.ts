// Where a site's rows come from, as site.yaml says it and as `--source` abbreviates it.
import { resolve } from 'node:path';
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';

const absolutePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => path.startsWith('/') && !path.includes('\u0000'), 'expected an absolute path');

/** The four hospitals of the UCI heart-disease data (CC BY 4.0, https://doi.org/10.24432/C52P4X), and their synthetic doubles. */
const hospitalSchema = z.enum(['cleveland', 'hungarian', 'switzerland', 'va']);

export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('csv'),
    path: absolutePath,
    /** Cells that mean "missing", besides the empty one. */
    missing: z.array(z.string().min(1).max(64)).max(64),
    delimiter: z.string().length(1),
    /** New names by old name. */
    rename: z.record(z.string().min(1).max(256), z.string().min(1).max(256)),
  }),
  z.strictObject({ kind: z.literal('uciHeartDisease'), hospital: hospitalSchema, directory: absolutePath }),
  z.strictObject({
    kind: z.literal('syntheticHeartDisease'),
    hospital: hospitalSchema,
    seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  }),
]);
export type Source = z.infer<typeof sourceSchema>;

const expected = 'csv:PATH, uci:HOSPITAL:DIR or synthetic:HOSPITAL:SEED';

/** The abbreviation of the command line; relative paths are made absolute. @throws WardroundError `source-invalid` */
export function parseSource(text: string): Source {
  const [kind = '', first = '', ...rest] = text.split(':');
  const parsed = sourceSchema.safeParse(abbreviated(kind, { first, rest: rest.join(':') }));
  if (parsed.success) return parsed.data;
  throw new WardroundError('source-invalid', parsed.error.issues[0]?.message ?? 'not a source', {
    expected,
    got: text,
  });
}

function abbreviated(kind: string, { first, rest }: { first: string; rest: string }): unknown {
  switch (kind) {
    case 'csv': {
      const path = rest === '' ? first : `${first}:${rest}`;
      return { kind: 'csv', path: path === '' ? '' : resolve(path), missing: [], delimiter: ',', rename: {} };
    }
    case 'uci':
      return { kind: 'uciHeartDisease', hospital: first, directory: rest === '' ? '' : resolve(rest) };
    case 'synthetic':
      return { kind: 'syntheticHeartDisease', hospital: first, seed: /^\d{1,15}$/.test(rest) ? Number(rest) : rest };
    default:
      return { kind };
  }
}
