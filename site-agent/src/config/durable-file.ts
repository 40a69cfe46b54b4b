// Files that survive a kill and a power cut: written beside, synced, then renamed (or linked, where nothing may be replaced).
// Only FileHandle.sync() is used: Node's permission model, under which the vault runs, disables the other forms of fsync.
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface DurableOptions {
  /** Permission bits; default 0600, readable by the owner alone. */
  readonly mode?: number;
  /** The name beside the file that is written first. Default: random, in the same directory. */
  readonly part?: string;
}

/** Replaces the file with `content` at once: a reader, or a restart, sees all of the old or all of the new. Durable when this returns. */
export async function writeDurably(
  path: string,
  content: Uint8Array | string,
  options: DurableOptions = {},
): Promise<void> {
  await writeBeside(path, content, { ...options, place: rename });
}

/** Like {@link writeDurably}, but never replaces: an existing file stays as it is. @throws Error with code `EEXIST` */
export async function createDurably(
  path: string,
  content: Uint8Array | string,
  options: DurableOptions = {},
): Promise<void> {
  const place = async (part: string): Promise<void> => {
    await link(part, path);
    await rm(part);
  };
  await writeBeside(path, content, { ...options, place });
}

/** Makes new names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

interface Placement extends DurableOptions {
  readonly place: (part: string, path: string) => Promise<void>;
}

async function writeBeside(
  path: string,
  content: Uint8Array | string,
  { mode, part, place }: Placement,
): Promise<void> {
  const beside = part ?? `${path}.${randomBytes(8).toString('hex')}.part`;
  await rm(beside, { force: true });
  try {
    await writeSynced(beside, content, mode ?? 0o600);
    await place(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function writeSynced(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
