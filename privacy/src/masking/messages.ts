// What sites say to each other in one masked attempt, each signed with the agent key: keys, shares, the survivor set, what is revealed.
import * as z from 'zod';
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import { canonicalJson, type JsonLimits } from '@wardround/protocol/canonical-json';
import { limitsOf } from '@wardround/protocol/documents/limits';
import {
  base64UrlSchema,
  encapsulationSchema,
  nameSchema,
  sha256Schema,
  sortedBy,
} from '@wardround/protocol/documents/primitives';
import {
  type MaskKeys,
  maskKeysSchema,
  type SurvivorSet,
  survivorSetSchema,
} from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import { signDocument, verifyDocument } from '@wardround/protocol/jws';
import { type SigningKey, thumbprint } from '@wardround/protocol/keys';
import { labels } from '@wardround/protocol/labels';
import type { MaskingAttempt } from './attempt.ts';

const commitmentSchema = z.strictObject({ site: nameSchema, root: sha256Schema, self: sha256Schema });

const packetSchema = z.strictObject({
  site: nameSchema,
  /** The pair's seed, sealed to the peer's pairwise key; null where the peer makes it. */
  seed: z.strictObject({ encapsulation: encapsulationSchema, wrappedKey: base64UrlSchema(256) }).nullable(),
  /** The peer's share of both secrets, sealed to its key for shares. */
  shares: z.strictObject({ encapsulation: encapsulationSchema, ciphertext: base64UrlSchema(256) }),
});
export type Packet = z.infer<typeof packetSchema>;

/** Carried by the enclave in the round's mask material. Nothing in it opens without a peer's key. */
export const maskSharesSchema = z.strictObject({
  kind: z.literal('MaskShares'),
  version: z.literal(1),
  attempt: sha256Schema,
  site: nameSchema,
  /** Digest of all sites' mask keys as this site saw them: who saw others shares nothing with it. */
  keys: sha256Schema,
  /** Commits to the seed of the site's own mask. */
  self: sha256Schema,
  /** Commits to each share, the site's own included. */
  commitments: z.array(commitmentSchema).min(2).max(255).refine(sortedBy('site'), 'expected sites sorted, none twice'),
  packets: z.array(packetSchema).min(1).max(254).refine(sortedBy('site'), 'expected sites sorted, none twice'),
});
export type MaskShares = z.infer<typeof maskSharesSchema>;

const revealedSchema = z.strictObject({
  site: nameSchema,
  of: z.enum(['root', 'self']),
  share: base64UrlSchema(64),
});

/** For the enclave alone: sent inside a sealed contribution. */
export const maskRevealSchema = z.strictObject({
  kind: z.literal('MaskReveal'),
  version: z.literal(1),
  attempt: sha256Schema,
  site: nameSchema,
  /** Digest of the survivor set. */
  survivors: sha256Schema,
  shares: z.array(revealedSchema).min(1).max(255).refine(sortedBy('site'), 'expected sites sorted, none twice'),
});
export type MaskReveal = z.infer<typeof maskRevealSchema>;

interface Said {
  readonly MaskKeys: MaskKeys;
  readonly MaskShares: MaskShares;
  readonly SurvivorSet: SurvivorSet;
  readonly MaskReveal: MaskReveal;
}

const schemas: { readonly [K in keyof Said]: z.ZodType<Said[K]> } = {
  MaskKeys: maskKeysSchema,
  MaskShares: maskSharesSchema,
  SurvivorSet: survivorSetSchema,
  MaskReveal: maskRevealSchema,
};

const limits: Readonly<Record<keyof Said, JsonLimits>> = {
  MaskKeys: limitsOf('MaskKeys'),
  // 254 packets of 3.4 KB and 255 commitments.
  MaskShares: { maxBytes: 1024 * 1024, maxDepth: 6, maxValues: 8 * 1024 },
  SurvivorSet: limitsOf('SurvivorSet'),
  MaskReveal: { maxBytes: 64 * 1024, maxDepth: 6, maxValues: 2 * 1024 },
};

/** @throws WardroundError `json-*` */
export async function say<K extends keyof Said>(kind: K, value: Said[K], key: SigningKey): Promise<string> {
  return await signDocument({ kind, value, key, limits: limits[kind] });
}

/**
 * What a member of this attempt signed, for this attempt and no other.
 *
 * @throws WardroundError `masking-signer` (one member in another's name), `masking-context` (another federation, study, session or attempt),
 * `jws-signer` (nobody of this attempt), and the others of `verifyDocument`
 */
export async function hear<K extends keyof Said>(kind: K, jws: string, attempt: MaskingAttempt): Promise<Heard<K>> {
  const keys = attempt.members.map(({ key }) => key);
  const { value, signer } = await verifyDocument({ jws, kind, schema: schemas[kind], keys, limits: limits[kind] });
  const member = attempt.members.find(({ name }) => name === value.site);
  if (member === undefined || thumbprint(member.key) !== signer) {
    throw new WardroundError('masking-signer', 'signed by one site in the name of another', {
      got: value.site,
      action: 'stop',
    });
  }
  requireThisAttempt(value, attempt);
  return { site: value.site, value, jws };
}

export interface Heard<K extends keyof Said> {
  readonly site: string;
  readonly value: Said[K];
  readonly jws: string;
}

function requireThisAttempt(value: Said[keyof Said], attempt: MaskingAttempt): void {
  const named: Readonly<Record<string, string>> =
    'attempt' in value
      ? { attempt: attempt.digest }
      : {
          federation: attempt.federation,
          study: attempt.study,
          session: attempt.session,
          order: attempt.order,
        };
  const said = new Map<string, unknown>(Object.entries(value));
  for (const [field, expected] of Object.entries(named)) {
    if (said.get(field) === expected) continue;
    throw new WardroundError('masking-context', 'said in another attempt', { where: field, expected, action: 'stop' });
  }
}

/** Hears one message of each of several sites; sorted by site. @throws as {@link hear}, `masking-duplicate` */
export async function hearAll<K extends keyof Said>(
  kind: K,
  all: readonly string[],
  attempt: MaskingAttempt,
): Promise<Heard<K>[]> {
  const heard = new Map<string, Heard<K>>();
  for (const jws of all) {
    const one = await hear(kind, jws, attempt);
    if (heard.has(one.site)) throw duplicate(one.site);
    heard.set(one.site, one);
  }
  return [...heard.values()].toSorted((a, b) => (a.site < b.site ? -1 : 1));
}

export function duplicate(site: string): WardroundError {
  return new WardroundError('masking-duplicate', 'a site speaks twice', { got: site, action: 'stop' });
}

/** Hex digest of what several sites said, whatever the order it came in. */
export function digestOfAll(heard: readonly Heard<keyof Said>[]): string {
  const named = heard.map(({ site, jws }) => ({ site, said: jws })).toSorted((a, b) => (a.site < b.site ? -1 : 1));
  return toHex(labelledSha256(labels.maskAttempt, canonicalJson(named, { maxBytes: 256 * 1024 * 1024, maxDepth: 4 })));
}

/** Hex digest of a survivor set. */
export function digestOfSurvivors(attempt: string, survivors: readonly string[]): string {
  return toHex(labelledSha256(labels.maskAttempt, canonicalJson([attempt, survivors])));
}
