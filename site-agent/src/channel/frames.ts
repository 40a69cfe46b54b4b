// What may pass between the vault and its courier: a closed list of frames, each with bounds, in both directions.
// To the courier the vault may be compromised, to the vault the courier is: it talks to the network.
import * as z from 'zod';
import type { Bytes } from '@wardround/protocol/bytes';
import { codeSchema, countSchema, nameSchema, sha256Schema } from '@wardround/protocol/documents/primitives';

/** A JSON header of at most this many bytes, then a body (a record's text, a chunk). */
export const maxHeaderBytes = 64 * 1024;
export const maxBodyBytes = 8 * 1024 * 1024;
/** Digests in one question. */
export const maxDigests = 512;
/** Records that the courier may send on a topic before the vault took them. */
export const followWindow = 16;

const id = z.int().min(1);
const topic = z.union([z.literal('federation'), sha256Schema]);
const digests = z.array(sha256Schema).max(maxDigests);
const origin = z.string().min(1).max(2000);

/** vault → courier. Nothing here carries a reason, a count or a text that data could shape; bodies are signed records and sealed chunks. */
export const vaultHeaderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), name: nameSchema, coordinator: origin, proxy: origin.nullable() }),
  /** Body: the record. */
  z.strictObject({ type: z.literal('publish'), id, topic }),
  z.strictObject({ type: z.literal('follow'), id, topic, after: countSchema }),
  z.strictObject({ type: z.literal('take'), id, count: z.int().min(1).max(followWindow) }),
  z.strictObject({ type: z.literal('unfollow'), id }),
  /** Body: the chunk. */
  z.strictObject({ type: z.literal('put'), id, digest: sha256Schema }),
  z.strictObject({ type: z.literal('missing'), id, digests }),
  z.strictObject({ type: z.literal('get'), id, digest: sha256Schema }),
  /** Body: the ConnectionProof. */
  z.strictObject({ type: z.literal('proof'), id }),
]);
export type VaultHeader = z.infer<typeof vaultHeaderSchema>;

/** courier → vault. */
export const courierHeaderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('prove'), id, nonce: sha256Schema, audience: origin }),
  z.strictObject({ type: z.literal('done'), id }),
  z.strictObject({ type: z.literal('failed'), id, code: codeSchema, retry: z.boolean() }),
  /** Body: the record; `id` is the follow's. */
  z.strictObject({ type: z.literal('record'), id, sequence: z.int().min(1) }),
  /** The coordinator lost or rolled back its store for this topic. */
  z.strictObject({ type: z.literal('rewound'), topic }),
  z.strictObject({ type: z.literal('missingIs'), id, digests }),
  /** Body: the chunk. */
  z.strictObject({ type: z.literal('chunk'), id }),
  z.strictObject({ type: z.literal('online') }),
  z.strictObject({ type: z.literal('offline') }),
]);
export type CourierHeader = z.infer<typeof courierHeaderSchema>;

export interface Frame<Header> {
  readonly header: Header;
  readonly body: Bytes;
}

/** The types of frame whose body means something; any other with a body is refused. */
export const typesWithBody: ReadonlySet<string> = new Set(['publish', 'put', 'proof', 'record', 'chunk']);
