// The StudyPlan: the whole agreement, every value explicit. A site takes part only in what this document says.
import * as z from 'zod';
import { cohortSchema } from './cohort.ts';
import {
  countSchema,
  decimalSchema,
  fieldNameSchema,
  fractionSchema,
  hpkePublicKeySchema,
  instantSchema,
  nameSchema,
  nonNegativeDecimalSchema,
  positiveCountSchema,
  positiveDecimalSchema,
  seedSchema,
  sha256Schema,
  sortedBy,
  textSchema,
} from './primitives.ts';

const activationSchema = z.enum(['relu', 'tanh', 'sigmoid']);

/** Models are declarations from this list; no researcher's code runs in a hospital. */
export const modelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('logisticRegression'), l2: nonNegativeDecimalSchema }),
  z.strictObject({ kind: z.literal('linearRegression'), l2: nonNegativeDecimalSchema }),
  z.strictObject({
    kind: z.literal('mlp'),
    hidden: z.array(z.int().min(1).max(4096)).min(1).max(8),
    activation: activationSchema,
    l2: nonNegativeDecimalSchema,
  }),
  z.strictObject({
    kind: z.literal('coxProportionalHazards'),
    ties: z.enum(['breslow', 'efron']),
    stratify: z.enum(['none', 'bySite']),
    l2: nonNegativeDecimalSchema,
  }),
  z.strictObject({
    kind: z.literal('cnn'),
    image: z.strictObject({
      height: z.int().min(8).max(1024),
      width: z.int().min(8).max(1024),
      channels: z.int().min(1).max(4),
    }),
    filters: z.array(z.int().min(1).max(512)).min(1).max(8),
    kernel: z.int().min(1).max(9),
    hidden: z.array(z.int().min(1).max(4096)).max(4),
    activation: activationSchema,
    l2: nonNegativeDecimalSchema,
  }),
  z.strictObject({
    kind: z.literal('gradientBoostedTrees'),
    trees: z.int().min(1).max(10_000),
    depth: z.int().min(1).max(12),
    bins: z.int().min(2).max(256),
    learningRate: positiveDecimalSchema,
    l2: nonNegativeDecimalSchema,
  }),
]);
export type Model = z.infer<typeof modelSchema>;

/** `importedWeights` is a named weakness: crafted weights can make an average reveal single rows. */
export const initialWeightsSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('zeros') }),
  z.strictObject({ method: z.literal('seeded'), seed: seedSchema }),
  z.strictObject({ method: z.literal('importedWeights'), digest: sha256Schema }),
]);

/** `steps` are optimiser steps a round; an epoch ends inside it where the data do. */
export const trainingSchema = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('gradientDescent'),
    optimizer: z.discriminatedUnion('name', [
      z.strictObject({ name: z.literal('sgd'), learningRate: positiveDecimalSchema, momentum: fractionSchema }),
      z.strictObject({
        name: z.literal('adam'),
        learningRate: positiveDecimalSchema,
        beta1: fractionSchema,
        beta2: fractionSchema,
        epsilon: positiveDecimalSchema,
      }),
    ]),
    batchSize: z.int().min(1).max(65_536),
    steps: z.int().min(1).max(1_000_000),
    seed: seedSchema,
    classWeights: z.discriminatedUnion('method', [
      z.strictObject({ method: z.literal('none') }),
      z.strictObject({ method: z.literal('fixed'), negative: positiveDecimalSchema, positive: positiveDecimalSchema }),
      z.strictObject({ method: z.literal('federated') }),
    ]),
    earlyStopping: z.discriminatedUnion('method', [
      z.strictObject({ method: z.literal('none') }),
      z.strictObject({
        method: z.literal('pooledLoss'),
        patience: positiveCountSchema,
        minimumImprovement: nonNegativeDecimalSchema,
      }),
    ]),
  }),
  z.strictObject({ method: z.literal('newton'), tolerance: positiveDecimalSchema }),
]);
export type Training = z.infer<typeof trainingSchema>;

const adaptive = {
  serverLearningRate: positiveDecimalSchema,
  beta1: fractionSchema,
  beta2: fractionSchema,
  tau: positiveDecimalSchema,
};

/** Strategies; those that let one site's values through are gathered under `selectingRule`, a named weakness. */
export const strategySchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('fedAvg') }),
  z.strictObject({ name: z.literal('fedProx'), mu: nonNegativeDecimalSchema }),
  z.strictObject({ name: z.literal('scaffold'), serverLearningRate: positiveDecimalSchema }),
  z.strictObject({ name: z.literal('fedAvgM'), serverLearningRate: positiveDecimalSchema, momentum: fractionSchema }),
  z.strictObject({ name: z.literal('fedAdam'), ...adaptive }),
  z.strictObject({ name: z.literal('fedYogi'), ...adaptive }),
  z.strictObject({
    name: z.literal('fedAdagrad'),
    serverLearningRate: positiveDecimalSchema,
    tau: positiveDecimalSchema,
  }),
  z.strictObject({ name: z.literal('fedNova') }),
  z.strictObject({ name: z.literal('fedBn'), personal: z.array(fieldNameSchema).min(1).max(256) }),
  z.strictObject({ name: z.literal('newton') }),
  z.strictObject({
    name: z.literal('selectingRule'),
    rule: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('coordinateMedian') }),
      z.strictObject({ kind: z.literal('trimmedMean'), trim: positiveCountSchema }),
      z.strictObject({ kind: z.literal('multiKrum'), select: positiveCountSchema }),
    ]),
  }),
]);
export type Strategy = z.infer<typeof strategySchema>;

const noiseSchema = z.strictObject({
  mechanism: z.enum(['update', 'statistics', 'evaluation']),
  noiseMultiplier: positiveDecimalSchema,
  samplingRate: fractionSchema,
});

const privateMode = {
  unit: z.enum(['patient', 'site']),
  adjacency: z.enum(['addOrRemoveOne', 'replaceOne']),
  /** Whom the claim trusts: the enclave's own noise, only honest sites' noise, or nobody but the patient's site. */
  trusts: z.enum(['enclave', 'honestSites', 'ownSite']),
  clipNorm: positiveDecimalSchema,
  epsilon: positiveDecimalSchema,
  delta: positiveDecimalSchema,
  accountant: z.enum(['rdp', 'pld']),
  /** Hyper-parameter candidates that the budget pays for. */
  candidates: positiveCountSchema,
  noise: z.array(noiseSchema).min(1).max(3),
};

export const privacySchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('noDifferentialPrivacy') }),
  z.strictObject({ mode: z.literal('central'), ...privateMode }),
  z.strictObject({ mode: z.literal('site'), ...privateMode }),
  z.strictObject({ mode: z.literal('dpSgd'), ...privateMode }),
]);

export const maskingSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('unmasked') }),
  /** Shamir threshold of the masks' seeds. */
  z.strictObject({ mode: z.literal('masked'), threshold: z.int().min(2) }),
]);

/** How real numbers travel: a ring, a step of 2^stepLog2, and the bound that the enclave itself checks. */
export const encodingSchema = z.strictObject({
  update: z.strictObject({
    ring: z.enum(['int32', 'z2pow64']),
    stepLog2: z.int().min(-40).max(0),
    normBound: positiveDecimalSchema,
  }),
  sums: z.strictObject({ ring: z.literal('int64'), stepLog2: z.int().min(-60).max(0) }),
  /** Sealed payloads are padded to a multiple of this many bytes, so that sizes tell nothing. */
  paddingBytes: z.int().min(1024).max(16_777_216),
});

export const rosterEntrySchema = z.strictObject({ name: nameSchema, agent: sha256Schema });

export const metricSchema = z.enum(['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'cIndex', 'rmse', 'loss']);

export const studyPlanSchema = z.strictObject({
  kind: z.literal('StudyPlan'),
  version: z.literal(1),
  /** Digest of the Genesis, and of the newest Membership (or the Genesis again) that the researcher knew. */
  federation: sha256Schema,
  membership: sha256Schema,
  researcher: nameSchema,
  title: textSchema,
  purpose: z.strictObject({ text: textSchema, ethics: textSchema }),
  createdAt: instantSchema,
  expires: instantSchema,
  /** Plans are immutable: an amendment is a new plan that names the digest of its predecessor. */
  predecessor: sha256Schema.nullable(),
  cohort: cohortSchema,
  model: modelSchema,
  initialWeights: initialWeightsSchema,
  training: trainingSchema,
  strategy: strategySchema,
  rounds: z.int().min(1).max(100_000),
  weighting: z.enum(['patients', 'coarse', 'equal']),
  encoding: encodingSchema,
  sites: z.strictObject({
    roster: z
      .array(rosterEntrySchema)
      .min(2)
      .max(1000)
      .refine(sortedBy('name'), 'expected a roster sorted by name, none twice'),
    /** K: the least number of contributing sites. */
    minimum: z.int().min(2),
    maxShare: fractionSchema,
    deadlineSeconds: z.int().min(1).max(2_592_000),
    onShortfall: z.enum(['wait', 'stop']),
    maxAttempts: z.int().min(1).max(1000),
  }),
  privacy: privacySchema,
  masking: maskingSchema,
  /** Federated statistics before training; empty for none. */
  statistics: z.array(z.enum(['counts', 'missingness', 'moments', 'quantiles', 'histograms', 'correlations'])).max(6),
  evaluation: z.strictObject({
    metrics: z.array(metricSchema).max(16),
    minimumCell: z.int().min(1),
    /** Rounds between pooled evaluations; 0 for only after the last. */
    everyRounds: countSchema,
    /** Whether per-site metrics may be shown to others once, at the end, where that site approved it. */
    perSiteAtEnd: z.boolean(),
  }),
  attestation: z.strictObject({
    platforms: z
      .array(z.enum(['sevSnp', 'tdx', 'azureSnpVtpm', 'azureTdxVtpm']))
      .min(1)
      .max(4),
    gpu: z.enum(['required', 'unused']),
    release: nameSchema,
    maxEvidenceAgeSeconds: z.int().min(60).max(86_400),
  }),
  release: z.strictObject({
    to: z
      .array(z.strictObject({ name: nameSchema, signing: sha256Schema, receiving: hpkePublicKeySchema }))
      .min(1)
      .max(16),
    whenSitesAgree: positiveCountSchema,
    consent: z.discriminatedUnion('method', [
      z.strictObject({ method: z.literal('oneByOne') }),
      z.strictObject({
        method: z.literal('byApproval'),
        gate: z.strictObject({ metric: metricSchema, atLeast: decimalSchema }),
      }),
    ]),
    formats: z
      .array(z.enum(['safetensors', 'tfjs', 'onnx']))
      .min(1)
      .max(3),
  }),
});
export type StudyPlan = z.infer<typeof studyPlanSchema>;
