// The released model's directory: all of its files or none, whenever this process dies.
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';

/**
 * Writes the files beside the directory, makes them durable, and moves them into place at once. An empty directory may be there already.
 *
 * @param files relative path to content
 * @throws WardroundError `model-unwritable`, also where something is there already: it is never overwritten
 */
export async function writeModelDirectory(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const target = resolve(path);
  const part = join(dirname(target), `.${basename(target)}.${randomBytes(8).toString('hex')}.part`);
  try {
    for (const [name, content] of files) await writeDurably(join(part, name), content);
    for (const folder of new Set([...files.keys()].map((name) => dirname(join(part, name))))) await sync(folder);
    await rename(part, target);
    await sync(dirname(target));
  } catch (cause) {
    await rm(part, { recursive: true, force: true }).catch(() => {});
    throw unwritable(path, cause);
  }
}

async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const takenCodes: ReadonlySet<unknown> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR']);

function unwritable(where: string, cause: unknown): WardroundError {
  const isTaken = cause instanceof Error && 'code' in cause && takenCodes.has(cause.code);
  return new WardroundError(
    'model-unwritable',
    isTaken
      ? 'there is something at that place already, and it is never overwritten'
      : 'the model cannot be written there',
    { where, expected: 'a new directory', cause },
  );
}
