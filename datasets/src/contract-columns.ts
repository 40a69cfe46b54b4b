// One column of a table read under its part of the cohort contract: numbers in range, known codes, a label, a split.
import type { Cohort, Feature, ImageFeature } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { parseNumberCell } from './number-cell.ts';
import { type Column, type Table, findColumn } from './table.ts';

/** A column as numbers, null where missing. */
export interface Reading {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly missing: number;
}

type Comparison = Extract<Cohort['label'], { type: 'binary' }>['positiveWhen'];
type CodeValue = string | number;

/** A number, or the position of the code in the contract's list. @throws see `checkCohort` */
export function readFeature(table: Table, feature: Exclude<Feature, ImageFeature>): Reading {
  const column = requireColumn(table, feature.name);
  const values = feature.type === 'number' ? inRange(numbersIn(column), feature) : codePositions(column, feature.codes);
  return reading({ name: feature.name, values, missing: feature.missing });
}

/** 0 or 1 under the contract's comparison, the number, or the time of a survival label (0 to its longest). @throws see `checkCohort` */
export function readLabel(table: Table, label: Cohort['label']): Reading {
  const name = label.type === 'survival' ? label.time : label.name;
  const numbers = numbersIn(requireColumn(table, name));
  return reading({ name, values: labelValues(numbers, label), missing: label.missing });
}

/** 1 where the time of a survival label ends with the event, 0 where it is censored; null for other labels. @throws see `checkCohort` */
export function readEvents(table: Table, label: Cohort['label']): Reading | null {
  if (label.type !== 'survival') return null;
  const numbers = numbersIn(requireColumn(table, label.event));
  return reading({ name: label.event, values: compared(numbers, label.eventWhen), missing: label.missing });
}

function labelValues(numbers: readonly (number | null)[], label: Cohort['label']): readonly (number | null)[] {
  switch (label.type) {
    case 'number':
      return inRange(numbers, label);
    case 'binary':
      return compared(numbers, label.positiveWhen);
    case 'survival':
      return inRange(numbers, { name: label.time, unit: label.timeUnit, range: { min: '0', max: label.maxTime } });
  }
}

function compared(numbers: readonly (number | null)[], comparison: Comparison): readonly (number | null)[] {
  return numbers.map((value) => (value === null ? null : Number(compare(value, comparison))));
}

/** 0 for train and 1 for test, every row decided; null where no column decides. @throws see `checkCohort` */
export function readSplit(table: Table, split: Cohort['split']): Reading | null {
  if (split.method !== 'column') return null;
  const values = codePositions(requireColumn(table, split.column), [split.train, split.test]);
  return reading({ name: split.column, values, missing: 'refuse' });
}

function requireColumn(table: Table, name: string): Column {
  const column = findColumn(table, name);
  if (column === undefined) {
    throw new WardroundError('cohort-missing-column', 'the data lack a column that the study needs', {
      where: name,
      expected: `a column named ${name}`,
      got: table.columns.map((other) => other.name).join(', '),
    });
  }
  return column;
}

/** Arrow holds a column of texts as soon as one cell is no number: that cell is what the person must see. */
function numbersIn(column: Column): readonly (number | null)[] {
  if (column.type === 'number') return column.values;
  refuseWhere(column, (cell) => parseNumberCell(cell) === null, {
    code: 'cohort-wrong-type',
    message: 'a value that is not a number',
    expected: 'decimal numbers',
  });
  return column.values.map((cell) => (cell === null ? null : parseNumberCell(cell)));
}

interface Ranged {
  readonly name: string;
  readonly unit: string | null;
  readonly range: { readonly min: string; readonly max: string };
}

function inRange(values: readonly (number | null)[], { name, unit, range }: Ranged): readonly (number | null)[] {
  const min = Number(range.min);
  const max = Number(range.max);
  refuseWhere({ name, values }, (value) => value < min || value > max, {
    code: 'cohort-out-of-range',
    message: 'a value outside the agreed range',
    expected: `${range.min} to ${range.max}${unit === null ? '' : ` ${unit}`}`,
  });
  return values;
}

function codePositions(column: Column, codes: readonly CodeValue[]): readonly (number | null)[] {
  const positions = new Map(codes.map((code, i) => [String(code), i]));
  const cells: readonly CodeCell[] = column.values;
  refuseWhere({ name: column.name, values: cells }, (cell) => !positions.has(String(cell)), {
    code: 'cohort-unknown-code',
    message: 'a code that the contract does not know',
    expected: codes.length <= 20 ? `one of ${codes.join(', ')}` : `one of ${codes.length} codes`,
  });
  return cells.map((cell) => (cell === null ? null : (positions.get(String(cell)) ?? null)));
}

type CodeCell = CodeValue | null;

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly expected: string;
}

/** Counts the offending rows and shows the first; row 1 is the first row below the header. */
function refuseWhere<T>(
  column: { readonly name: string; readonly values: readonly (T | null)[] },
  offends: (value: T) => boolean,
  { code, message, expected }: Refusal,
): void {
  let first: { row: number; value: T } | undefined;
  let count = 0;
  column.values.forEach((value, i) => {
    if (value === null || !offends(value)) return;
    count += 1;
    first ??= { row: i + 1, value };
  });
  if (first === undefined) return;
  const others = count === 1 ? '' : ` (and ${count - 1} more like it)`;
  throw new WardroundError(code, message, {
    where: column.name,
    expected,
    got: `${JSON.stringify(first.value)} in row ${first.row}${others}`,
  });
}

function reading(parts: { name: string; values: readonly (number | null)[]; missing: 'dropRow' | 'refuse' }): Reading {
  const { name, values } = parts;
  const missing = values.reduce<number>((sum, value) => sum + (value === null ? 1 : 0), 0);
  if (missing > 0 && parts.missing === 'refuse') {
    throw new WardroundError('cohort-missing-value', 'a value is missing where the study allows none', {
      where: name,
      expected: 'a value in every row',
      got: `${missing} missing, the first in row ${values.indexOf(null) + 1}`,
    });
  }
  return { name, values, missing };
}

/** Whether the comparison holds for the value. */
export function compare(value: number, { operator, value: text }: Comparison): boolean {
  const bound = Number(text);
  switch (operator) {
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '==':
      return value === bound;
    case '!=':
      return value !== bound;
  }
}
