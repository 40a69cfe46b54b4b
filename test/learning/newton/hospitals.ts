// Fed-Heart-Disease for Newton's proofs: the four hospitals' rows under a normalisation, and the published and computed references.
import * as z from 'zod';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { readShared } from '../shared-data.ts';

export const hospitals = ['cleveland', 'hungarian', 'switzerland', 'va'] as const;
export type Hospital = (typeof hospitals)[number];
export const heartFeatures = 'age,sex,trestbps,chol,fbs,thalach,exang,oldpeak,cp_2,cp_3,cp_4,restecg_1,restecg_2'.split(
  ',',
);

interface Moments {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const momentsSchema = z.object({ mean: z.array(z.number()).length(13), std: z.array(z.number()).length(13) });
const statisticsSchema = z.object({ stats: z.record(z.string(), momentsSchema) });

/** The file's float32 moments, by which `reference_fits.json` was computed: (x − mean) / (std + 1e-9). */
export function publishedMoments(): (name: string) => Moments {
  const { stats } = statisticsSchema.parse(JSON.parse(readShared('fed-heart', 'normalization_stats.json')));
  return (name) => stats[name] ?? { mean: [], std: [] };
}

export function heartRows(
  hospital: Hospital,
  fold: 'train' | 'test',
): { readonly x: number[][]; readonly y: number[] } {
  const [header = '', ...lines] = readShared('fed-heart', 'fed_heart_740.csv').trim().split('\n');
  const names = header.trim().split(',');
  const at = (line: readonly string[], name: string): string => line[names.indexOf(name)] ?? '';
  const own = lines
    .map((line) => line.trim().split(','))
    .filter((line) => at(line, 'hospital') === hospital && at(line, 'fold') === fold);
  return {
    x: own.map((line) => heartFeatures.map((name) => Number(at(line, name)))),
    y: own.map((line) => Number(at(line, 'target'))),
  };
}

export function normalised({ x, y }: { x: readonly number[][]; y: readonly number[] }, { mean, std }: Moments): Rows {
  return {
    rows: x.length,
    features: Float64Array.from(
      x.flatMap((row) => row.map((value, j) => (value - (mean[j] ?? 0)) / ((std[j] ?? 0) + 1e-9))),
    ),
    labels: Float64Array.from(y),
  };
}

/** As a site computes them of its own training rows, in float64. */
export function ownMoments(x: readonly number[][]): Moments {
  const mean = heartFeatures.map((_, j) => x.reduce((sum, row) => sum + (row[j] ?? 0), 0) / x.length);
  const std = heartFeatures.map((_, j) =>
    Math.sqrt(x.reduce((sum, row) => sum + ((row[j] ?? 0) - (mean[j] ?? 0)) ** 2, 0) / (x.length - 1)),
  );
  return { mean, std };
}

export const referenceSchema = z.object({
  heart_pooled_norm_logistic_l2_1: z.object({
    coef_intercept_first: z.array(z.number()).length(14),
    se: z.array(z.number()).length(14),
    test_acc_per_site: z.record(z.string(), z.number()),
  }),
  heart_persite_norm_logistic_l2_1: z.object({
    coef_intercept_first: z.array(z.number()).length(14),
    loglik: z.number(),
    test_acc_per_site: z.record(z.string(), z.number()),
  }),
  lung_cox_age_sex_ecog_efron: z.object({
    n: z.number(),
    events: z.number(),
    coef: z.array(z.number()).length(3),
    se: z.array(z.number()).length(3),
    loglik: z.number(),
    cindex: z.number(),
  }),
});

export function references(): z.infer<typeof referenceSchema> {
  return referenceSchema.parse(JSON.parse(readShared('reference_fits.json')));
}
