// The site's own mirror of vendors' collateral, as `wardround collateral` keeps it: read and verified anew for each appraisal, so that what a person
// brought on a stick counts before the next sealing.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf, indexLimits, maxItemBytes, parseIndex } from '@wardround/attestation/collateral/index-document';
import {
  type MirroredEndorsement,
  type MirrorReading,
  readMirror,
} from '@wardround/attestation/collateral/read-mirror';
import type { Policy } from '@wardround/attestation/policy/policy';
import { WardroundError } from '@wardround/protocol/errors';

export interface MirrorUse {
  readonly policy: Policy;
  readonly at: Date;
}

/**
 * @param directory null where the settings name none: then a verifier has what comes with the evidence
 * @throws WardroundError `collateral-missing`, `collateral-index`: a mirror that was named and cannot be read refuses, because what it would have
 * revoked is not known. A spoiled item is left out, and shows in `refused`.
 */
export async function readOwnMirror(directory: string | null, { policy, at }: MirrorUse): Promise<MirrorReading> {
  if (directory === null) return { mirrored: [], endorsements: [], held: [], refused: [] };
  const index = await readBounded(join(directory, 'index.json'), indexLimits.maxBytes);
  if (index === null) {
    throw new WardroundError('collateral-missing', 'there is no collateral where the settings say', {
      where: directory,
      expected: 'a directory that `wardround collateral fetch` or `import` made',
    });
  }
  const files = new Map<string, Uint8Array | null>();
  for (const name of filesOf(parseIndex(index)))
    files.set(name, await readBounded(join(directory, 'files', name), maxItemBytes));
  const roots = { simulated: policy.simulatedPlatform?.roots ?? [] };
  return readMirror({ index, file: (sha256) => files.get(sha256) ?? null }, { at, roots });
}

/** For an appraisal; what is spoiled is told to `tell`. @throws as {@link readOwnMirror} */
export async function ownEndorsements(
  directory: string | null,
  use: MirrorUse,
  tell: (code: string, detail: string) => void,
): Promise<readonly MirroredEndorsement[]> {
  const { mirrored, refused } = await readOwnMirror(directory, use);
  for (const { code, message } of refused) tell(code, message);
  return mirrored;
}

/** Null for what is not there, no plain file, or too large: its item is then refused. */
async function readBounded(path: string, maxBytes: number): Promise<Uint8Array | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const bytes = (await file.stat()).size > maxBytes ? null : await file.readFile();
      return bytes === null || bytes.byteLength > maxBytes ? null : bytes;
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}
