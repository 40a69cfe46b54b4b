// Where a demo keeps everything: a directory that was not there, or an empty one that somebody typed. Nothing is ever overwritten.
import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';

const ordinaryName = 'wardround-demo';

/**
 * @param typed what `--out` said; without it the first of wardround-demo, wardround-demo-2, wardround-demo-3... that is free
 * @param from where the person stands
 * @returns its absolute path; it exists and is empty
 * @throws WardroundError `demo-directory` where something lies in the directory that was typed
 */
export async function demoDirectory(typed: string | undefined, from: string): Promise<string> {
  return typed === undefined ? await numberedDirectory(from, 1) : await emptyDirectory(resolve(from, typed));
}

/** Made here or not at all, so that two demos that start together do not share one. */
async function numberedDirectory(from: string, number: number): Promise<string> {
  const directory = resolve(from, number === 1 ? ordinaryName : `${ordinaryName}-${number}`);
  try {
    await mkdir(directory, { mode: 0o700 });
    return directory;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    return await numberedDirectory(from, number + 1);
  }
}

async function emptyDirectory(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length === 0) return directory;
  throw new WardroundError('demo-directory', 'there is something in this directory; the demo starts in a fresh one', {
    where: directory,
    expected: '--out with a new directory, or this one removed by you; without --out it makes one itself',
  });
}
