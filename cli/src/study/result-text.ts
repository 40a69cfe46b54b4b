// A released result in words, a line or two: the metrics of an evaluation, or what a round of statistics told. `--json` has all of it.
import * as z from 'zod';
import type { StudyResult } from './results.ts';

const cell = z.int().nullable();

const evaluationSchema = z.looseObject({
  kind: z.literal('evaluation'),
  trainingRound: z.int(),
  rows: cell,
  metrics: z.array(
    z.looseObject({
      metric: z.string(),
      value: z.string().nullable(),
      interval: z.looseObject({ low: z.string(), high: z.string() }).nullable(),
    }),
  ),
});

const statisticsSchema = z.looseObject({
  kind: z.literal('statistics'),
  rows: z.looseObject({ train: cell, test: cell }),
});
const tables = ['counts', 'missingness', 'moments', 'quantiles', 'histograms', 'correlations'] as const;

/** Nothing of a form that a later version released: `--json` shows that too. */
export function resultLines({ round, values }: StudyResult): readonly string[] {
  const evaluation = evaluationSchema.safeParse(values).data;
  if (evaluation !== undefined) return [evaluationLine(evaluation)];
  const statistics = statisticsSchema.safeParse(values).data;
  if (statistics !== undefined) return [statisticsLine(statistics)];
  return [`round ${round} released a result that only --json shows here`];
}

function evaluationLine({ trainingRound, rows, metrics }: z.infer<typeof evaluationSchema>): string {
  const figures = metrics.map(({ metric, value, interval }) => {
    if (value === null) return `${metric} not told`;
    return `${metric} ${short(value)}${interval === null ? '' : ` (${short(interval.low)} to ${short(interval.high)})`}`;
  });
  const rounds = trainingRound === 1 ? 'round' : 'rounds';
  return `after ${trainingRound} ${rounds} of training, on ${rowsText(rows, 'test')} of all sites: ${figures.join(', ')}`;
}

function statisticsLine({ rows, ...all }: z.infer<typeof statisticsSchema>): string {
  const told = tables.filter((table) => Object.hasOwn(all, table));
  const what = told.length === 0 ? 'what standardising and class weights need' : told.join(', ');
  return `statistics of ${rowsText(rows.train, 'training')} of all sites: ${what}`;
}

function rowsText(rows: number | null, sort: string): string {
  return rows === null ? `the ${sort} rows` : `${rows} ${sort} rows`;
}

/** Three decimals: an interval of so few patients says no more. */
function short(decimal: string): string {
  return Number(decimal).toFixed(3);
}
