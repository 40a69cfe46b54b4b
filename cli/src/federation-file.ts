// A federation's records as a file: what a researcher or an auditor keeps, and verifies again each time it is read.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { applyMemberships, type FederationView, foundFederation } from '@wardround/protocol/federation-view';
import { readText } from './yaml-file.ts';

/** `federation` is the digest that its holder pinned; the records are those of the topic `federation`. */
export const federationFileSchema = z.strictObject({
  federation: sha256Schema,
  records: z.array(z.string()).max(100_000),
});
export type FederationFile = z.infer<typeof federationFileSchema>;

export const federationFileName = 'federation.json';
const limits = { maxBytes: 64 * 1024 * 1024, maxDepth: 4 };

/** @throws WardroundError `file-unreadable`, `federation-file`, `genesis-incomplete`, `membership-fork` */
export async function readFederation(path: string): Promise<FederationView> {
  return await viewOfFile(await readFederationFile(path));
}

/** @throws WardroundError `file-unreadable`, `federation-file` */
export async function readFederationFile(path: string): Promise<FederationFile> {
  const file = (await isDirectory(path)) ? join(path, federationFileName) : path;
  const text = await readText(file);
  const parsed = federationFileSchema.safeParse(parseLimitedJson(Buffer.from(text), limits));
  if (parsed.success) return parsed.data;
  throw new WardroundError('federation-file', "not a file of a federation's records", {
    where: file,
    expected: '{ "federation": DIGEST, "records": [...] }',
    cause: parsed.error,
  });
}

/** @throws WardroundError `genesis-incomplete`, `membership-fork` */
export async function viewOfFile({ federation, records }: FederationFile): Promise<FederationView> {
  return await applyMemberships(await foundFederation(records, federation), records);
}

/**
 * The federation as it was when `membership` was its newest: a study's keys do not change under it.
 *
 * @param membership digest of a Membership, or of the Genesis
 * @throws WardroundError `membership-unknown`, `genesis-incomplete`, `membership-fork`
 */
export async function viewAt({ federation, records }: FederationFile, membership: string): Promise<FederationView> {
  const chain = ancestors(records, membership);
  const upTo = records.filter((jws) => {
    const { kind, digest } = UNVERIFIED_kindOf(jws);
    return kind === 'Genesis' || (kind === 'Membership' && chain.has(digest));
  });
  const view = await viewOfFile({ federation, records: upTo });
  if (view.membership === membership) return view;
  throw new WardroundError('membership-unknown', 'no membership of this federation has that digest and a quorum', {
    got: membership,
    action: 'stop',
  });
}

/** Digests of the Membership and of all before it, as they name each other; whether they are signed is judged by whoever applies them. */
function ancestors(records: readonly string[], membership: string): ReadonlySet<string> {
  const predecessors = new Map<string, string>();
  for (const jws of records) {
    const { kind, digest, value } = UNVERIFIED_kindOf(jws);
    const predecessor =
      kind === 'Membership' && typeof value === 'object' && value !== null ? Reflect.get(value, 'predecessor') : null;
    if (typeof predecessor === 'string') predecessors.set(digest, predecessor);
  }
  const chain = new Set<string>();
  for (let at: string | undefined = membership; at !== undefined && !chain.has(at); at = predecessors.get(at))
    chain.add(at);
  return chain;
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
