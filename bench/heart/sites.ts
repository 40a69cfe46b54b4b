// The four real hospitals with FLamby's own preprocessing and folds, read and encoded by the same code that a site runs.
import { join } from 'node:path';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { checkCohort } from '@wardround/datasets/contract';
import { csvDefaults, readCsv } from '@wardround/datasets/csv';
import { type EncodedCohort, encodeCohort } from '@wardround/datasets/encode';
import { hospitals } from '@wardround/datasets/heart-disease/hospitals';
import { type Column, type Table, findColumn, makeTable } from '@wardround/datasets/table';

/** The 13 inputs after FLamby's one-hot encoding, in its order. */
const featureNames = 'age,sex,trestbps,chol,fbs,thalach,exang,oldpeak,cp_2,cp_3,cp_4,restecg_1,restecg_2'.split(',');

export const heartCohort: Cohort = {
  population: 'site',
  source: 'table',
  minimumRows: 1,
  minimumEvents: 0,
  features: featureNames.map((name) => ({
    type: 'number',
    name,
    unit: null,
    range: { min: '-10', max: '1000' },
    missing: 'refuse',
  })),
  label: { type: 'binary', name: 'target', positiveWhen: { operator: '>', value: '0' }, missing: 'refuse' },
  standardise: 'perSite',
  split: { method: 'column', column: 'fold', train: 'train', test: 'test' },
};

export interface HeartSite {
  readonly name: string;
  readonly encoded: EncodedCohort;
}

export function heartFile(dataDirectory: string): string {
  return join(dataDirectory, 'fed-heart', 'fed_heart_740.csv');
}

/** In FLamby's order. @throws WardroundError as `readCsv` and `checkCohort`; `bench-data` when a hospital has no rows */
export async function readHeartSites(file: string): Promise<readonly HeartSite[]> {
  const all = await readCsv(file, csvDefaults);
  return hospitals.map((name, center) => {
    const table = rowsOfCenter(all, center);
    if (table.rows === 0) throw new WardroundError('bench-data', 'a hospital has no rows', { where: name });
    return { name, encoded: encodeCohort(checkCohort(table, heartCohort)) };
  });
}

function rowsOfCenter(all: Table, center: number): Table {
  const centers = findColumn(all, 'center')?.values ?? [];
  const isHere = (_: unknown, row: number): boolean => centers[row] === center;
  return makeTable(
    all.provenance,
    all.columns.map((column): Column =>
      column.type === 'number'
        ? { ...column, values: column.values.filter(isHere) }
        : { ...column, values: column.values.filter(isHere) },
    ),
  );
}
