// Files that survive a kill and a power cut: written beside, synced, then renamed into place.
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Names of files that were being written when somebody pulled the plug; they hold nothing that is missed. */
export const partPattern = /\.[0-9a-f]{16}\.part$/;

/** All of the old or all of the new, whoever looks and whenever this process dies. Durable when this returns. */
export async function replaceDurably(path: string, content: Uint8Array | string): Promise<void> {
  const part = `${path}.${randomBytes(8).toString('hex')}.part`;
  try {
    const file = await open(part, 'wx', 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
