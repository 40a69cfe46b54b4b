// Reading a mirror's directory into memory. Whoever reads takes no lock: a writer never changes a file, and names a new one only in a new index.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  filesOf,
  indexLimits,
  maxItemBytes,
  maxMirrorBytes,
  parseIndex,
} from '@wardround/attestation/collateral/index-document';
import type { MirrorFiles } from '@wardround/attestation/collateral/read-mirror';
import { equalBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

export const indexPath = (directory: string): string => join(directory, 'index.json');
export const filePath = (directory: string, sha256: string): string => join(directory, 'files', sha256);

/** A writer may take away, between our two reads, what the index before last named. */
const triesWhileWritten = 4;

/**
 * The index and every file that it names. What cannot be read is as good as absent: its item is refused when it is verified.
 * @throws WardroundError `collateral-missing` where there is no mirror, `collateral-index`, `collateral-too-much`
 */
export async function readMirrorFiles(directory: string): Promise<MirrorFiles> {
  let index = await readIndexBytes(directory);
  for (let tries = 1; ; tries += 1) {
    const files = await readNamed(directory, index);
    const now = await readIndexBytes(directory);
    if (equalBytes(index, now) || tries === triesWhileWritten) {
      return { index, file: (sha256) => files.get(sha256) ?? null };
    }
    index = now;
  }
}

async function readNamed(directory: string, index: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let total = 0;
  for (const sha256 of filesOf(parseIndex(index))) {
    const bytes = await readRegular(filePath(directory, sha256), maxItemBytes);
    if (bytes !== null) files.set(sha256, bytes);
    total += bytes?.byteLength ?? 0;
    requireRoom(directory, total);
  }
  return files;
}

/** @throws WardroundError `collateral-too-much` */
export function requireRoom(where: string, total: number): void {
  if (total <= maxMirrorBytes) return;
  throw new WardroundError('collateral-too-much', 'more than any mirror holds', {
    where,
    expected: `at most ${maxMirrorBytes} bytes in all files together`,
  });
}

async function readIndexBytes(directory: string): Promise<Uint8Array> {
  const bytes = await readRegular(indexPath(directory), indexLimits.maxBytes);
  if (bytes !== null) return bytes;
  throw new WardroundError('collateral-missing', 'there is no collateral here', {
    where: directory,
    expected: 'a directory that `wardround collateral fetch` or `import` made',
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
