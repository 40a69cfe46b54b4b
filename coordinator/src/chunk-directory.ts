// Ciphertext chunks as files named by their SHA-256: chunks/ab/abcdef... Written aside, synced, renamed; checked whenever they are read.
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { chunkDigest, maxChunkSize } from '@wardround/protocol/manifest';

const shelves = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, '0'));

export class ChunkDirectory {
  readonly #root: string;
  readonly #quotaBytes: number;
  #usedBytes: number;
  /** Chunks being written, so that two uploads of one chunk are one write. */
  readonly #writing = new Map<string, Promise<void>>();

  private constructor({ root, quotaBytes, usedBytes }: { root: string; quotaBytes: number; usedBytes: number }) {
    this.#root = root;
    this.#quotaBytes = quotaBytes;
    this.#usedBytes = usedBytes;
  }

  /** Opens or makes the directory; what a kill left half written is thrown away. */
  static async open({ root, quotaBytes }: { root: string; quotaBytes: number }): Promise<ChunkDirectory> {
    await rm(join(root, 'incoming'), { recursive: true, force: true });
    for (const shelf of ['incoming', ...shelves]) await mkdir(join(root, shelf), { recursive: true, mode: 0o700 });
    await syncDirectory(root);
    return new ChunkDirectory({ root, quotaBytes, usedBytes: await bytesUnder(root) });
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Keeps a chunk; resolves when it would survive a power cut. The same again changes nothing.
   *
   * @throws WardroundError `chunk-name`, `chunk-empty`, `chunk-too-large`, `chunk-digest`, `chunk-quota`
   */
  async put(digest: string, bytes: Uint8Array): Promise<void> {
    requireName(digest);
    requireSize(bytes.byteLength);
    const got = chunkDigest(bytes);
    if (got !== digest) {
      throw new WardroundError('chunk-digest', 'not the chunk that was named', {
        expected: digest,
        got,
        action: 'retry',
      });
    }
    const writing = this.#writing.get(digest) ?? this.#write(digest, bytes).finally(() => this.#writing.delete(digest));
    this.#writing.set(digest, writing);
    await writing;
  }

  /** Which of these are not here. @throws WardroundError `chunk-name` */
  async missing(digests: readonly string[]): Promise<readonly string[]> {
    const absent: string[] = [];
    for (const digest of digests) if (!(await this.#has(digest))) absent.push(digest);
    return absent;
  }

  /**
   * The chunk. One that the disk spoiled is removed, so that its owner can put it again.
   *
   * @throws WardroundError `chunk-name`, `chunk-missing`
   */
  async get(digest: string): Promise<Bytes> {
    const bytes = await readIfThere(this.#path(digest));
    if (bytes === null) throw missing(digest);
    if (chunkDigest(bytes) !== digest) {
      await rm(this.#path(digest), { force: true });
      this.#usedBytes -= bytes.byteLength;
      throw missing(digest);
    }
    return bytes;
  }

  async #write(digest: string, bytes: Uint8Array): Promise<void> {
    if (await this.#has(digest)) return;
    this.#reserve(bytes.byteLength);
    const aside = join(this.#root, 'incoming', randomUUID());
    try {
      const file = await open(aside, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, this.#path(digest));
      await syncDirectory(join(this.#root, digest.slice(0, 2)));
    } catch (error) {
      this.#usedBytes -= bytes.byteLength;
      await rm(aside, { force: true });
      throw error;
    }
  }

  #reserve(byteLength: number): void {
    if (this.#usedBytes + byteLength > this.#quotaBytes) {
      throw new WardroundError('chunk-quota', "the coordinator's space for chunks is used up", {
        expected: `at most ${this.#quotaBytes} bytes in all`,
        action: 'stop',
      });
    }
    this.#usedBytes += byteLength;
  }

  async #has(digest: string): Promise<boolean> {
    try {
      return (await stat(this.#path(digest))).isFile();
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  }

  #path(digest: string): string {
    return join(this.#root, requireName(digest).slice(0, 2), digest);
  }
}

/** The name becomes a path: nothing but 64 hex digits may pass. */
function requireName(digest: string): string {
  if (sha256Schema.safeParse(digest).success) return digest;
  throw new WardroundError('chunk-name', 'not the name of a chunk', {
    expected: '64 lower-case hex digits',
    got: digest,
  });
}

function requireSize(byteLength: number): void {
  if (byteLength === 0) throw new WardroundError('chunk-empty', 'an empty chunk is never stored');
  if (byteLength > maxChunkSize) {
    throw new WardroundError('chunk-too-large', 'larger than any chunk', {
      expected: `at most ${maxChunkSize} bytes`,
      got: `${byteLength} bytes`,
    });
  }
}

function missing(digest: string): WardroundError {
  return new WardroundError('chunk-missing', 'no such chunk', { got: digest, action: 'retry' });
}

async function readIfThere(path: string): Promise<Bytes | null> {
  try {
    return copyBytes(await readFile(path));
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** A rename is durable when its directory is synced. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function bytesUnder(root: string): Promise<number> {
  let total = 0;
  for (const shelf of shelves) {
    for (const name of await readdir(join(root, shelf))) total += (await stat(join(root, shelf, name))).size;
  }
  return total;
}
