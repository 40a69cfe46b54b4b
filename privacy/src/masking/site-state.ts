// What a site must still know of an attempt after a restart, so that nobody gets the other half from it. Secret: the caller's file has mode 0600.
import * as z from 'zod';
import { fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import { canonicalJson, parseStrictJson } from '@wardround/protocol/canonical-json';
import { nameSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import type { SharePair } from './share-packet.ts';

const secretSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const shareSchema = z.string().regex(/^[A-Za-z0-9_-]{44}$/);
const heldSchema = z.strictObject({ site: nameSchema, root: shareSchema, self: shareSchema });
const jwsSchema = z.string().max(2 * 1024 * 1024);

const secretsSchema = z.strictObject({ root: secretSchema, selfSeed: secretSchema, sharesKey: secretSchema });

export const siteStateSchema = z.strictObject({
  version: z.literal(1),
  attempt: sha256Schema,
  site: nameSchema,
  /** Null once something was revealed: what is gone cannot be asked for. */
  secrets: secretsSchema.nullable(),
  keys: jwsSchema,
  /** The keys of all, and what this site dealt upon them. */
  dealt: z
    .strictObject({ keys: z.array(jwsSchema).max(255), shares: jwsSchema, own: heldSchema.nullable() })
    .nullable(),
  /** What peers dealt: who they are, which messages they were, the seeds of the pairs and the shares held for them. */
  received: z
    .strictObject({
      shares: sha256Schema,
      sites: z.array(nameSchema).max(255),
      pairs: z.array(z.strictObject({ site: nameSchema, seed: secretSchema })).max(255),
      held: z.array(heldSchema).max(255),
    })
    .nullable(),
  /** Digest of the integers that were masked: no others ever are under these masks. */
  input: sha256Schema.nullable(),
  /** The one survivor set. */
  signed: z.strictObject({ survivors: z.array(nameSchema).max(255), jws: jwsSchema }).nullable(),
  revealed: jwsSchema.nullable(),
});
export type SiteState = z.infer<typeof siteStateSchema>;
export type Held = z.infer<typeof heldSchema>;

const stateLimits = { maxBytes: 64 * 1024 * 1024, maxDepth: 8 };

export function encodeState(state: SiteState): Uint8Array {
  return canonicalJson(state, stateLimits);
}

/** @throws WardroundError `masking-state` (never quoting it) */
export function decodeState(bytes: Uint8Array): SiteState {
  try {
    return siteStateSchema.parse(parseStrictJson(bytes, stateLimits));
  } catch {
    // The cause would quote secrets.
    throw new WardroundError('masking-state', 'not the state of a masked attempt', { action: 'stop' });
  }
}

export function held(site: string, { root, self }: SharePair): Held {
  return { site, root: toBase64Url(root), self: toBase64Url(self) };
}

export const encodeSecret: (bytes: Uint8Array) => string = toBase64Url;
export const decodeSecret: (text: string) => Uint8Array<ArrayBuffer> = fromBase64Url;

/** Size of a state file at most, for the caller's reader. */
export const largestStateBytes = stateLimits.maxBytes;
