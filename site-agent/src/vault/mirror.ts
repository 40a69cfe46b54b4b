// The site's own mirror of vendors' collateral, as `wardround collateral` keeps it: verified by what its index says at each appraisal, so that what a person
// brought on a stick counts before the next sealing.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type MirrorDirectory,
  readMirrorDirectory,
  readMirrorIndex,
} from '@wardround/attestation/collateral/mirror-directory';
import { readingAt, type VerifiedMirror, verifyMirror } from '@wardround/attestation/collateral/read-mirror';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import type { Policy } from '@wardround/attestation/policy/policy';
import { sha256, toHex } from '@wardround/protocol/bytes';

export interface MirrorUse {
  readonly policy: Policy;
  readonly at: Date;
}

interface Known {
  /** Index and simulated roots: the index names every file by its hash, so that the same index is the same bytes. */
  readonly digest: string;
  readonly mirror: VerifiedMirror;
}

/**
 * One site's mirror. The index is read for each use; what it names is read and verified when the index changed, and kept in memory, out of reach of
 * whoever can write the directory. Dates are judged for each use.
 */
export class OwnMirror {
  readonly #directory: string | null;
  #known: Known | null = null;

  /** @param directory null where the settings name none: then a verifier has what comes with the evidence */
  constructor(directory: string | null) {
    this.#directory = directory;
  }

  /**
   * For an appraisal; what is spoiled is left out and told to `tell`.
   * @throws WardroundError `collateral-missing`, `collateral-index`, `collateral-too-much`: a mirror that was named and cannot be read refuses, because what it would
   * have revoked is not known
   */
  async endorsements(
    { policy, at }: MirrorUse,
    tell: (code: string, detail: string) => void,
  ): Promise<readonly MirroredEndorsement[]> {
    if (this.#directory === null) return [];
    const { mirrored, refused } = readingAt(await this.#verified(this.#directory, policy), at);
    for (const { code, message } of refused) tell(code, message);
    return mirrored;
  }

  async #verified(directory: string, policy: Policy): Promise<VerifiedMirror> {
    const roots = { simulated: policy.simulatedPlatform?.roots ?? [] };
    const digestOf = (index: Uint8Array): string => [toHex(sha256(index)), ...roots.simulated].join(' ');
    const files = { where: directory, read: readerOf(directory) };
    if (this.#known?.digest === digestOf(await readMirrorIndex(files))) return this.#known.mirror;
    const read = await readMirrorDirectory(files);
    const mirror = verifyMirror(read, roots);
    // A spoiled file may be put right under the same index.
    this.#known = mirror.refused.length === 0 ? { digest: digestOf(read.index), mirror } : null;
    return mirror;
  }
}

const readerOf =
  (directory: string): MirrorDirectory['read'] =>
  async (name, maxBytes) =>
    await readBounded(join(directory, name), maxBytes);

/** Null for what is not there, no plain file, or too large: its item is then refused. */
async function readBounded(path: string, maxBytes: number): Promise<Uint8Array | null> {
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
