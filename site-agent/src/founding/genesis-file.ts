// What a site keeps of its founding: the genesis that it signed, and the complete one once every founder did.
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { type FederationView, foundFederation } from '@wardround/protocol/federation-view';
import { writeDurably } from '../config/durable-file.ts';
import type { SitePaths } from '../config/site-paths.ts';

const signedSchema = z.strictObject({ federation: sha256Schema, jws: z.string() });
/** What this site agreed to; `federation` is the genesis' digest. */
export type SignedGenesis = z.infer<typeof signedSchema>;

const completeSchema = z.strictObject({ federation: sha256Schema, records: z.array(z.string()).min(1).max(1000) });
/** The genesis with every founder's signature. */
export type CompleteGenesis = z.infer<typeof completeSchema>;

/** @throws WardroundError `federation-file` where the file is damaged */
export async function readSignedGenesis(paths: SitePaths): Promise<SignedGenesis | null> {
  return await readJsonFile(paths.signedGenesis, signedSchema);
}

/** The federation as this site founded it, verified again; null before it is complete. @throws WardroundError `federation-file`, `genesis-*` */
export async function readFounding(paths: SitePaths): Promise<FederationView | null> {
  const complete = await readJsonFile(paths.genesis, completeSchema);
  return complete === null ? null : await foundFederation(complete.records, complete.federation);
}

/** What was signed is durable before the signature leaves. */
export async function writeSignedGenesis(paths: SitePaths, signed: SignedGenesis): Promise<void> {
  await writeDurably(paths.signedGenesis, `${JSON.stringify(signed)}\n`);
}

/**
 * Stores the complete genesis if the records hold one that this site signed (or, for a site admitted later, that `federation` names).
 *
 * @param records of the federation topic, unverified; this site's own signature is added
 * @returns the verified federation, or null while signatures are missing or this site signed nothing
 */
export async function completeFounding({
  paths,
  records,
  federation,
}: {
  paths: SitePaths;
  records: readonly string[];
  federation?: string;
}): Promise<FederationView | null> {
  const kept = await readFounding(paths);
  if (kept !== null) return kept;
  const signed = await readSignedGenesis(paths);
  const digest = federation ?? signed?.federation;
  if (digest === undefined) return null;
  const geneses = [...new Set([...(signed === null ? [] : [signed.jws]), ...records])].filter((jws) =>
    isGenesis(jws, digest),
  );
  try {
    const view = await foundFederation(geneses, digest);
    await writeDurably(
      paths.genesis,
      `${JSON.stringify({ federation: digest, records: await needed(geneses, digest) })}\n`,
    );
    return view;
  } catch (error) {
    if (hasCode(error, 'genesis-incomplete')) return null;
    throw error;
  }
}

/** Junk that repeats a founder's signature must not fill our disk: records without which it is just as complete are left out. */
async function needed(records: readonly string[], digest: string): Promise<readonly string[]> {
  let kept = records;
  for (const record of records) {
    const without = kept.filter((other) => other !== record);
    const still = await foundFederation(without, digest).catch(() => null);
    if (still !== null) kept = without;
  }
  return kept;
}

function isGenesis(jws: string, digest: string): boolean {
  try {
    const peeked = UNVERIFIED_kindOf(jws);
    return peeked.kind === 'Genesis' && peeked.digest === digest;
  } catch {
    return false;
  }
}

async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new WardroundError('federation-file', 'cannot be read', { where: path, cause: error });
  });
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new WardroundError('federation-file', 'not a file that this agent wrote; it may have been damaged', {
      where: path,
      action: 'stop',
      cause,
    });
  }
}
