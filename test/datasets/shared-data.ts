// The reference files beside the repository; tests that need them skip loudly where they are absent.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const shared = resolve(import.meta.dirname, '../..', process.env['WARDROUND_SHARED_DIR'] ?? '../shared');

export const sharedPath = (...parts: string[]): string => join(shared, 'data', ...parts);

/** False, with a warning, where the folder is not there. */
export function hasShared(...parts: string[]): boolean {
  const path = sharedPath(...parts);
  if (existsSync(path)) return true;
  console.warn(`SKIPPED: ${path} is not there, so the tests that need it did not run`);
  return false;
}

export function readShared(...parts: string[]): string {
  return readFileSync(sharedPath(...parts), 'utf8');
}
