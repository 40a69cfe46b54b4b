// Five sites of real tumours (Wisconsin Diagnostic Breast Cancer), and held-out ones: who is where is drawn from a seed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import type { Rows } from '@wardround/learning/rounds/site-rows';

export const siteNames = ['a', 'b', 'c', 'd', 'e'] as const;
export const featureCount = 30;
const testRows = 169;

export interface WdbcSplit {
  /** One for each of `siteNames`, 80 rows each. */
  readonly sites: readonly Rows[];
  readonly test: Rows;
}

interface Tumour {
  readonly features: readonly number[];
  readonly label: number;
}

export function wdbcFile(dataDirectory: string): string {
  return join(dataDirectory, 'wdbc', 'sklearn_breast_cancer.csv');
}

/** 569 tumours, 30 features each; label 1 is benign. @throws WardroundError `bench-data` */
export function readTumours(file: string): readonly Tumour[] {
  const [, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const tumours = lines.map((line) => {
    const cells = line.split(',').map(Number);
    return { features: cells.slice(0, featureCount), label: cells[featureCount] ?? Number.NaN };
  });
  const isWhole = ({ features, label }: Tumour): boolean =>
    features.length === featureCount && [...features, label].every((value) => Number.isFinite(value));
  if (tumours.length !== 569 || !tumours.every(isWhole)) {
    throw new WardroundError('bench-data', 'not the 569 tumours', { where: file, got: `${tumours.length} rows` });
  }
  return tumours;
}

/** Standardised by the means and deviations of all training rows together, which federated statistics would give as well. */
export function splitTumours(tumours: readonly Tumour[], seed: number): WdbcSplit {
  const order = new SeededRandom(labels.partition, ['poisoning', seed]).permutation(tumours.length);
  const drawn = Array.from(order).flatMap((row) => tumours[row] ?? []);
  const train = drawn.slice(testRows);
  const moments = Array.from({ length: featureCount }, (_, j) =>
    momentsOf(train.map(({ features }) => features[j] ?? 0)),
  );
  const each = train.length / siteNames.length;
  return {
    sites: siteNames.map((_, i) => rowsOf(train.slice(i * each, (i + 1) * each), moments)),
    test: rowsOf(drawn.slice(0, testRows), moments),
  };
}

interface Moments {
  readonly mean: number;
  readonly deviation: number;
}

function momentsOf(values: readonly number[]): Moments {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, deviation: Math.sqrt(variance) };
}

function rowsOf(tumours: readonly Tumour[], moments: readonly Moments[]): Rows {
  const standardised = tumours.flatMap(({ features }) =>
    features.map((value, j) => (value - (moments[j]?.mean ?? 0)) / (moments[j]?.deviation ?? 1)),
  );
  return {
    rows: tumours.length,
    features: Float64Array.from(standardised),
    labels: Float64Array.from(tumours, ({ label }) => label),
  };
}
