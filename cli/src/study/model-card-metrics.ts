// The card's figures in markdown: how good the released model is on all hospitals' test rows, and what the rows are like.
import * as z from 'zod';
import { list, plain, table } from './markdown.ts';
import type { Evaluation, ModelCard } from './model-card-schema.ts';

/** In the place of a figure that is suppressed or not defined. */
const missing = 'not told';

export function metrics({ planned, evaluations }: ModelCard['metrics']): string[] {
  const last = evaluations.at(-1);
  if (last === undefined || last.metrics.length === 0) {
    const asked = planned.length === 0 ? 'The plan asks for none.' : `The plan names ${planned.join(', ')}.`;
    return ['## Metrics', `No metric was released for all hospitals together. ${asked}`];
  }
  const rows = last.metrics.map(({ metric, value, interval, resolution }) => [
    metric,
    value === null ? missing : figure(value),
    interval === null ? 'none' : `${figure(interval.low)} to ${figure(interval.high)} (${percent(interval.level)})`,
    resolution === null ? '' : `± ${figure(resolution)}`,
  ]);
  const notes = last.metrics.flatMap(({ metric, note }) => (note === null ? [] : [`${metric}: ${plain(note)}`]));
  return [
    '## Metrics',
    `Of the test rows of all contributing hospitals together (${rowsText(last)}), after training round ${last.afterRound}.${earlier(evaluations)}`,
    table(['metric', 'value', 'interval', 'resolution'], rows),
    ...(notes.length === 0 ? [] : [list(notes)]),
    ...confusion(last),
    ...calibration(last),
  ];
}

function rowsText({ rows, events }: Evaluation): string {
  const all = rows === null ? 'their number is not told' : `${rows} rows`;
  return events === null ? all : `${all}, ${events} of them positive or with the event`;
}

function earlier(evaluations: readonly Evaluation[]): string {
  const rounds = evaluations.slice(0, -1).map(({ afterRound }) => afterRound);
  return rounds.length === 0 ? '' : ` Earlier measurements, after ${rounds.length} other rounds, stand in the JSON.`;
}

function confusion({ confusion: cells }: Evaluation): string[] {
  if (cells === null) return [];
  return [
    'Called positive where the probability is above ½:',
    table(
      ['', 'called positive', 'called negative'],
      [
        ['positive', cells.truePositives ?? missing, cells.falseNegatives ?? missing],
        ['negative', cells.falsePositives ?? missing, cells.trueNegatives ?? missing],
      ],
    ),
  ];
}

function calibration({ calibration: bins }: Evaluation): string[] {
  if (bins === null) return [];
  return [
    'Calibration:',
    table(
      ['probability', 'rows', 'mean probability', 'positives'],
      bins.map(({ from, rows, positives, meanProbability }) => [
        `${from.toFixed(1)} to ${(from + 0.1).toFixed(1)}`,
        rows ?? missing,
        meanProbability === null ? '' : figure(meanProbability),
        positives ?? missing,
      ]),
    ),
  ];
}

const cell = z.int().nullable();
/** The part of released statistics that people ask first; all of them stand in the JSON. */
const statisticsSchema = z.looseObject({
  rows: z.looseObject({ train: cell, test: cell }),
  moments: z
    .array(z.looseObject({ column: z.string(), mean: z.string().nullable(), standardDeviation: z.string().nullable() }))
    .optional(),
});

export function statistics(released: ModelCard['data']['statistics']): string[] {
  const parsed = statisticsSchema.safeParse(released).data;
  if (parsed === undefined) return [];
  const { rows, moments } = parsed;
  return [
    `Rows of all hospitals: ${rows.train ?? missing} to train on, ${rows.test ?? missing} to test on.`,
    ...(moments === undefined
      ? []
      : [
          table(
            ['column', 'mean', 'standard deviation'],
            moments.map(({ column, mean, standardDeviation }) => [
              plain(column),
              mean === null ? missing : figure(Number(mean)),
              standardDeviation === null ? missing : figure(Number(standardDeviation)),
            ]),
          ),
        ]),
  ];
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function percent(level: string): string {
  return `${Number(level) * 100} %`;
}
