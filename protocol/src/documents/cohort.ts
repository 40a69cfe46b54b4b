// The cohort contract: which columns a hospital's data must have, in which units, ranges and codes, and how rows become numbers.
import * as z from 'zod';
import {
  countSchema,
  decimalSchema,
  fieldNameSchema,
  fractionSchema,
  positiveCountSchema,
  seedSchema,
  textSchema,
} from './primitives.ts';

const missingSchema = z.enum(['dropRow', 'refuse']);
/** A code is an integer or a short text, as the data spell it. */
export const codeValueSchema = z.union([z.int(), z.string().min(1).max(128)]);

/** Order matters: it is the order of the model's inputs. */
export const featureSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('number'),
    name: fieldNameSchema,
    /** UCUM code, or null for a plain number. */
    unit: textSchema.nullable(),
    range: z
      .strictObject({ min: decimalSchema, max: decimalSchema })
      .refine((r) => Number(r.min) < Number(r.max), 'expected min below max'),
    missing: missingSchema,
  }),
  z.strictObject({
    type: z.literal('code'),
    name: fieldNameSchema,
    codes: z
      .array(codeValueSchema)
      .min(2)
      .max(1000)
      .refine((codes) => new Set(codes.map(String)).size === codes.length, 'expected no code twice'),
    encode: z.enum(['oneHot', 'oneHotDropFirst']),
    missing: missingSchema,
  }),
  /** One picture a row, 8 bits a channel; a model sees its height × width × channels values, row by row, each as 0 to 1. */
  z.strictObject({
    type: z.literal('image'),
    name: fieldNameSchema,
    height: z.int().min(8).max(1024),
    width: z.int().min(8).max(1024),
    channels: z.int().min(1).max(4),
    missing: z.literal('refuse'),
  }),
]);
export type Feature = z.infer<typeof featureSchema>;
export type ImageFeature = Extract<Feature, { type: 'image' }>;

export const comparisonSchema = z.strictObject({
  operator: z.enum(['>', '>=', '<', '<=', '==', '!=']),
  value: decimalSchema,
});

export const labelSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('binary'),
    name: fieldNameSchema,
    positiveWhen: comparisonSchema,
    missing: missingSchema,
  }),
  z.strictObject({
    type: z.literal('number'),
    name: fieldNameSchema,
    unit: textSchema.nullable(),
    range: z.strictObject({ min: decimalSchema, max: decimalSchema }),
    missing: missingSchema,
  }),
  z.strictObject({
    type: z.literal('survival'),
    time: fieldNameSchema,
    timeUnit: textSchema,
    event: fieldNameSchema,
    eventWhen: comparisonSchema,
    maxTime: decimalSchema,
    missing: missingSchema,
  }),
]);

export const cohortSchema = z
  .strictObject({
    /** The patient population whose budget is charged; `site` is everyone at the site. */
    population: fieldNameSchema,
    source: z.enum(['table', 'images']),
    minimumRows: positiveCountSchema,
    minimumEvents: countSchema,
    features: z.array(featureSchema).min(1).max(10_000),
    label: labelSchema,
    /**
     * Columns by their sample standard deviation (ddof 1), a constant one divided by 1; or, of pictures only, each by its own mean and
     * population standard deviation.
     */
    standardise: z.enum(['perSite', 'federated', 'perImage', 'none']),
    split: z.discriminatedUnion('method', [
      z.strictObject({ method: z.literal('fraction'), testFraction: fractionSchema, seed: seedSchema }),
      z.strictObject({
        method: z.literal('column'),
        column: fieldNameSchema,
        train: codeValueSchema,
        test: codeValueSchema,
      }),
      z.strictObject({ method: z.literal('none') }),
    ]),
  })
  .refine(
    (cohort) => new Set(cohort.features.map((feature) => feature.name)).size === cohort.features.length,
    'expected no feature twice',
  );
export type Cohort = z.infer<typeof cohortSchema>;
