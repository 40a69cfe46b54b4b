// Sealed chunks on the host's disk, by their digest. Ciphertext only; what is lost or spoiled here is fetched again.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { chunkDigest } from '@wardround/protocol/manifest';
import type { ChunkSpool } from '../enclave/ports.ts';
import { makePrivateDirectory } from './files.ts';

/** One study's chunks in a directory of their own. A full disk costs speed, not correctness: then nothing is kept. */
export class ChunkCache implements ChunkSpool {
  readonly #directory: string;

  constructor(directory: string, study: string) {
    this.#directory = join(directory, study);
  }

  async put(digest: string, bytes: Bytes): Promise<void> {
    try {
      await makePrivateDirectory(this.#directory);
      await writeFile(this.#path(digest), bytes, { mode: 0o600 });
    } catch {
      await rm(this.#path(digest), { force: true }).catch(() => {});
    }
  }

  async get(digest: string): Promise<Bytes | null> {
    try {
      const bytes = copyBytes(await readFile(this.#path(digest)));
      return chunkDigest(bytes) === digest ? bytes : null;
    } catch {
      return null;
    }
  }

  async clear(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  #path(digest: string): string {
    return join(this.#directory, digest);
  }
}
