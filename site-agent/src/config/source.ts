// Where a site's rows come from, as site.yaml says it and as `--source` abbreviates it. The importer checks the same settings again.
import { resolve } from 'node:path';
import { hospitals } from '@wardround/datasets/heart-disease/hospitals';
import { type Source, sourceSchema as anySourceSchema } from '@wardround/datasets/source-settings';
import { WardroundError } from '@wardround/protocol/errors';

/** The importer starts in another root, so its paths are absolute. */
export const sourceSchema = anySourceSchema.superRefine((source, context) => {
  for (const [key, path] of Object.entries(pathsByKey(source))) {
    if (path.startsWith('/')) continue;
    context.addIssue({ code: 'custom', path: [key], message: 'expected an absolute path' });
  }
});

const expected = `csv:PATH, images:DIR, uci:HOSPITAL:DIR or synthetic:HOSPITAL:SEED, where HOSPITAL is ${hospitals.join(', ')}`;

/** The abbreviation of the command line; relative paths are made absolute. @throws WardroundError `source-invalid` */
export function parseSource(text: string): Source {
  const parsed = sourceSchema.safeParse(abbreviated(text));
  if (parsed.success) return parsed.data;
  throw new WardroundError('source-invalid', 'not a source of data', { expected, got: text });
}

/** The only paths outside our own code that reading the source takes. */
export function sourcePaths(source: Source): readonly string[] {
  return Object.values(pathsByKey(source));
}

function pathsByKey(source: Source): Readonly<Record<string, string>> {
  switch (source.kind) {
    case 'csv':
      return { path: source.path };
    case 'rawImages':
      return { images: source.images, labels: source.labels };
    case 'images':
    case 'uciHeartDisease':
      return { directory: source.directory };
    case 'syntheticHeartDisease':
      return {};
  }
}

function abbreviated(text: string): unknown {
  const [kind = '', first = '', ...rest] = text.split(':');
  const last = rest.join(':');
  switch (kind) {
    case 'csv':
      return first === '' ? null : { kind: 'csv', path: resolve(text.slice('csv:'.length)) };
    case 'images':
      return first === '' ? null : { kind: 'images', directory: resolve(text.slice('images:'.length)) };
    case 'uci':
      return last === '' ? null : { kind: 'uciHeartDisease', hospital: first, directory: resolve(last) };
    case 'synthetic':
      return /^\d{1,15}$/.test(last) ? { kind: 'syntheticHeartDisease', hospital: first, seed: Number(last) } : null;
    default:
      return null;
  }
}
