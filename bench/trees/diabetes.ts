// Diabetes 130-US hospitals (Strack et al. 2014, CC BY 4.0) as a cohort contract of this house, its patients spread over ten sites.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256, utf8 } from '@wardround/protocol/bytes';
import type { Cohort, Feature } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { checkCohort } from '@wardround/datasets/contract';
import { csvDefaults, readCsv } from '@wardround/datasets/csv';
import { type EncodedCohort, encodeCohort } from '@wardround/datasets/encode';
import { type Table, findColumn, makeTable } from '@wardround/datasets/table';
import { filesInZip } from '@wardround/datasets/zip';

export const siteCount = 10;
/** Of 256: about one patient in five is for testing. */
const testShare = 51;
const maxBytes = 64 * 2 ** 20;

const counts: Readonly<Record<string, readonly [string, string]>> = {
  age: ['0', '100'],
  time_in_hospital: ['1', '14'],
  num_lab_procedures: ['1', '132'],
  num_procedures: ['0', '6'],
  num_medications: ['1', '81'],
  number_outpatient: ['0', '42'],
  number_emergency: ['0', '76'],
  number_inpatient: ['0', '21'],
  number_diagnoses: ['1', '16'],
};

const doses = ['No', 'Steady', 'Up', 'Down'];
const drugs = [
  'insulin',
  'metformin',
  'glipizide',
  'glyburide',
  'glimepiride',
  'pioglitazone',
  'rosiglitazone',
  'repaglinide',
];
const specialties = [
  '?',
  'InternalMedicine',
  'Emergency/Trauma',
  'Family/GeneralPractice',
  'Cardiology',
  'Surgery-General',
  'Nephrology',
  'Orthopedics',
  'Orthopedics-Reconstructive',
  'Radiologist',
  'Pulmonology',
  'Psychiatry',
];
const chapters = [
  'circulatory',
  'respiratory',
  'digestive',
  'diabetes',
  'injury',
  'musculoskeletal',
  'genitourinary',
  'neoplasms',
  'other',
];
/** Died, or went to a hospice: nobody of them can come back (Strack et al., section 2.3). */
const neverReadmitted = new Set([11, 13, 14, 19, 20, 21]);

const codes: Readonly<Record<string, readonly (number | string)[]>> = {
  gender: ['Female', 'Male'],
  race: ['Caucasian', 'AfricanAmerican', 'Hispanic', 'Asian', 'Other', '?'],
  admission_type_id: upTo(8),
  discharge_disposition_id: upTo(28).filter((code) => !neverReadmitted.has(code)),
  admission_source_id: upTo(25),
  max_glu_serum: ['None', 'Norm', '>200', '>300'],
  A1Cresult: ['None', 'Norm', '>7', '>8'],
  ...Object.fromEntries(drugs.map((drug) => [drug, doses])),
  change: ['No', 'Ch'],
  diabetesMed: ['No', 'Yes'],
  specialty: [...specialties, 'Other'],
  diagnosis_1: chapters,
  diagnosis_2: chapters,
  diagnosis_3: chapters,
};

/** Readmission within 30 days, asked of what is known at discharge. */
export const diabetesCohort: Cohort = {
  population: 'site',
  source: 'table',
  minimumRows: 30,
  minimumEvents: 0,
  features: [
    ...Object.entries(counts).map(([name, [min, max]]): Feature => ({
      type: 'number',
      name,
      unit: null,
      range: { min, max },
      missing: 'dropRow',
    })),
    ...Object.entries(codes).map(([name, values]): Feature => ({
      type: 'code',
      name,
      codes: [...values],
      encode: 'oneHot',
      missing: 'dropRow',
    })),
  ],
  label: { type: 'binary', name: 'within_30_days', positiveWhen: { operator: '>', value: '0' }, missing: 'dropRow' },
  standardise: 'none',
  split: { method: 'column', column: 'fold', train: 'train', test: 'test' },
};

export interface DiabetesSite {
  readonly name: string;
  readonly encoded: EncodedCohort;
}

/**
 * A patient, with all encounters, stands at the site and in the fold that a hash of the patient's number says: nobody is at two sites, or
 * both learnt from and tested on.
 */
export async function readDiabetesSites(zip: string): Promise<readonly DiabetesSite[]> {
  const all = await readTable(zip);
  const patients = textsOf(all, 'patient_nbr').map((patient) => sha256(utf8(`bench-diabetes-patient ${patient}`)));
  const siteOf = patients.map((hash) => (hash[0] ?? 0) % siteCount);
  const fold = patients.map((hash) => ((hash[1] ?? 0) < testShare ? 'test' : 'train'));
  const cells = cellsOf(all);
  const discharges = textsOf(all, 'discharge_disposition_id').map(Number);
  return Array.from({ length: siteCount }, (_, site) => {
    const isHere = (_value: unknown, row: number): boolean =>
      siteOf[row] === site && !neverReadmitted.has(discharges[row] ?? 0);
    const table = makeTable('real', [
      ...[...cells].map(([name, { type, values }]) =>
        type === 'number'
          ? { type, name, values: values.filter(isHere).map((value) => (value === null ? null : Number(value))) }
          : { type, name, values: values.filter(isHere) },
      ),
      { type: 'text', name: 'fold', values: fold.filter(isHere) },
    ]);
    return { name: `site-${site}`, encoded: encodeCohort(checkCohort(table, diabetesCohort)) };
  });
}

async function readTable(zip: string): Promise<Table> {
  const file = (await filesInZip(readFileSync(zip), new Map([['diabetic_data.csv', maxBytes]]))).get(
    'diabetic_data.csv',
  );
  if (file === undefined)
    throw new WardroundError('bench-data', 'diabetic_data.csv is not in the archive', { where: zip });
  const folder = mkdtempSync(join(tmpdir(), 'diabetes-'));
  try {
    const path = join(folder, 'diabetic_data.csv');
    writeFileSync(path, file);
    return await readCsv(path, csvDefaults);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Cells {
  readonly type: 'number' | 'text';
  readonly values: readonly (string | null)[];
}

/** The contract's columns by name, as the file spells them; ages by the middle of their band, diagnoses by their chapter. */
function cellsOf(table: Table): ReadonlyMap<string, Cells> {
  const derived: Readonly<Record<string, readonly string[]>> = {
    age: textsOf(table, 'age').map((band) => String(Number(/\d+/.exec(band)?.[0]) + 5)),
    specialty: textsOf(table, 'medical_specialty').map((name) => (specialties.includes(name) ? name : 'Other')),
    diagnosis_1: textsOf(table, 'diag_1').map(chapterOf),
    diagnosis_2: textsOf(table, 'diag_2').map(chapterOf),
    diagnosis_3: textsOf(table, 'diag_3').map(chapterOf),
    within_30_days: textsOf(table, 'readmitted').map((when) => (when === '<30' ? '1' : '0')),
  };
  const names = [...Object.keys(counts), ...Object.keys(codes), 'within_30_days'];
  return new Map(
    names.map((name) => {
      const isNumber = name === 'within_30_days' || Object.hasOwn(counts, name) || typeof codes[name]?.[0] === 'number';
      const values = derived[name] ?? textsOf(table, name).map((value) => (isKnown(name, value) ? value : null));
      return [name, { type: isNumber ? 'number' : 'text', values }];
    }),
  );
}

/** Three encounters say `Unknown/Invalid` of the sex. */
function isKnown(name: string, value: string): boolean {
  const known = codes[name];
  return known === undefined || known.some((code) => String(code) === value) || neverReadmitted.has(Number(value));
}

function textsOf(table: Table, name: string): readonly string[] {
  const column = findColumn(table, name);
  if (column === undefined) throw new WardroundError('bench-data', 'a column is not there', { where: name });
  return column.values.map((value) => String(value ?? ''));
}

/** ICD-9 to the groups of Strack et al. 2014, table 2. */
function chapterOf(diagnosis: string): string {
  if (diagnosis.startsWith('250')) return 'diabetes';
  const number = Math.floor(Number(diagnosis));
  const groups: readonly (readonly [string, number, number, number])[] = [
    ['circulatory', 390, 459, 785],
    ['respiratory', 460, 519, 786],
    ['digestive', 520, 579, 787],
    ['genitourinary', 580, 629, 788],
    ['injury', 800, 999, 800],
    ['musculoskeletal', 710, 739, 710],
    ['neoplasms', 140, 239, 140],
  ];
  const group = groups.find(([, from, to, also]) => (number >= from && number <= to) || number === also);
  return group?.[0] ?? 'other';
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}
