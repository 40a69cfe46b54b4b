// Reading a mirror's directory into memory, bounded, while somebody may be writing it. Each room gives its own way to its files; whoever reads takes no
// lock: a writer never changes a file, and names a new one only in a new index.
import { WardroundError } from '@wardround/protocol/errors';
import { equalBytes } from '@wardround/protocol/bytes';
import { filesOf, indexLimits, maxItemBytes, maxMirrorBytes, parseIndex } from './index-document.ts';
import type { MirrorFiles } from './read-mirror.ts';

export interface MirrorDirectory {
  /** For people. */
  readonly where: string;
  /**
   * The bytes of `index.json`, or of `files/<sha256>`. Null for what is not there, no plain file, not readable or larger than `maxBytes`: its item is
   * refused when it is verified. Never waits on a pipe, never follows a link.
   */
  readonly read: (name: string, maxBytes: number) => Promise<Uint8Array | null>;
}

/** A writer may take away, between two reads of the index, what the one before last named. */
const triesWhileWritten = 4;

/** @throws WardroundError `collateral-missing` where there is no mirror */
export async function readMirrorIndex({ where, read }: MirrorDirectory): Promise<Uint8Array> {
  const bytes = await read('index.json', indexLimits.maxBytes);
  if (bytes !== null) return bytes;
  throw new WardroundError('collateral-missing', 'there is no collateral here', {
    where,
    expected: 'a directory that `wardround collateral fetch` or `import` made',
  });
}

/**
 * The index and every file that it names.
 * @throws WardroundError `collateral-missing`, `collateral-index`, `collateral-too-much`
 */
export async function readMirrorDirectory(directory: MirrorDirectory): Promise<MirrorFiles> {
  let index = await readMirrorIndex(directory);
  for (let tries = 1; ; tries += 1) {
    const files = await readNamed(directory, index);
    const now = await readMirrorIndex(directory);
    if (equalBytes(index, now) || tries === triesWhileWritten)
      return { index, file: (sha256) => files.get(sha256) ?? null };
    index = now;
  }
}

async function readNamed(
  { where, read }: MirrorDirectory,
  index: Uint8Array,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let total = 0;
  for (const sha256 of filesOf(parseIndex(index))) {
    const bytes = await read(`files/${sha256}`, maxItemBytes);
    if (bytes === null) continue;
    files.set(sha256, bytes);
    total += bytes.byteLength;
    requireRoom(where, total);
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
