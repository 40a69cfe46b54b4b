// A simulation's numbers as one tidy table: a row for each measurement. CSV for people and spreadsheets, Parquet for everything else.
import { stringify } from 'csv-stringify/sync';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { SimulationResult } from './run-simulation.ts';
import type { Score } from './score.ts';

export interface Measurement {
  /** Which of the sweep's variants, from 1; 1 where nothing is swept. */
  readonly variant: number;
  /** The variant's changes as `path=value`, separated by blanks. */
  readonly changes: string;
  readonly seed: number;
  /** Of the study; for the comparison at the end the last one. */
  readonly round: number;
  readonly trainingRound: number | null;
  /** `federated`, `local`, `pooled`. */
  readonly model: string;
  /** A site, or `all` for all sites' test rows together. */
  readonly site: string;
  /** A metric of the plan, or `trainingLoss`. */
  readonly metric: string;
  readonly value: number | null;
  /** Ends of the 95 % interval, where one was made. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface MeasuredVariant {
  readonly variant: number;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly result: SimulationResult;
}

export function measurementsOf({ variant, changes, seed, result }: MeasuredVariant): readonly Measurement[] {
  const common = { variant, changes: changesText(changes), seed };
  const last = result.rounds.at(-1)?.report;
  const end = { ...common, round: last?.round ?? 0, trainingRound: last?.trainingRound ?? null };
  const rounds = result.rounds.flatMap(({ report: { round, trainingRound, loss, pooled } }) => {
    const place = { ...common, round, trainingRound, model: 'federated', site: 'all' };
    const losses = loss === null ? [] : [{ ...place, metric: 'trainingLoss', value: loss, low: null, high: null }];
    return [...losses, ...pooled.map((score) => ({ ...place, ...plain(score) }))];
  });
  const final = result.comparisons.flatMap(({ site, local, federated, pooled }) =>
    [
      { model: 'local', scores: local ?? [] },
      { model: 'federated', scores: federated },
      { model: 'pooled', scores: pooled ?? [] },
    ].flatMap(({ model, scores }) =>
      // The federated model on all rows after the last training round stands among the rounds already.
      site === null && model === 'federated' && last?.task !== 'evaluation'
        ? []
        : scores.map((score) => ({ ...end, model, site: site ?? 'all', ...plain(score) })),
    ),
  );
  return [...rounds, ...final];
}

export function changesText(changes: Readonly<Record<string, unknown>>): string {
  return Object.entries(changes)
    .map(([path, value]) => `${path}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

export function csvOf(measurements: readonly Measurement[]): string {
  return stringify([...measurements], { header: true, columns: [...columnNames] });
}

export function parquetOf(measurements: readonly Measurement[]): Uint8Array {
  const columnData = columnNames.map((name) => {
    const type = typeOf(name);
    return { name, type, nullable: type !== 'STRING', data: measurements.map((row) => row[name]) };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

const columnNames = [
  'variant',
  'changes',
  'seed',
  'round',
  'trainingRound',
  'model',
  'site',
  'metric',
  'value',
  'low',
  'high',
] as const satisfies readonly (keyof Measurement)[];

function typeOf(name: keyof Measurement): 'INT32' | 'DOUBLE' | 'STRING' {
  switch (name) {
    case 'variant':
    case 'round':
    case 'trainingRound':
      return 'INT32';
    case 'seed':
    case 'value':
    case 'low':
    case 'high':
      return 'DOUBLE';
    default:
      return 'STRING';
  }
}

function plain({ metric, value, interval }: Score): Pick<Measurement, 'metric' | 'value' | 'low' | 'high'> {
  return { metric, value, low: interval?.low ?? null, high: interval?.high ?? null };
}
