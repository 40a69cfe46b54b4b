// Answers of NVIDIA's attestation service, and its keys, as files that a person typed: the keys are believed because a person did.
import { basename } from 'node:path';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import type { OwnEndorsement } from '@wardround/attestation/own-endorsement';
import { ownEndorsementSchema } from '@wardround/attestation/own-endorsement';
import { type NrasKeys, parseNrasKeys, readJwks } from '@wardround/attestation/nvidia/nras-keys';
import { readBytes } from './files.ts';

export interface NrasPaths {
  readonly tokens: readonly string[];
  readonly jwks: string | undefined;
}

/** @throws WardroundError `file-*`, `nras-malformed`, `nras-keys-malformed`, and those of the JSON reader */
export async function readNrasFiles({ tokens, jwks }: NrasPaths, at: Date): Promise<readonly OwnEndorsement[]> {
  const answers = await Promise.all(tokens.map(readAnswer));
  return [...answers, ...(jwks === undefined ? [] : [await readKeys(jwks, at)])];
}

async function readAnswer(path: string): Promise<OwnEndorsement> {
  const eat = (await readBytes(path)).toString('utf8').trim();
  const parsed = ownEndorsementSchema.safeParse({ type: 'nras', eat });
  if (parsed.success) return parsed.data;
  throw new WardroundError('nras-malformed', 'not an answer of the service that can be read', {
    where: path,
    expected: 'at most 262144 characters',
    cause: parsed.error,
  });
}

/** A JWKS counts as of `at`; keys as a mirror keeps them as of when that fetched them. */
async function readKeys(path: string, at: Date): Promise<NrasKeys> {
  const value = parseLimitedJson(await readBytes(path), { maxBytes: 65_536, maxDepth: 6 });
  const isKept = typeof value === 'object' && value !== null && 'type' in value;
  return isKept ? parseNrasKeys(value) : readJwks(value, { source: `file ${basename(path)}`, fetchedAt: at });
}
