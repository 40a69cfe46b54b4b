// What a simulation says to people: a line for each round, a table at the end.
import Table from 'cli-table3';
import type { NewtonReport } from '@wardround/learning/newton/newton-task';
import type { Comparison } from './compare-models.ts';
import type { RoundReport } from './run-simulation.ts';
import type { Score } from './score.ts';

export const notAttested = [
  'SIMULATION in one process: the same training, sums and strategies as in a federation; attestation, sealing and signatures are not exercised.',
];

export function roundLine(report: RoundReport): string {
  const { round, rounds, task, contributors, sites, shortfalls, loss, pooled, seconds } = report;
  const width = String(rounds).length;
  const parts = [
    `round ${String(round).padStart(width)}/${rounds}`,
    task.padEnd(10),
    `${contributors}/${sites} sites`,
    ...(shortfalls === 0 ? [] : [`after ${shortfalls} short ${shortfalls === 1 ? 'attempt' : 'attempts'}`]),
    ...(loss === null ? [] : [`loss ${loss.toFixed(4)}`]),
    ...pooled.map(({ metric, value }) => `${metric} ${digits(value)}`),
    `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`,
  ];
  return parts.join('  ');
}

/** A table longer than this is not read: the files have every site. */
const mostRows = 24;

/** One row a site and one for all together; for each metric the three models, with their intervals. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const metrics = comparisons.at(-1)?.federated.map(({ metric }) => metric) ?? [];
  const baselines = comparisons.some(({ pooled }) => pooled !== null);
  const models = baselines ? (['local', 'federated', 'pooled'] as const) : (['federated'] as const);
  return metrics
    .map((metric) => {
      const table = new Table({
        head: [metric, 'train', 'test', 'rounds', ...models.map((model) => (model === 'local' ? 'local only' : model))],
        style: { head: [], border: [], compact: true },
        colAligns: ['left', 'right', 'right', 'right', ...models.map(() => 'right' as const)],
      });
      for (const row of shownOf(comparisons)) {
        const cells = models.map((model) => scoreText(row[model]?.find((score) => score.metric === metric)));
        const rounds = row.roundsContributed === null ? '' : String(row.roundsContributed);
        table.push([row.site ?? 'all sites', String(row.trainRows), String(row.testRows), rounds, ...cells]);
      }
      return table.toString();
    })
    .join('\n');
}

/** The first sites and the last row, which is all together. */
function shownOf(comparisons: readonly Comparison[]): readonly Comparison[] {
  return comparisons.length <= mostRows
    ? comparisons
    : [...comparisons.slice(0, mostRows - 1), ...comparisons.slice(-1)];
}

/** What the table leaves out; empty where that is nothing. */
export function leftOutText(comparisons: readonly Comparison[]): readonly string[] {
  const left = comparisons.length - shownOf(comparisons).length;
  return left === 0 ? [] : [`${left} more sites are in metrics.csv and metrics.parquet`];
}

function scoreText(score: Score | undefined): string {
  if (score === undefined) return '–';
  const { value, interval } = score;
  return interval === null ? digits(value) : `${digits(value)} [${digits(interval.low)}, ${digits(interval.high)}]`;
}

/** Without the zero before the point: columns stay narrow. */
function digits(value: number | null): string {
  if (value === null) return 'n/a';
  return Math.abs(value) < 1 ? value.toFixed(3).replace(/^(-?)0\./, '$1.') : value.toPrecision(4);
}

/** Coefficients with their standard errors, and hazard ratios for survival. */
export function fitTable(fit: NewtonReport, isSurvival: boolean): string {
  const table = new Table({
    head: ['coefficient', 'value', 'standard error', ...(isSurvival ? ['hazard ratio [95 %]'] : [])],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  for (const { name, value, standardError } of fit.coefficients) {
    const ratio = (times: number): string => Math.exp(value + times * 1.959964 * standardError).toFixed(3);
    const ratios = isSurvival ? [`${ratio(0)} [${ratio(-1)}, ${ratio(1)}]`] : [];
    table.push([name, value.toPrecision(6), standardError.toPrecision(4), ...ratios]);
  }
  const progress = `${fit.converged ? 'converged' : 'NOT CONVERGED'} after ${fit.iterations} rounds with sums`;
  return [table.toString(), `${progress}; ${fit.rows} rows, ${fit.events} with the event`].join('\n');
}
