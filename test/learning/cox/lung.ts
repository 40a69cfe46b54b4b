// The NCCTG lung cancer data for Cox's proofs: age, sex and ECOG score of the complete rows, by institution.
import type { SurvivalRows } from '@wardround/learning/cox/partial-likelihood';
import { readShared } from '../shared-data.ts';

export const lungFeatures = ['age', 'sex', 'ph.ecog'] as const;

interface Patient {
  readonly institution: string;
  readonly time: number;
  readonly event: number;
  readonly x: readonly number[];
}

/** 227 rows in file order; status 2 is death. */
export function lungPatients(): readonly Patient[] {
  const [header = '', ...lines] = readShared('survival', 'lung.csv').trim().split('\n');
  const names = header.trim().split(',');
  return lines
    .map((line) => line.trim().split(','))
    .filter((line) => lungFeatures.every((name) => (line[names.indexOf(name)] ?? '') !== ''))
    .map((line) => ({
      institution: line[names.indexOf('inst')] ?? '',
      time: Number(line[names.indexOf('time')]),
      event: line[names.indexOf('status')] === '2' ? 1 : 0,
      x: lungFeatures.map((name) => Number(line[names.indexOf(name)])),
    }));
}

export function asRows(patients: readonly Patient[]): SurvivalRows {
  return {
    rows: patients.length,
    features: Float64Array.from(patients.flatMap(({ x }) => x)),
    labels: Float64Array.from(patients, ({ time }) => time),
    events: Float64Array.from(patients, ({ event }) => event),
  };
}

/** One table an institution; the one patient without an institution is a stratum of its own. */
export function byInstitution(patients: readonly Patient[]): readonly SurvivalRows[] {
  return [...Map.groupBy(patients, ({ institution }) => institution).values()].map(asRows);
}
