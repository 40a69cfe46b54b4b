// Invented patients for four hospitals: each column follows its hospital's published facts, the diagnosis follows one model for all.
// The same seed gives the same table on every machine: integers, and correctly rounded arithmetic, only.
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { type Column, type Table, makeTable } from '../table.ts';
import {
  type CodeColumnName,
  type CodeFacts,
  type HospitalFacts,
  type NumberColumnName,
  type NumberFacts,
  hospitalFacts,
} from './facts.ts';
import { type Hospital, heartDiseaseColumns } from './hospitals.ts';

type Cells = readonly (number | null)[];
type CellsByColumn = ReadonlyMap<string, Cells>;

/** Bounds and decimals of what is drawn; wide enough for any adult. */
const numberFormats: Readonly<Record<NumberColumnName, { min: number; max: number; perUnit: number }>> = {
  age: { min: 18, max: 95, perUnit: 1 },
  trestbps: { min: 80, max: 220, perUnit: 1 },
  chol: { min: 80, max: 640, perUnit: 1 },
  thalach: { min: 55, max: 215, perUnit: 1 },
  oldpeak: { min: 0.1, max: 6.5, perUnit: 10 },
};
const numberColumns = ['age', 'trestbps', 'chol', 'thalach', 'oldpeak'] as const;
const codeColumns = ['sex', 'cp', 'fbs', 'restecg', 'exang', 'slope', 'ca', 'thal'] as const;

/** What is measured during exercise, and blood pressure with it, is missing in the same patients (plainly so at the VA). */
const missingTogether: ReadonlySet<string> = new Set(['trestbps', 'thalach', 'exang', 'oldpeak', 'slope']);

/**
 * Log-odds of disease: `weight` for a number is per standard deviation `scale` around `center`, for a code per occurrence. Rounded from a
 * logistic regression over the pooled data (13 standardised features, as in FLamby's Fed-Heart-Disease).
 */
const numberEffects: Readonly<Partial<Record<NumberColumnName, { weight: number; center: number; scale: number }>>> = {
  age: { weight: 0.2, center: 53, scale: 9.6 },
  thalach: { weight: -0.35, center: 139, scale: 26 },
  oldpeak: { weight: 0.55, center: 0.94, scale: 1.07 },
};
const codeEffects: Readonly<Partial<Record<CodeColumnName, Readonly<Record<number, number>>>>> = {
  sex: { 1: 1.25 },
  cp: { 2: -0.45, 4: 1.3 },
  fbs: { 1: 0.65 },
  exang: { 1: 1.3 },
  restecg: { 1: 0.3, 2: 0.45 },
};

/** Standard deviation of what the columns do not explain: chosen so that a good model is right in about four of five patients. */
const unexplained = 0.7;

/** The table of one hospital, columns as in the processed files, marked `synthetic`. */
export function syntheticHeartDisease(hospital: Hospital, seed: number): Table {
  const facts = hospitalFacts[hospital];
  const source: Source = {
    facts,
    random: (purpose) => new SeededRandom(labels.syntheticCohort, [hospital, seed, purpose]),
  };
  const features = new Map<string, Cells>([
    ...numberColumns.map((name) => [name, numbers(source, name, facts.numbers[name])] as const),
    ...codeColumns.map((name) => [name, codes(source, name, facts.codes[name])] as const),
  ]);
  const cells = new Map([...features, ['num', severities(source, features)] as const]);
  return makeTable(
    'synthetic',
    heartDiseaseColumns.map((name): Column => ({ type: 'number', name, values: cells.get(name) ?? [] })),
  );
}

interface Source {
  readonly facts: HospitalFacts;
  readonly random: (purpose: string) => SeededRandom;
}

function numbers(source: Source, name: NumberColumnName, facts: NumberFacts): Cells {
  const random = source.random(name);
  const { min, max, perUnit } = numberFormats[name];
  const present = Array.from({ length: source.facts.rows - facts.missing }, (_, i) => {
    if (i < facts.zeros) return 0;
    const value = facts.mean + facts.deviation * standardNormal(random);
    return Math.round(Math.min(Math.max(value, min), max) * perUnit) / perUnit;
  });
  return scatter(source, name, present);
}

function codes(source: Source, name: CodeColumnName, facts: CodeFacts): Cells {
  const present = facts.counts.flatMap(([code, rows]) => Array.from({ length: rows }, () => code));
  return scatter(source, name, present);
}

/** Spreads the values over the rows that have one, in random order. */
function scatter({ facts, random }: Source, name: string, present: readonly number[]): Cells {
  const missingOrder = random(missingTogether.has(name) ? 'missing together' : `missing ${name}`).permutation(
    facts.rows,
  );
  const order = random(`order ${name}`).permutation(present.length);
  const cells: (number | null)[] = Array.from({ length: facts.rows }, () => null);
  missingOrder.subarray(facts.rows - present.length).forEach((row, i) => {
    cells[row] = present[order[i] ?? 0] ?? null;
  });
  return cells;
}

/** Patients in the order of their risk, with chance; as many of each severity as the hospital had. */
function severities({ facts, random }: Source, features: CellsByColumn): Cells {
  const chance = random('unexplained');
  const risks = Array.from(
    { length: facts.rows },
    (_, row) => risk(features, row) + unexplained * standardNormal(chance),
  );
  const byRisk = risks.map((_, row) => row).toSorted((a, b) => (risks[a] ?? 0) - (risks[b] ?? 0) || a - b);
  const inOrder = facts.severity.flatMap((rows, severity) => Array.from({ length: rows }, () => severity));
  const cells: (number | null)[] = Array.from({ length: facts.rows }, () => null);
  byRisk.forEach((row, i) => {
    cells[row] = inOrder[i] ?? null;
  });
  return cells;
}

function risk(features: CellsByColumn, row: number): number {
  let sum = 0;
  for (const name of numberColumns) {
    const value = features.get(name)?.[row] ?? null;
    const effect = numberEffects[name];
    if (value !== null && effect !== undefined) sum += (effect.weight * (value - effect.center)) / effect.scale;
  }
  for (const name of codeColumns) {
    const value = features.get(name)?.[row] ?? null;
    if (value !== null) sum += codeEffects[name]?.[value] ?? 0;
  }
  return sum;
}

/** Sum of twelve uniforms less 6 (Irwin–Hall): mean 0, variance 1, no logarithm whose last bit the engine chooses. */
function standardNormal(random: SeededRandom): number {
  let sum = -6;
  for (let i = 0; i < 12; i += 1) sum += random.fraction();
  return sum;
}
