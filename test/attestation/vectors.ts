// Where the genuine evidence lies. It is not part of the repository: without it the tests that need it are skipped, loudly.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';

const folder = join(process.env['WARDROUND_SHARED_DIR'] ?? join(import.meta.dirname, '../../../shared'), 'vectors');

export const haveVectors = existsSync(join(folder, 'MANIFEST.md'));
if (!haveVectors)
  console.warn(`SKIPPED: no genuine evidence in ${folder}; set WARDROUND_SHARED_DIR to test against it`);

export function vector(path: string): Bytes {
  return copyBytes(readFileSync(join(folder, path)));
}

/** The path of every file there, as `vector` takes it. */
export function vectorFiles(): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
