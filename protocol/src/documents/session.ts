// A session of the enclave: its challenge, the sites' resume statements, its opening, and later requests for fresh evidence.
import * as z from 'zod';
import {
  hpkePublicKeySchema,
  instantSchema,
  nameSchema,
  nonceSchema,
  positiveCountSchema,
  countSchema,
  sha256Schema,
  signingPublicKeySchema,
  sortedBy,
  textSchema,
} from './primitives.ts';

/** Signed by the receipt key that it carries: born in the enclave, not yet attested. Answers to it are all that it can obtain. */
export const sessionChallengeSchema = z.strictObject({
  kind: z.literal('SessionChallenge'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  receiptKey: signingPublicKeySchema,
  nonce: nonceSchema,
  challengedAt: instantSchema,
});
export type SessionChallenge = z.infer<typeof sessionChallengeSchema>;

const roundReferenceSchema = z.strictObject({ round: positiveCountSchema, attempt: positiveCountSchema });

/** A checkpoint (model and server state) that a site holds; round 0 is the initial one, which everybody computes. */
export const heldCheckpointSchema = z.strictObject({ round: countSchema, checkpoint: sha256Schema });

/** Signed by the site's agent key. Says nothing of data. */
export const resumeStatementSchema = z.strictObject({
  kind: z.literal('ResumeStatement'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  challenge: sha256Schema,
  /** This site's own nonce for the evidence it will verify. */
  nonce: nonceSchema,
  newestReceipt: z
    .strictObject({ receipt: sha256Schema, round: positiveCountSchema, checkpoint: sha256Schema })
    .nullable(),
  lastSealed: roundReferenceSchema.nullable(),
  held: z.array(heldCheckpointSchema).max(2),
  /** Counts starts of this site's state; a restored or cloned disk shows. */
  instance: countSchema,
  statedAt: instantSchema,
});
export type ResumeStatement = z.infer<typeof resumeStatementSchema>;

/** Signed by the receipt key; its digest is bound into every site's evidence and is the session's identifier. */
export const sessionOpenSchema = z.strictObject({
  kind: z.literal('SessionOpen'),
  version: z.literal(1),
  federation: sha256Schema,
  /** Newest Membership, or the Genesis where there is none. */
  membership: sha256Schema,
  study: sha256Schema,
  challenge: sha256Schema,
  approvals: z
    .array(z.strictObject({ site: nameSchema, approval: sha256Schema }))
    .min(2)
    .max(1000)
    .refine(sortedBy('site'), 'expected approvals sorted by site, none twice'),
  statements: z
    .array(z.strictObject({ site: nameSchema, statement: sha256Schema }))
    .min(1)
    .max(1000)
    .refine(sortedBy('site'), 'expected statements sorted by site, none twice'),
  /** The closed round it goes on from; null at the study's start. */
  resumesFrom: z
    .strictObject({ receipt: sha256Schema, round: positiveCountSchema, checkpoint: sha256Schema })
    .nullable(),
  /** The first attempt number it may use: the highest that any site sealed for, plus one. */
  attemptFloor: positiveCountSchema,
  receiptKey: signingPublicKeySchema,
  sessionKey: hpkePublicKeySchema,
  configuration: sha256Schema,
  release: sha256Schema,
  log: z.discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('unwitnessed') }),
    z.strictObject({ mode: z.literal('witnessed'), checkpoint: textSchema }),
  ]),
  openedAt: instantSchema,
});
export type SessionOpen = z.infer<typeof sessionOpenSchema>;

/** Signed by the agent key: fresh evidence for a session that is already open. */
export const evidenceRequestSchema = z.strictObject({
  kind: z.literal('EvidenceRequest'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  site: nameSchema,
  nonce: nonceSchema,
  requestedAt: instantSchema,
});
export type EvidenceRequest = z.infer<typeof evidenceRequestSchema>;

/** The enclave's answer to one nonce; the evidence itself is a blob of canonical JSON (see attestation). Signed by the receipt key. */
export const evidenceOfferSchema = z.strictObject({
  kind: z.literal('EvidenceOffer'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  site: nameSchema,
  nonce: nonceSchema,
  /** The Evidence document, as canonical JSON text. */
  evidence: z.string().max(1_500_000),
});
export type EvidenceOffer = z.infer<typeof evidenceOfferSchema>;
