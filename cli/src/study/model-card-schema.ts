// The model card as JSON: what stands in `model-card.json`, strictly. docs/model-card.md explains each key to those who read it.
import * as z from 'zod';
import { weaknessSchema } from '@wardround/protocol/documents/consent';
import { cohortSchema, featureSchema, labelSchema } from '@wardround/protocol/documents/cohort';
import {
  codeSchema,
  countSchema,
  fractionSchema,
  instantSchema,
  nameSchema,
  positiveCountSchema,
  sha256Schema,
  textSchema,
} from '@wardround/protocol/documents/primitives';
import { taskSchema } from '@wardround/protocol/documents/round';
import {
  encodingSchema,
  initialWeightsSchema,
  maskingSchema,
  metricSchema,
  modelSchema,
  privacySchema,
  strategySchema,
  studyPlanSchema,
  trainingSchema,
} from '@wardround/protocol/documents/study-plan';

const cellSchema = countSchema.nullable();
const figureSchema = z.number().nullable();

/**
 * What the test rows of all contributing sites gave together; nothing here is of one site. Null: not defined for these rows, or of fewer
 * than the smallest cell.
 */
const evaluationSchema = z.strictObject({
  /** The training round whose model was measured. */
  afterRound: positiveCountSchema,
  rows: cellSchema,
  /** Of them with a positive label, or with the event. */
  events: cellSchema,
  metrics: z.array(
    z.strictObject({
      metric: metricSchema,
      value: figureSchema,
      interval: z.strictObject({ low: z.number(), high: z.number(), level: fractionSchema }).nullable(),
      /** The most by which the rows themselves could differ, where they were counted in bins. */
      resolution: figureSchema,
      note: textSchema.nullable(),
    }),
  ),
  confusion: z
    .strictObject({
      truePositives: cellSchema,
      falsePositives: cellSchema,
      trueNegatives: cellSchema,
      falseNegatives: cellSchema,
    })
    .nullable(),
  calibration: z
    .array(z.strictObject({ from: z.number(), rows: cellSchema, positives: cellSchema, meanProbability: figureSchema }))
    .nullable(),
});
export type Evaluation = z.infer<typeof evaluationSchema>;

const siteSchema = z.strictObject({
  site: nameSchema,
  rounds: countSchema,
  /** The weight that the site had in its last round; with `patients` its number of training rows. Null: too small to be told. */
  weight: positiveCountSchema.nullable(),
});

const roundsSchema = z.strictObject({
  from: positiveCountSchema,
  to: positiveCountSchema,
  task: taskSchema,
  contributors: z.array(nameSchema),
  absent: z.array(z.strictObject({ site: nameSchema, code: codeSchema })),
});

export const modelCardSchema = z.strictObject({
  kind: z.literal('ModelCard'),
  version: z.literal(1),
  title: textSchema,
  intendedUse: z.strictObject({
    purpose: textSchema,
    ethics: textSchema,
    use: textSchema,
    outOfScope: z.array(textSchema),
    limits: z.array(textSchema),
  }),
  model: z.strictObject({
    digest: sha256Schema,
    declaration: modelSchema,
    parameters: positiveCountSchema,
    /** Names of the input columns in their order; an image is one name. */
    inputs: z.array(z.string()),
    inputColumns: positiveCountSchema,
    output: z.enum(['probability', 'number', 'relativeHazard']),
    formats: studyPlanSchema.shape.release.shape.formats,
  }),
  data: z.strictObject({
    /** Whether the rows are of real patients: the signed records do not say it, so somebody else must. */
    provenance: z.enum(['real', 'synthetic', 'notStated']),
    population: z.string(),
    source: cohortSchema.shape.source,
    features: z.array(featureSchema),
    label: labelSchema,
    standardise: cohortSchema.shape.standardise,
    split: cohortSchema.shape.split,
    minimumRows: positiveCountSchema,
    minimumEvents: countSchema,
    /** As released by the round of statistics; docs/plan.md says what there may be. */
    statistics: z.json().nullable(),
  }),
  cohorts: z.strictObject({
    weighting: studyPlanSchema.shape.weighting,
    minimumCell: positiveCountSchema,
    totalWeight: positiveCountSchema.nullable(),
    sites: z.array(siteSchema),
    /** Runs of rounds with the same contributors and absentees. */
    rounds: z.array(roundsSchema),
  }),
  training: z.strictObject({
    strategy: strategySchema,
    rounds: positiveCountSchema,
    method: trainingSchema,
    initialWeights: initialWeightsSchema,
    encoding: encodingSchema,
  }),
  metrics: z.strictObject({
    planned: z.array(metricSchema),
    /** In order; the last is of the released model. */
    evaluations: z.array(evaluationSchema),
  }),
  privacy: z.strictObject({
    guarantee: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('unbounded') }),
      z.strictObject({ kind: z.literal('bounded'), epsilon: z.string(), delta: z.string() }),
    ]),
    mechanism: privacySchema,
    masking: maskingSchema,
    minimumContributors: z.int().min(2),
    maxShare: fractionSchema,
    /** Each named by a hospital that approved, in words. */
    weaknesses: z.array(z.strictObject({ name: weaknessSchema, meaning: textSchema })),
  }),
  enclave: z.strictObject({
    release: nameSchema,
    platforms: studyPlanSchema.shape.attestation.shape.platforms,
    gpu: studyPlanSchema.shape.attestation.shape.gpu,
    /** As the evidence shows them; who judged it is each hospital, and `wardround audit verify` again. */
    measurements: z.array(
      z.strictObject({ register: z.enum(['snp', 'mrTd']), value: z.string().regex(/^[0-9a-f]{96}$/) }),
    ),
    backend: textSchema,
  }),
  records: z.strictObject({
    study: sha256Schema,
    federation: sha256Schema,
    receipt: sha256Schema,
    closedAt: instantSchema,
    cosignedBy: z.array(nameSchema),
    researcher: nameSchema,
    releasedBy: nameSchema,
    releasedAt: instantSchema,
    consents: z.array(nameSchema),
  }),
});
export type ModelCard = z.infer<typeof modelCardSchema>;

/** For programs that have no zod: `docs/schemas/model-card.schema.json`. */
export function modelCardJsonSchema(): object {
  return { title: 'wardround model card', ...z.toJSONSchema(modelCardSchema) };
}
