// STUDY on the command line: a study's digest, or as much of its beginning as is needed to tell it from the others.
import { readdir } from 'node:fs/promises';
import { WardroundError } from '@wardround/protocol/errors';
import type { SitePaths } from '../config/site-paths.ts';

/** @throws WardroundError `usage-study`, `study-unknown`, `study-ambiguous` */
export async function findStudy(paths: SitePaths, typed: string): Promise<string> {
  if (!/^[0-9a-f]{6,64}$/.test(typed)) {
    throw new WardroundError('usage-study', 'not the name of a study', {
      expected: 'at least its first 6 hex digits, lower case',
      got: typed,
    });
  }
  const known = (await readdir(paths.studies)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const [study, ...others] = known.filter((name) => name.startsWith(typed));
  if (study === undefined) {
    throw new WardroundError('study-unknown', 'this site knows no such study', {
      expected: known.length === 0 ? 'none is known yet' : known.map((name) => name.slice(0, 12)).join(', '),
      got: typed,
    });
  }
  if (others.length > 0) {
    throw new WardroundError('study-ambiguous', 'more than one study begins so; type more of it', {
      expected: [study, ...others].map((name) => name.slice(0, typed.length + 4)).join(', '),
      got: typed,
    });
  }
  return study;
}
