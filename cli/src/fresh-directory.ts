// Where a command keeps what it makes: a directory that was not there, or an empty one that somebody typed. Nothing is ever overwritten.
import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';

export interface DirectoryWanted {
  /** Without `typed`: the first of NAME, NAME-2, NAME-3... that is free. */
  readonly name: string;
  /** What `--out` said. */
  readonly typed: string | undefined;
  /** Where the person stands. */
  readonly from: string;
}

/**
 * @returns its absolute path; it exists and is empty
 * @throws WardroundError `directory-not-empty` where something lies in the directory that was typed
 */
export async function freshDirectory({ name, typed, from }: DirectoryWanted): Promise<string> {
  return typed === undefined ? await numberedDirectory({ name, from }, 1) : await emptyDirectory(resolve(from, typed));
}

/** Made here or not at all, so that two commands that start together do not share one. */
async function numberedDirectory(wanted: { name: string; from: string }, number: number): Promise<string> {
  const directory = resolve(wanted.from, number === 1 ? wanted.name : `${wanted.name}-${number}`);
  try {
    await mkdir(directory, { mode: 0o700 });
    return directory;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw notMade(directory, error);
    return await numberedDirectory(wanted, number + 1);
  }
}

async function emptyDirectory(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw notMade(directory, error);
  });
  if ((await readdir(directory)).length === 0) return directory;
  throw new WardroundError(
    'directory-not-empty',
    'there is something in this directory; the command wants a fresh one',
    {
      where: directory,
      expected: '--out with a new directory, or this one removed by you; without --out it makes one itself',
    },
  );
}

function notMade(where: string, cause: unknown): WardroundError {
  return new WardroundError('file-not-written', 'the directory cannot be made', { where, cause });
}
