// A study plan as a researcher writes it (YAML, already parsed): which keys there are and what may stand under them. Much may be left
// out; what the defaults are is compile.ts' business and docs/plan.md's table. Unknown keys are refused.
import * as z from 'zod';
import { codeValueSchema } from '../documents/cohort.ts';
import { fieldNameSchema, nameSchema, seedSchema, sha256Schema, textSchema } from '../documents/primitives.ts';
import { modelSourceSchema, strategySourceSchema, trainingSourceSchema } from './source-learning.ts';
import { describeIssues, PlanInvalidError } from './problems.ts';
import {
  comparison,
  count,
  duration,
  fraction,
  instantText,
  oneOf,
  positiveCount,
  positiveReal,
  range,
  real,
  section,
  unknownChoice,
} from './source-types.ts';

const missing = oneOf('dropRow', 'refuse');
export const metricNames = ['accuracy', 'auroc', 'auprc', 'brier', 'calibration', 'cIndex', 'rmse', 'loss'] as const;
const metric = oneOf(...metricNames);

const featureSource = z.discriminatedUnion(
  'type',
  [
    section({ type: z.literal('number'), unit: textSchema.optional(), range, missing: missing.optional() }),
    section({
      type: z.literal('code'),
      codes: z.array(codeValueSchema).min(2, 'expected at least two codes').max(1000),
      encode: oneOf('oneHot', 'oneHotDropFirst').optional(),
      missing: missing.optional(),
    }),
  ],
  unknownChoice('type', ['number', 'code']),
);
export type FeatureSource = z.output<typeof featureSource>;

/** One of three sorts of label, told apart by what is written: `positiveWhen`, `range`, or `time` and `event`. */
const labelSource = section({
  name: fieldNameSchema.optional(),
  positiveWhen: comparison.optional(),
  unit: textSchema.optional(),
  range: range.optional(),
  time: fieldNameSchema.optional(),
  timeUnit: textSchema.optional(),
  event: fieldNameSchema.optional(),
  eventWhen: comparison.optional(),
  maxTime: positiveReal.optional(),
  missing: missing.optional(),
});
export type LabelSource = z.output<typeof labelSource>;

const splitSource = z.union(
  [
    z.literal('none', 'expected none'),
    section({
      testFraction: fraction.optional(),
      seed: seedSchema.optional(),
      column: fieldNameSchema.optional(),
      train: codeValueSchema.optional(),
      test: codeValueSchema.optional(),
    }),
  ],
  'expected { testFraction, seed }, { column, train, test } or none',
);
export type SplitSource = z.output<typeof splitSource>;

const cohortSource = section({
  population: fieldNameSchema.optional(),
  source: oneOf('table', 'images').optional(),
  minimumRows: positiveCount.optional(),
  minimumEvents: count.optional(),
  missing: missing.optional(),
  features: z
    .record(fieldNameSchema, featureSource)
    .refine((features) => Object.keys(features).length > 0, 'expected at least one feature')
    .optional(),
  label: labelSource,
  standardise: oneOf('perSite', 'federated', 'perImage', 'none').optional(),
  split: splitSource.optional(),
});
export type CohortSource = z.output<typeof cohortSource>;

const privateMode = {
  unit: oneOf('patient', 'site').optional(),
  adjacency: oneOf('addOrRemoveOne', 'replaceOne').optional(),
  trusts: oneOf('enclave', 'honestSites', 'ownSite').optional(),
  clipNorm: positiveReal,
  epsilon: positiveReal,
  delta: positiveReal,
  accountant: oneOf('rdp', 'pld').optional(),
  candidates: positiveCount.optional(),
};

const privacySource = z.discriminatedUnion(
  'mode',
  [
    section({ mode: z.literal('noDifferentialPrivacy') }),
    section({ mode: z.literal('central'), ...privateMode }),
    section({ mode: z.literal('site'), ...privateMode }),
    section({ mode: z.literal('dpSgd'), ...privateMode }),
  ],
  unknownChoice('mode', ['noDifferentialPrivacy', 'central', 'site', 'dpSgd']),
);

const encodingSource = section({
  normBound: positiveReal.optional(),
  stepLog2: z.int().min(-40).max(0).optional(),
  sumsStepLog2: z.int().min(-60).max(0).optional(),
  paddingBytes: z.int().min(1024).max(16_777_216).optional(),
});

const initialWeightsSource = z.union(
  [z.literal('zeros', 'expected zeros'), section({ seeded: seedSchema }), section({ importedWeights: sha256Schema })],
  'expected zeros, { seeded: 42 } or { importedWeights: DIGEST }',
);

const releaseSource = section({
  to: z.array(nameSchema).min(1, 'expected at least one researcher').max(16),
  whenSitesAgree: positiveCount.optional(),
  consent: z
    .union(
      [z.literal('oneByOne', 'expected oneByOne'), section({ metric, atLeast: real })],
      'expected oneByOne or { metric, atLeast }',
    )
    .optional(),
  formats: z
    .array(oneOf('safetensors', 'tfjs', 'onnx'))
    .min(1, 'expected at least one format')
    .max(3)
    .optional(),
});

export const planSourceSchema = section({
  wardround: z.literal('study/v1', 'expected study/v1'),
  title: textSchema,
  purpose: section({ text: textSchema, ethics: textSchema }),
  expires: instantText,
  predecessor: sha256Schema.optional(),
  cohort: cohortSource,
  model: modelSourceSchema,
  initialWeights: initialWeightsSource.optional(),
  training: trainingSourceSchema,
  strategy: strategySourceSchema,
  rounds: z.int('expected a whole number').min(1).max(100_000),
  weighting: oneOf('patients', 'coarse', 'equal').optional(),
  encoding: encodingSource.optional(),
  sites: section({
    roster: z.array(nameSchema).min(2, 'expected at least two sites').max(1000),
    minimum: z.int('expected a whole number').min(2, 'expected at least 2'),
    maxShare: fraction,
    deadline: duration.optional(),
    onShortfall: oneOf('wait', 'stop').optional(),
    maxAttempts: z.int('expected a whole number').min(1).max(1000).optional(),
  }),
  privacy: privacySource,
  masking: z.union(
    [oneOf('unmasked', 'masked'), section({ threshold: z.int().min(2) })],
    'expected unmasked or masked',
  ),
  statistics: z
    .array(oneOf('counts', 'missingness', 'moments', 'quantiles', 'histograms', 'correlations'))
    .max(6)
    .optional(),
  evaluation: section({
    metrics: z.array(metric).max(16).optional(),
    minimumCell: positiveCount.optional(),
    everyRounds: count.optional(),
    perSiteAtEnd: z.boolean('expected true or false').optional(),
  }).optional(),
  attestation: section({
    platforms: z
      .array(oneOf('sevSnp', 'tdx', 'azureSnpVtpm', 'azureTdxVtpm'))
      .min(1, 'expected at least one platform')
      .max(4),
    gpu: oneOf('required', 'unused').optional(),
    release: nameSchema,
    maxEvidenceAge: duration.optional(),
  }),
  release: releaseSource,
});
export type PlanSource = z.output<typeof planSourceSchema>;

/**
 * Reads a plan from parsed YAML.
 *
 * @throws PlanInvalidError (`plan-invalid`) with every mistake of form
 */
export function parsePlanSource(value: unknown): PlanSource {
  const parsed = planSourceSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PlanInvalidError(describeIssues(parsed.error.issues, value));
}
