// A site's three signing keys, made together and held apart: a person's, the agent's, the witness'.
import { lstat } from 'node:fs/promises';
import type { Site } from '@wardround/protocol/documents/federation';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import type { SitePaths } from '../config/site-paths.ts';
import { readKeyFile, requirePrivateDirectory, writeKeyFile } from './key-file.ts';

/** What the vault holds: never the approval key. */
export interface AgentKeys {
  readonly agent: SigningKey;
  readonly witness: SigningKey;
}

/** Makes the three key files. @throws WardroundError `key-file-exists` before anything is overwritten, `key-file-unwritable` */
export async function createSiteKeys(paths: SitePaths): Promise<Site['keys']> {
  const approval = generateSigningKey();
  const agent = generateSigningKey();
  const witness = generateSigningKey();
  await writeKeyFile(paths.approvalKey, approval);
  await writeKeyFile(paths.agentKey, agent);
  await writeKeyFile(paths.witnessKey, witness);
  return publicKeys({ approval, agent, witness });
}

/** The person's key, for the commands that a person types. @throws as {@link readKeyFile}, and for a directory that others can enter */
export async function readApprovalKey(paths: SitePaths): Promise<SigningKey> {
  await requirePrivateKeysDirectory(paths);
  return await readKeyFile(paths.approvalKey);
}

/** The vault's keys. @throws as {@link readKeyFile} */
export async function readAgentKeys(paths: SitePaths): Promise<AgentKeys> {
  return { agent: await readKeyFile(paths.agentKey), witness: await readKeyFile(paths.witnessKey) };
}

/** The public halves of this site's own keys, exactly as made: what a genesis must list. @throws as {@link readKeyFile} */
export async function readPublicKeys(paths: SitePaths): Promise<Site['keys']> {
  const approval = await readApprovalKey(paths);
  return publicKeys({ approval, ...(await readAgentKeys(paths)) });
}

/** @throws WardroundError `key-file-mode`, `key-file-owner` */
export async function requirePrivateKeysDirectory(paths: SitePaths): Promise<void> {
  requirePrivateDirectory(paths.keys, await lstat(paths.keys));
}

function publicKeys(keys: { approval: SigningKey } & AgentKeys): Site['keys'] {
  return { approval: keys.approval.publicKey, agent: keys.agent.publicKey, witness: keys.witness.publicKey };
}
