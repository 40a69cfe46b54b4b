// Who is who: key bundles, the genesis that founds a federation, the membership documents that change it, enclave releases.
import * as z from 'zod';
import {
  countSchema,
  hpkePublicKeySchema,
  instantSchema,
  nameSchema,
  positiveCountSchema,
  sha256Schema,
  signingPublicKeySchema,
  sortedBy,
  textSchema,
} from './primitives.ts';

/** A site's keys are separate because they are held differently: a person's, the contributing agent's, the log witness's. */
export const siteKeysSchema = z.strictObject({
  approval: signingPublicKeySchema,
  agent: signingPublicKeySchema,
  witness: signingPublicKeySchema,
});

export const siteSchema = z.strictObject({ name: nameSchema, displayName: textSchema, keys: siteKeysSchema });
export const researcherSchema = z.strictObject({
  name: nameSchema,
  displayName: textSchema,
  signing: signingPublicKeySchema,
  receiving: hpkePublicKeySchema,
});
export const releaserSchema = z.strictObject({
  name: nameSchema,
  displayName: textSchema,
  key: signingPublicKeySchema,
});

/**
 * Self-signed (a site's by its approval key, a researcher's by its signing key, a releaser's by its key). It proves nothing about who
 * holds the keys: the telephone call over the genesis' fingerprint does.
 */
export const keyBundleSchema = z.strictObject({
  kind: z.literal('KeyBundle'),
  version: z.literal(1),
  createdAt: instantSchema,
  party: z.discriminatedUnion('role', [
    z.strictObject({ role: z.literal('site'), ...siteSchema.shape }),
    z.strictObject({ role: z.literal('researcher'), ...researcherSchema.shape }),
    z.strictObject({ role: z.literal('releaser'), ...releaserSchema.shape }),
  ]),
});
export type KeyBundle = z.infer<typeof keyBundleSchema>;

/** `unwitnessed` is a named weakness: receipts are cosigned by sites but no append-only log binds their order. */
export const logSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('unwitnessed') }),
  z.strictObject({ mode: z.literal('witnessed'), origin: textSchema, key: signingPublicKeySchema }),
]);

/** Signed, each alone, by the approval key of every founding site; complete only with all of them. Its digest names the federation. */
export const genesisSchema = z
  .strictObject({
    kind: z.literal('Genesis'),
    version: z.literal(1),
    federation: nameSchema,
    createdAt: instantSchema,
    /** f: colluding sites that the federation tolerates. */
    colludingSites: countSchema,
    sites: z.array(siteSchema).min(2).max(1000).refine(sortedBy('name'), 'expected sites sorted by name, none twice'),
    researchers: z
      .array(researcherSchema)
      .max(1000)
      .refine(sortedBy('name'), 'expected researchers sorted by name, none twice'),
    releasers: z
      .array(releaserSchema)
      .max(100)
      .refine(sortedBy('name'), 'expected releasers sorted by name, none twice'),
    log: logSchema,
  })
  .refine(allKeysDistinct, 'expected every key of every party to be different');
export type Genesis = z.infer<typeof genesisSchema>;
export type Site = z.infer<typeof siteSchema>;
export type Researcher = z.infer<typeof researcherSchema>;
export type Releaser = z.infer<typeof releaserSchema>;

interface Parties {
  readonly sites: readonly Site[];
  readonly researchers: readonly Researcher[];
  readonly releasers: readonly Releaser[];
}

/** A key listed twice would let one party answer, or be blamed, for another. */
export function allKeysDistinct(parties: Parties): boolean {
  const keys = [
    ...parties.sites.flatMap((site) => [site.keys.approval.x, site.keys.agent.x, site.keys.witness.x]),
    ...parties.researchers.map((researcher) => researcher.signing.x),
    ...parties.releasers.map((releaser) => releaser.key.x),
  ];
  const receiving = parties.researchers.map((researcher) => researcher.receiving.key);
  return new Set(keys).size === keys.length && new Set(receiving).size === receiving.length;
}

const membershipChangeSchema = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('addSite'), site: siteSchema }),
  z.strictObject({ action: z.literal('removeSite'), name: nameSchema }),
  z.strictObject({ action: z.literal('replaceSiteKeys'), name: nameSchema, keys: siteKeysSchema }),
  z.strictObject({ action: z.literal('addResearcher'), researcher: researcherSchema }),
  z.strictObject({ action: z.literal('removeResearcher'), name: nameSchema }),
  z.strictObject({ action: z.literal('addReleaser'), releaser: releaserSchema }),
  z.strictObject({ action: z.literal('removeReleaser'), name: nameSchema }),
  z.strictObject({ action: z.literal('setColludingSites'), colludingSites: countSchema }),
  z.strictObject({ action: z.literal('setLog'), log: logSchema }),
]);

/** Takes effect with the signatures of q of the sites that were members before it. Chained: one successor per predecessor. */
export const membershipSchema = z.strictObject({
  kind: z.literal('Membership'),
  version: z.literal(1),
  /** Digest of the Genesis. */
  federation: sha256Schema,
  /** Digest of the Membership before this one, or of the Genesis for the first. */
  predecessor: sha256Schema,
  sequence: positiveCountSchema,
  issuedAt: instantSchema,
  reason: textSchema,
  changes: z.array(membershipChangeSchema).min(1).max(100),
});
export type Membership = z.infer<typeof membershipSchema>;

/** Signed by a releaser. Necessary, never sufficient: each site's own policy lists the measurements it accepts. */
export const enclaveReleaseSchema = z.strictObject({
  kind: z.literal('EnclaveRelease'),
  version: z.literal(1),
  name: nameSchema,
  releaser: nameSchema,
  issuedAt: instantSchema,
  expires: instantSchema,
  sourceCommit: z.string().regex(/^[0-9a-f]{40,64}$/),
  /** Digest of the program as measured. */
  bundle: sha256Schema,
  measurements: z
    .array(
      z.discriminatedUnion('platform', [
        z.strictObject({ platform: z.literal('sevSnp'), measurement: z.string().regex(/^[0-9a-f]{96}$/) }),
        z.strictObject({
          platform: z.literal('tdx'),
          mrtd: z.string().regex(/^[0-9a-f]{96}$/),
          rtmrs: z.array(z.string().regex(/^[0-9a-f]{96}$/)).length(4),
        }),
        z.strictObject({
          platform: z.literal('vtpm'),
          bank: z.enum(['sha256', 'sha384']),
          pcrs: z
            .array(
              z.strictObject({
                index: z.int().min(0).max(23),
                value: z.string().regex(/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/),
              }),
            )
            .min(1)
            .max(24),
        }),
      ]),
    )
    .min(1)
    .max(64),
});
export type EnclaveRelease = z.infer<typeof enclaveReleaseSchema>;

/** Signed by the same releaser: sites accept no session of that release from `revokedAt` on. */
export const releaseRevocationSchema = z.strictObject({
  kind: z.literal('ReleaseRevocation'),
  version: z.literal(1),
  release: sha256Schema,
  releaser: nameSchema,
  revokedAt: instantSchema,
  reason: textSchema,
});
export type ReleaseRevocation = z.infer<typeof releaseRevocationSchema>;
