// The files of a mirror's directory, as this computer has them.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readMirrorDirectory } from '@wardround/attestation/collateral/mirror-directory';
import type { MirrorFiles } from '@wardround/attestation/collateral/read-mirror';

export const indexPath = (directory: string): string => join(directory, 'index.json');
export const filePath = (directory: string, sha256: string): string => join(directory, 'files', sha256);

/** The index and every file that it names. @throws WardroundError `collateral-missing`, `collateral-index`, `collateral-too-much` */
export async function readMirrorFiles(directory: string): Promise<MirrorFiles> {
  return await readMirrorDirectory({
    where: directory,
    read: async (name, maxBytes) => await readRegular(join(directory, name), maxBytes),
  });
}

/** A file's bytes; null for what is not there, not a plain file, not readable or too large. Never waits on a pipe, never follows a link. */
export async function readRegular(path: string, maxBytes: number): Promise<Uint8Array | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile() || found.size > maxBytes) return null;
      const bytes = await file.readFile();
      return bytes.byteLength > maxBytes ? null : bytes;
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}
