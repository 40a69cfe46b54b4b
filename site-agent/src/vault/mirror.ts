// The site's own mirror of vendors' collateral, as `wardround collateral` keeps it: verified by what its index says at each appraisal, so that what a person
// brought on a stick counts before the next sealing.
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
import { readingAt, type VerifiedMirror, verifyMirror } from '@wardround/attestation/collateral/read-mirror';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import type { Policy } from '@wardround/attestation/policy/policy';
import { equalBytes, sha256, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

export interface MirrorUse {
  readonly policy: Policy;
  readonly at: Date;
}

interface Known {
  /** Index and simulated roots: the index names every file by its hash, so that the same index is the same bytes. */
  readonly digest: string;
  readonly mirror: VerifiedMirror;
}

/** A writer may take away, between two reads, what the index before last named. */
const triesWhileWritten = 4;

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
    let index = await readIndex(directory);
    for (let tries = 1; ; tries += 1) {
      const digest = [toHex(sha256(index)), ...roots.simulated].join(' ');
      if (this.#known?.digest === digest) return this.#known.mirror;
      const files = await readNamed(directory, index);
      const now = await readIndex(directory);
      if (equalBytes(index, now) || tries === triesWhileWritten) {
        const mirror = verifyMirror({ index, file: (name) => files.get(name) ?? null }, roots);
        // A spoiled file may be put right under the same index.
        this.#known = mirror.refused.length === 0 ? { digest, mirror } : null;
        return mirror;
      }
      index = now;
    }
  }
}

async function readIndex(directory: string): Promise<Uint8Array> {
  const index = await readBounded(join(directory, 'index.json'), indexLimits.maxBytes);
  if (index !== null) return index;
  throw new WardroundError('collateral-missing', 'there is no collateral where the settings say', {
    where: directory,
    expected: 'a directory that `wardround collateral fetch` or `import` made',
  });
}

async function readNamed(directory: string, index: Uint8Array): Promise<ReadonlyMap<string, Uint8Array | null>> {
  const files = new Map<string, Uint8Array | null>();
  let total = 0;
  for (const name of filesOf(parseIndex(index))) {
    const bytes = await readBounded(join(directory, 'files', name), maxItemBytes);
    files.set(name, bytes);
    total += bytes?.byteLength ?? 0;
    if (total > maxMirrorBytes)
      throw new WardroundError('collateral-too-much', 'more than any mirror holds', { where: directory });
  }
  return files;
}

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
