// The scales by which every hospital standardised, from the statistics that the study released.
import * as z from 'zod';
import { decimalSchema } from '@wardround/protocol/documents/primitives';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { inputColumns } from '@wardround/protocol/input-columns';
import type { InputScaling } from '@wardround/learning/export/export-job';

/** As in `learning/statistics/released`: what a round of statistics says of moments. */
const momentsSchema = z.looseObject({
  kind: z.literal('statistics'),
  moments: z.array(
    z.strictObject({
      column: z.string(),
      mean: decimalSchema.nullable(),
      standardDeviation: decimalSchema.nullable(),
    }),
  ),
});

/** As the hospitals divide: by the standard deviation and this much more (`learning/statistics/standardise`). */
const standardDeviationGuard = 1e-9;

/**
 * Null where the plan does not standardise so, or the moments were not released. A column whose moments are suppressed stays as it is, at
 * the hospitals as here.
 *
 * @param results values of the study's released results
 */
export function inputScaling(
  { cohort, model }: Pick<StudyPlan, 'cohort' | 'model'>,
  results: readonly unknown[],
): InputScaling | null {
  if (cohort.standardise !== 'federated' || model.kind === 'gradientBoostedTrees' || cohort.source === 'images')
    return null;
  const moments = results
    .map((values) => momentsSchema.safeParse(values).data?.moments)
    .find((found) => found !== undefined);
  if (moments === undefined) return null;
  const byColumn = new Map(moments.map((entry) => [entry.column, entry]));
  const columns = inputColumns(cohort).map(({ name }) => byColumn.get(name));
  if (columns.some((entry) => entry === undefined)) return null;
  return {
    mean: Float64Array.from(columns, (entry) => Number(entry?.mean ?? 0)),
    scale: Float64Array.from(columns, (entry) => {
      const deviation = Number(entry?.standardDeviation ?? 0);
      return deviation > 0 ? deviation + standardDeviationGuard : 1;
    }),
  };
}
