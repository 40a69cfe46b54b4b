// Signed decisions for the vault to take: one file each, complete or not there.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import type { PublicKey } from '@wardround/protocol/keys';
import { writeDurably } from '../config/durable-file.ts';
import type { SitePaths } from '../config/site-paths.ts';

export async function writeToInbox<K extends DocumentKind>(
  paths: SitePaths,
  { digest, jws }: Verified<K>,
): Promise<void> {
  await writeDurably(join(paths.inbox, `${digest}.jws`), jws);
}

/** The approvals of a study that this site's person signed and the vault did not refuse, newest last. */
export async function signedApprovals(
  paths: SitePaths,
  study: string,
  key: PublicKey,
): Promise<readonly Verified<'Approval'>[]> {
  const approvals: Verified<'Approval'>[] = [];
  for (const directory of [paths.inbox, paths.inboxDone]) {
    for (const name of (await readdir(directory)).filter((file) => /^[0-9a-f]{64}\.jws$/.test(file))) {
      const jws = await readFile(join(directory, name), 'utf8');
      if (UNVERIFIED_kindOf(jws).kind !== 'Approval') continue;
      const approval = await verify('Approval', jws, [key]);
      if (approval.value.study === study) approvals.push(approval);
    }
  }
  return approvals.toSorted((a, b) => (a.value.approvedAt < b.value.approvedAt ? -1 : 1));
}
