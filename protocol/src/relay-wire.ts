// What a party and the coordinator say to each other over one connection: events, answers, and the place that a follower resumes from.
// Both ends parse everything strictly; neither believes the other.
import * as z from 'zod';
import { type Bytes, fromHex, labelledSha256, toHex, utf8 } from './bytes.ts';
import { documentLimits } from './canonical-json.ts';
import { instantSchema, nonceSchema, sha256Schema } from './documents/primitives.ts';
import { type ErrorAction, WardroundError } from './errors.ts';
import { maxJwsLength } from './jws.ts';
import { labels } from './labels.ts';
import type { Topic } from './relay-port.ts';

export const maxRecordLength = maxJwsLength(documentLimits);
/** A page of records ends before this many characters, unless its first record alone is longer. */
export const maxPageLength = 1024 * 1024;
export const maxPageRecords = 256;
/** The largest message either end accepts: a page, or one record, and its envelope. */
export const maxMessageBytes = maxPageLength + maxRecordLength + 256 * 1024;
/** How many chunks one question for missing ones may name. */
export const maxMissingQuery = 4096;

/** `federation`, or a study's digest. */
export const topicSchema = z.union([z.literal('federation'), sha256Schema]);
const jwsSchema = z.string().min(1).max(maxRecordLength);
const sequenceSchema = z.int().min(1).max(2_147_483_647);

/** Server to client, once a connection: to be signed, once, within seconds. */
export const challengeSchema = z.strictObject({ nonce: nonceSchema });
/** Client to server, event `prove`: a ConnectionProof. */
export const proveSchema = z.strictObject({ proof: jwsSchema });
/** The answer to `prove` and `renew`: a bearer token for the HTTP side. */
export const admittedSchema = z.strictObject({ accessToken: z.string().min(1).max(4096), expiresAt: instantSchema });
export type Admitted = z.infer<typeof admittedSchema>;

/** Event `publish`. */
export const publishSchema = z.strictObject({ topic: topicSchema, jws: jwsSchema });
export const publishedSchema = z.strictObject({ sequence: sequenceSchema });

/**
 * Event `follow`: asks for one page after a place. `chain` is what the client computed over the records up to `after`, null where it did
 * not see them itself. With `wait` the answer is held back until there is a record, or for a while. The next page is asked for when this
 * one is consumed, so a slow follower holds up nobody and nothing is buffered for it.
 */
export const followSchema = z.strictObject({
  id: z.int().min(1),
  topic: topicSchema,
  after: z.int().min(0).max(2_147_483_647),
  chain: sha256Schema.nullable(),
  wait: z.boolean(),
});
export type FollowRequest = z.infer<typeof followSchema>;
/** Event `unfollow`: the page with this id is no longer waited for. */
export const unfollowSchema = z.strictObject({ id: z.int().min(1) });
/** `rewound`: the store does not know the place (it was lost or restored), so this page starts from 1. `end`: nothing follows now. */
export const pageSchema = z.strictObject({
  records: z.array(z.strictObject({ sequence: sequenceSchema, jws: jwsSchema })).max(maxPageRecords),
  rewound: z.boolean(),
  end: z.boolean(),
});
export type Page = z.infer<typeof pageSchema>;

/** `POST /v1/chunks/missing`, question and answer. */
export const digestsSchema = z.strictObject({ digests: z.array(sha256Schema).max(maxMissingQuery) });

export const refusalAnswerSchema = z.strictObject({
  error: z.strictObject({
    code: z.string().max(64),
    message: z.string().max(1000),
    action: z.enum(['fix', 'retry', 'stop']),
  }),
});
export interface RefusalAnswer {
  readonly error: { readonly code: string; readonly message: string; readonly action: ErrorAction };
}

/** The other end's refusal as an error of ours, if the answer is one. */
export function refusalOf(answer: unknown): WardroundError | null {
  const parsed = refusalAnswerSchema.safeParse(answer);
  if (!parsed.success) return null;
  const { code, message, action } = parsed.data.error;
  return new WardroundError(/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(code) ? code : 'relay-refused', message, { action });
}

/** How a connection shows that it knows an invitation or an aggregator's token: `ConnectionProof.token`. */
export function tokenHash(token: string): string {
  return toHex(labelledSha256(labels.connection, utf8(token)));
}

/** A record's name in the store: the same JWS again is the same record. */
export function recordDigest(jws: string): string {
  return toHex(labelledSha256(labels.boardRecord, utf8(jws)));
}

/** The chain of a topic without records. */
export function firstChain(topic: Topic): string {
  return toHex(labelledSha256(labels.boardChain, utf8(topic)));
}

/**
 * The chain after one more record. A follower resumes with the chain it computed: a coordinator that was restored from a backup, and whose
 * numbers now mean other records, shows at once. (It is no defence against a hostile one, which nothing here needs.)
 */
export function nextChain(chain: string, record: string): string {
  const parts: readonly Bytes[] = [fromHex(chain, 32), fromHex(record, 32)];
  return toHex(labelledSha256(labels.boardChain, ...parts));
}
