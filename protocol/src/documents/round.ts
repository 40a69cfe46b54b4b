// A round: the order, the contributions, the receipt with its cosignatures, the sealed model, and what parties say when they do not go on.
import * as z from 'zod';
import type { JsonValue } from '../json-scanner.ts';
import {
  base64UrlSchema,
  blobSchema,
  codeSchema,
  countSchema,
  encapsulationSchema,
  fieldNameSchema,
  hpkePublicKeySchema,
  instantSchema,
  nameSchema,
  nonceSchema,
  positiveCountSchema,
  positiveDecimalSchema,
  sha256Schema,
  signingPublicKeySchema,
  sortedBy,
  sortedStrings,
  textSchema,
} from './primitives.ts';

export const taskSchema = z.enum(['update', 'newton', 'statistics', 'evaluation', 'checkpointReturn']);
export type Task = z.infer<typeof taskSchema>;

/** `whole` is the one phase of unmasked tasks; the others are the masking protocol's. */
export const phaseSchema = z.enum(['whole', 'maskKeys', 'maskShares', 'maskedInput', 'unmask']);

/** Signed by the attested receipt key. Its digest is the HPKE `info` of every contribution to it. */
export const roundOrderSchema = z.strictObject({
  kind: z.literal('RoundOrder'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  task: taskSchema,
  phase: phaseSchema,
  round: positiveCountSchema,
  attempt: positiveCountSchema,
  /** What the work starts from: the checkpoint of the previous receipt (round 0: the initial one) and the model in it. */
  base: z.strictObject({ checkpoint: sha256Schema, model: sha256Schema }),
  /** Who may contribute. For a roll-forward exactly the contributors of the receipt. */
  roster: z
    .array(z.strictObject({ name: nameSchema, agent: sha256Schema, weight: positiveCountSchema }))
    .min(1)
    .max(1000)
    .refine(sortedBy('name'), 'expected a roster sorted by name, none twice'),
  /** Set when a cosigned round is rolled forward: the receipt whose digest the same integers must reach again. */
  rollsForward: sha256Schema.nullable(),
  roundKey: hpkePublicKeySchema,
  /** Masking: the public mask keys or encrypted shares of the phase before, as a blob; null when unmasked. */
  maskMaterial: blobSchema.nullable(),
  issuedAt: instantSchema,
  deadline: instantSchema,
});
export type RoundOrder = z.infer<typeof roundOrderSchema>;

export const ringSchema = z.enum(['int32', 'int64', 'z2pow64']);
export const tensorHeaderSchema = z.strictObject({
  name: fieldNameSchema,
  shape: z.array(countSchema).max(8),
  ring: ringSchema,
  stepLog2: z.int().min(-62).max(0),
  /** `byEnclave`: multiplied by the weight in the sum; `bySender`: already weighted; `none`: summed as it is. */
  weighting: z.enum(['byEnclave', 'bySender', 'none']),
});
export type TensorHeader = z.infer<typeof tensorHeaderSchema>;

/** Signed by the site's agent key over header, encapsulation and ciphertext digest. */
export const contributionSchema = z.strictObject({
  kind: z.literal('Contribution'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  order: sha256Schema,
  site: nameSchema,
  task: taskSchema,
  phase: phaseSchema,
  round: positiveCountSchema,
  attempt: positiveCountSchema,
  base: sha256Schema,
  weight: positiveCountSchema,
  approval: sha256Schema,
  tensors: z.array(tensorHeaderSchema).max(10_000),
  /** Commits to the integers and the 32 secret bytes inside; hides them because those bytes are secret. */
  payload: sha256Schema,
  encapsulation: encapsulationSchema,
  ciphertext: blobSchema,
});
export type Contribution = z.infer<typeof contributionSchema>;

export const noiseRecordSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('none') }),
  z.strictObject({
    mode: z.literal('central'),
    mechanism: z.literal('discreteGaussian'),
    standardDeviationSteps: positiveDecimalSchema,
  }),
  z.strictObject({
    mode: z.literal('site'),
    mechanism: z.literal('discreteGaussian'),
    standardDeviationSteps: positiveDecimalSchema,
    honestSites: positiveCountSchema,
  }),
  z.strictObject({
    mode: z.literal('dpSgd'),
    noiseMultiplier: positiveDecimalSchema,
    samplingRate: positiveDecimalSchema,
  }),
]);

/** Signed by the receipt key, then cosigned by q of the roster; only then is a model sealed to anyone. */
export const roundReceiptSchema = z.strictObject({
  kind: z.literal('RoundReceipt'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  order: sha256Schema,
  task: taskSchema,
  round: positiveCountSchema,
  attempt: positiveCountSchema,
  /** The receipt of the round before; null for the first round. */
  previous: sha256Schema.nullable(),
  /** The receipt whose round this one rolled forward; null otherwise. */
  rollsForward: sha256Schema.nullable(),
  contributors: z
    .array(
      z.strictObject({
        site: nameSchema,
        contribution: sha256Schema,
        payload: sha256Schema,
        weight: positiveCountSchema,
        approval: sha256Schema,
      }),
    )
    .min(2)
    .max(1000)
    .refine(sortedBy('site'), 'expected contributors sorted by site, none twice'),
  totalWeight: positiveCountSchema,
  absentees: z
    .array(z.strictObject({ site: nameSchema, code: codeSchema }))
    .max(1000)
    .refine(sortedBy('site'), 'expected absentees sorted by site, none twice'),
  /** Masking: digest of the survivor set that q sites signed. */
  survivors: sha256Schema.nullable(),
  base: sha256Schema,
  /** Digest of the model and of the checkpoint (model and server state) that every round makes; statistics and evaluation leave the model as it is. */
  model: sha256Schema.nullable(),
  checkpoint: sha256Schema.nullable(),
  /** Digest of what the round releases, for `statistics` and `evaluation`; null otherwise. A function of the checkpoint alone. */
  result: sha256Schema.nullable(),
  noise: noiseRecordSchema,
  /** For each site the evidence that this session gave it last. */
  evidence: z
    .array(z.strictObject({ site: nameSchema, evidence: sha256Schema }))
    .max(1000)
    .refine(sortedBy('site'), 'expected evidence sorted by site, none twice'),
  backend: textSchema,
  closedAt: instantSchema,
});
export type RoundReceipt = z.infer<typeof roundReceiptSchema>;

/** Signed by the site's witness key. */
export const cosignatureSchema = z.strictObject({
  kind: z.literal('Cosignature'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  receipt: sha256Schema,
  round: positiveCountSchema,
  cosignedAt: instantSchema,
});
export type Cosignature = z.infer<typeof cosignatureSchema>;

/** What is released is any JSON: its digest, which q sites cosigned, says what it must be. */
const releasedValueSchema: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.int(),
    z.string().max(2000),
    z.array(releasedValueSchema),
    z.record(z.string().max(256), releasedValueSchema),
  ]),
);

/**
 * Statistics of all contributors together, for everybody. Signed by the receipt key of a session that found the receipt cosigned; true is
 * what reaches the receipt's `result`, whoever signed it.
 */
export const roundResultSchema = z.strictObject({
  kind: z.literal('RoundResult'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  receipt: sha256Schema,
  task: z.enum(['statistics', 'evaluation']),
  round: positiveCountSchema,
  /** The receipt's: SHA-256 over a label and the canonical form of `values`. */
  result: sha256Schema,
  values: releasedValueSchema,
});
export type RoundResult = z.infer<typeof roundResultSchema>;

/** One ciphertext for all, its key sealed to each site's receiving key. Signed by the receipt key. */
export const sealedModelSchema = z.strictObject({
  kind: z.literal('SealedModel'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  receipt: sha256Schema,
  round: positiveCountSchema,
  checkpoint: sha256Schema,
  ciphertext: blobSchema,
  recipients: z
    .array(z.strictObject({ site: nameSchema, encapsulation: encapsulationSchema, wrappedKey: base64UrlSchema(256) }))
    .min(1)
    .max(1000)
    .refine(sortedBy('site'), 'expected recipients sorted by site, none twice'),
});
export type SealedModel = z.infer<typeof sealedModelSchema>;

/** The enclave says which contribution it refused and why (a code; nothing of its content). Signed by the receipt key. */
export const contributionRefusalSchema = z.strictObject({
  kind: z.literal('ContributionRefusal'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  order: sha256Schema,
  site: nameSchema,
  contribution: sha256Schema,
  code: codeSchema,
});
export type ContributionRefusal = z.infer<typeof contributionRefusalSchema>;

/** The closed list of what may leave a vault besides sealed bytes and signatures. None depends on data. */
export const siteStatusCodeSchema = z.enum([
  'not-taking-part',
  'evidence-refused',
  'session-refused',
  'order-refused',
  'receipt-refused',
  'study-complete',
]);

/** Signed by the agent key. `check` names the public check that failed (a stable code of attestation or protocol). */
export const siteStatusSchema = z.strictObject({
  kind: z.literal('SiteStatus'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  site: nameSchema,
  session: sha256Schema.nullable(),
  round: positiveCountSchema.nullable(),
  attempt: positiveCountSchema.nullable(),
  code: siteStatusCodeSchema,
  check: codeSchema.nullable(),
  statedAt: instantSchema,
});
export type SiteStatus = z.infer<typeof siteStatusSchema>;

/** The study ended without its last round. Signed by the receipt key. */
export const studyStopSchema = z.strictObject({
  kind: z.literal('StudyStop'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  round: positiveCountSchema,
  code: codeSchema,
  detail: textSchema,
  stoppedAt: instantSchema,
});
export type StudyStop = z.infer<typeof studyStopSchema>;

/** Masking: q sites sign one survivor set; a peer reveals shares only for it. Signed by the agent key. */
export const survivorSetSchema = z.strictObject({
  kind: z.literal('SurvivorSet'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  order: sha256Schema,
  site: nameSchema,
  survivors: z.array(nameSchema).min(1).max(1000).refine(sortedStrings, 'expected names sorted, none twice'),
});
export type SurvivorSet = z.infer<typeof survivorSetSchema>;

/** Masking: a site's keys for one attempt. Signed by the agent key. */
export const maskKeysSchema = z.strictObject({
  kind: z.literal('MaskKeys'),
  version: z.literal(1),
  federation: sha256Schema,
  study: sha256Schema,
  session: sha256Schema,
  order: sha256Schema,
  site: nameSchema,
  pairwise: hpkePublicKeySchema,
  shares: hpkePublicKeySchema,
  nonce: nonceSchema,
});
export type MaskKeys = z.infer<typeof maskKeysSchema>;

/** Connection authentication: the answer to a coordinator's challenge. Signed by the connecting party's key. */
export const connectionProofSchema = z.strictObject({
  kind: z.literal('ConnectionProof'),
  version: z.literal(1),
  role: z.enum(['site', 'researcher', 'aggregator', 'joining']),
  name: nameSchema,
  key: signingPublicKeySchema,
  challenge: nonceSchema,
  /** Origin of the coordinator that the party meant to reach, so that a proof cannot be passed on to another. */
  audience: textSchema,
  /** SHA-256 of the invitation or aggregator token, where the role needs one; null otherwise. */
  token: sha256Schema.nullable(),
});
export type ConnectionProof = z.infer<typeof connectionProofSchema>;
