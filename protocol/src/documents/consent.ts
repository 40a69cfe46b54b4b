// What a hospital agrees to, and takes back: approvals, standing rules, withdrawals, consent to release, the released model.
import * as z from 'zod';
import {
  blobSchema,
  countSchema,
  encapsulationSchema,
  fractionSchema,
  hpkePublicKeySchema,
  instantSchema,
  nameSchema,
  nonNegativeDecimalSchema,
  positiveCountSchema,
  positiveDecimalSchema,
  base64UrlSchema,
  sha256Schema,
  sortedStrings,
  textSchema,
} from './primitives.ts';
import { metricSchema } from './study-plan.ts';

/** The names of weaknesses that somebody must type (design, promise P10). */
export const weaknessSchema = z.enum([
  'simulatedPlatform',
  'noDifferentialPrivacy',
  'unmasked',
  'importedWeights',
  'selectingRule',
  'unwitnessed',
  'vaultNotIsolated',
  'policyWaiver',
]);
export type Weakness = z.infer<typeof weaknessSchema>;

/** No differential privacy is `unbounded`, never 0. Reserved for the whole study, retries included; never refunded. */
export const budgetSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('unbounded') }),
  z.strictObject({
    kind: z.literal('bounded'),
    epsilon: positiveDecimalSchema,
    delta: positiveDecimalSchema,
    accountant: z.enum(['rdp', 'pld']),
  }),
]);

/** Signed by the site's approval key, or by its agent key where `under` names a StandingRule. */
export const approvalSchema = z.strictObject({
  kind: z.literal('Approval'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  under: z.discriminatedUnion('authority', [
    z.strictObject({ authority: z.literal('person') }),
    z.strictObject({ authority: z.literal('standingRule'), rule: sha256Schema }),
  ]),
  /** SHA-256 over a label, a 32-byte salt kept by the site, and the snapshot's digest. */
  snapshotCommitment: sha256Schema,
  /** The peers this site counts towards K, by the thumbprints of their agent keys; itself not among them. */
  peers: z.array(sha256Schema).min(1).max(1000).refine(sortedStrings, 'expected thumbprints sorted, none twice'),
  /** Σ of all weights stays below 2^32; one weight below 2^31. */
  weight: z.int().min(1).max(2_147_483_647),
  receivingKey: hpkePublicKeySchema,
  /** This site's own, stricter conditions: at least this many contributors that it counts (itself included), and no larger share. */
  minimumContributors: z.int().min(2),
  minimumRows: positiveCountSchema,
  maxShare: fractionSchema,
  budget: budgetSchema,
  population: textSchema,
  releaseConsent: z.enum(['oneByOne', 'byApproval']),
  perSiteMetrics: z.array(metricSchema).max(16),
  acceptedWeaknesses: z.array(weaknessSchema).max(16).refine(sortedStrings, 'expected weaknesses sorted, none twice'),
  approvedAt: instantSchema,
  validUntil: instantSchema,
});
export type Approval = z.infer<typeof approvalSchema>;

/** May approve only plans with differential privacy. Signed by the approval key. */
export const standingRuleSchema = z.strictObject({
  kind: z.literal('StandingRule'),
  version: z.literal(1),
  federation: sha256Schema,
  site: nameSchema,
  researchers: z.array(nameSchema).min(1).max(100),
  population: textSchema,
  modes: z
    .array(z.enum(['central', 'site', 'dpSgd']))
    .min(1)
    .max(3),
  maxEpsilonPerStudy: positiveDecimalSchema,
  maxEpsilonTotal: positiveDecimalSchema,
  maxDelta: nonNegativeDecimalSchema,
  minimumContributors: z.int().min(2),
  validFrom: instantSchema,
  validUntil: instantSchema,
});
export type StandingRule = z.infer<typeof standingRuleSchema>;

/** Takes effect before the next sealing. What already left cannot be recalled. Signed by the approval key. */
export const withdrawalSchema = z.strictObject({
  kind: z.literal('Withdrawal'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  approval: sha256Schema,
  withdrawnAt: instantSchema,
});
export type Withdrawal = z.infer<typeof withdrawalSchema>;

/** A decision not to take part; carries no reason that could tell of data. Signed by the approval key. */
export const refusalSchema = z.strictObject({
  kind: z.literal('Refusal'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  refusedAt: instantSchema,
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Signed by the approval key. Governs release beyond the sites, each of which already holds every global model. */
export const releaseConsentSchema = z.strictObject({
  kind: z.literal('ReleaseConsent'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  receipt: sha256Schema,
  model: sha256Schema,
  /** Thumbprint of the recipient's signing key, as in the plan. */
  recipient: sha256Schema,
  consentedAt: instantSchema,
});
export type ReleaseConsent = z.infer<typeof releaseConsentSchema>;

/** The final model, sealed by a site (no enclave is needed) to one recipient. Signed by the site's agent key. */
export const modelReleaseSchema = z.strictObject({
  kind: z.literal('ModelRelease'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  receipt: sha256Schema,
  model: sha256Schema,
  round: countSchema,
  recipient: sha256Schema,
  consents: z.array(sha256Schema).min(1).max(1000),
  ciphertext: blobSchema,
  encapsulation: encapsulationSchema,
  wrappedKey: base64UrlSchema(256),
  releasedAt: instantSchema,
});
export type ModelRelease = z.infer<typeof modelReleaseSchema>;
