// The released statistics and evaluations of a study as the card tells them: figures of all contributing hospitals together, never of one.
import * as z from 'zod';
import { countSchema, decimalSchema, positiveCountSchema } from '@wardround/protocol/documents/primitives';
import { metricSchema } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { ModelCard } from './model-card-schema.ts';
import type { StudyResult } from './results.ts';

export interface ReleasedFigures {
  readonly statistics: ModelCard['data']['statistics'];
  /** Of every round that evaluated, in order. */
  readonly evaluations: ModelCard['metrics']['evaluations'];
}

/** The level of every interval that an evaluation releases. */
const intervalLevel = '0.95';

const cell = countSchema.nullable();

/** As `learning/evaluation/released` writes it. */
const evaluationSchema = z.looseObject({
  kind: z.literal('evaluation'),
  trainingRound: positiveCountSchema,
  rows: cell,
  events: cell,
  metrics: z.array(
    z.looseObject({
      metric: metricSchema,
      value: decimalSchema.nullable(),
      interval: z.looseObject({ low: decimalSchema, high: decimalSchema }).nullable(),
      resolution: decimalSchema.optional(),
      note: z.string().optional(),
    }),
  ),
  confusion: z
    .looseObject({ truePositives: cell, falsePositives: cell, trueNegatives: cell, falseNegatives: cell })
    .optional(),
  calibration: z
    .array(
      z.looseObject({
        fromTenths: z.int().min(0).max(9),
        rows: cell,
        positives: cell,
        meanProbability: decimalSchema.nullable(),
      }),
    )
    .optional(),
});

/**
 * @param results that q sites cosigned (`studyResults`)
 * @throws WardroundError `result-unreadable` for an evaluation of another form than this version releases
 */
export function releasedFigures(results: readonly StudyResult[]): ReleasedFigures {
  const statistics = z.json().parse(results.find(({ task }) => task === 'statistics')?.values ?? null);
  const evaluations = results.filter(({ task }) => task === 'evaluation').map(evaluationOf);
  return { statistics, evaluations };
}

function evaluationOf({ round, values }: StudyResult): ReleasedFigures['evaluations'][number] {
  const parsed = evaluationSchema.safeParse(values);
  if (!parsed.success) {
    throw new WardroundError('result-unreadable', 'the released evaluation has another form than this version knows', {
      where: `round ${round}`,
      action: 'stop',
      cause: parsed.error,
    });
  }
  const { trainingRound, rows, events, metrics, confusion, calibration } = parsed.data;
  return {
    afterRound: trainingRound,
    rows,
    events,
    metrics: metrics.map(({ metric, value, interval, resolution, note }) => ({
      metric,
      value: numberOf(value),
      interval:
        interval === null ? null : { low: Number(interval.low), high: Number(interval.high), level: intervalLevel },
      resolution: numberOf(resolution ?? null),
      note: note ?? null,
    })),
    confusion:
      confusion === undefined
        ? null
        : {
            truePositives: confusion.truePositives,
            falsePositives: confusion.falsePositives,
            trueNegatives: confusion.trueNegatives,
            falseNegatives: confusion.falseNegatives,
          },
    calibration:
      calibration?.map(({ fromTenths, rows: inBin, positives, meanProbability }) => ({
        from: fromTenths / 10,
        rows: inBin,
        positives,
        meanProbability: numberOf(meanProbability),
      })) ?? null,
  };
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
