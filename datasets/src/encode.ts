// A checked cohort to the numbers that a model sees: one-hot codes, split, standardised with the training rows' own statistics.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { type InputColumn, inputColumns } from '@wardround/protocol/input-columns';
import { CheckedCohort } from './contract.ts';
import type { Reading } from './contract-columns.ts';
import { pixelsAt } from './images/table-images.ts';
import { splitRows } from './split.ts';
import type { Provenance } from './table.ts';

/** Rows × columns, row-major; one label a row (0 or 1 when binary, the time of a survival label). Pictures stay bytes, of which 255 is 1. */
export interface EncodedRows {
  readonly rows: number;
  readonly features: Float64Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  readonly labels: Float64Array<ArrayBuffer>;
  /** For a survival label only: 1 where the time ends with the event, 0 where it is censored. */
  readonly events?: Float64Array<ArrayBuffer>;
}

/** What was subtracted from, and what divided, each column. */
export interface Standardisation {
  readonly mean: Float64Array<ArrayBuffer>;
  readonly scale: Float64Array<ArrayBuffer>;
}

/** A site's rows as learning takes them (`SiteRows`): numbers as the data have them, nothing standardised. */
export interface EncodedSite {
  readonly provenance: Provenance;
  /** None for an image cohort: its pixels need no names. */
  readonly columns: readonly InputColumn[];
  readonly train: EncodedRows;
  readonly test: EncodedRows;
  /** Empty cells of the table by input column, before any row was dropped, and the rows that were dropped for one. */
  readonly missing: { readonly cells: Float64Array<ArrayBuffer>; readonly droppedRows: number };
}

export interface EncodedCohort extends EncodedSite {
  readonly standardisation: Standardisation;
}

/** Added to a standard deviation before dividing, as FLamby's Fed-Heart-Disease does, so that published runs can be followed. */
const standardDeviationGuard = 1e-9;

/**
 * Every number as the data have it: `standardised` in learning does the rest, because the plan may want all sites' statistics for it.
 *
 * @throws WardroundError `cohort-too-few-rows` when no row is left to train on, `cohort-unchecked` for an object that `checkCohort` did not
 * make
 */
export function encodeSiteRows(checked: CheckedCohort): EncodedSite {
  if (!CheckedCohort.holds(checked)) throw new WardroundError('cohort-unchecked', 'this cohort was never checked');
  const columns = checked.cohort.source === 'images' ? [] : inputColumns(checked.cohort);
  const split = splitRows(checked);
  if (split.train.length === 0) {
    throw new WardroundError('cohort-too-few-rows', 'the split leaves no row to train on', {
      expected: 'at least 1 row',
    });
  }
  const { missing, droppedRows } = checked.outcome;
  return {
    provenance: checked.table.provenance,
    columns,
    train: encodeRows({ checked, columns, rows: split.train }),
    test: encodeRows({ checked, columns, rows: split.test }),
    missing: { cells: Float64Array.from(columns, ({ feature }) => missing[feature] ?? 0), droppedRows },
  };
}

/**
 * The same, standardised by the training rows' own statistics where the plan says `perSite`. Pictures stay bytes: `perImage` is done to
 * each batch where it is used.
 *
 * @throws WardroundError as {@link encodeSiteRows}, and `standardise-unsupported` for `federated`
 */
export function encodeCohort(checked: CheckedCohort): EncodedCohort {
  const site = encodeSiteRows(checked);
  const { train, test, columns } = site;
  const method = requireStandardise(checked.cohort);
  if (method === 'none') return { ...site, standardisation: identity(columns.length) };
  const standardisation = measure(train, columns.length);
  standardise(train, standardisation);
  standardise(test, standardisation);
  return { ...site, standardisation };
}

function requireStandardise({ standardise: method, source }: Cohort): 'perSite' | 'none' {
  if (method === 'perImage' && source === 'images') return 'none';
  if (method === 'perImage' || (source === 'images' && method !== 'none')) {
    throw new WardroundError(
      'standardise-unsupported',
      'a picture is standardised by itself or not, and nothing else is',
      {
        expected: source === 'images' ? 'perImage or none' : 'perSite or none',
        got: method,
      },
    );
  }
  if (method === 'federated') {
    throw new WardroundError('standardise-unsupported', 'the statistics of all sites are not known here', {
      expected: 'perSite or none',
      got: method,
    });
  }
  return method;
}

interface EncodeJob {
  readonly checked: CheckedCohort;
  readonly columns: readonly InputColumn[];
  readonly rows: Uint32Array;
}

function encodeRows(job: EncodeJob): EncodedRows {
  const { checked, rows } = job;
  const { images } = checked.table;
  const features = checked.cohort.source === 'images' && images !== null ? pixelsAt(images, rows) : numbersOf(job);
  const valuesOf = ({ name, values }: Reading): Float64Array<ArrayBuffer> =>
    Float64Array.from(rows, (row) => present(values[row], name));
  const encoded = { rows: rows.length, features, labels: valuesOf(checked.label) };
  return checked.event === null ? encoded : { ...encoded, events: valuesOf(checked.event) };
}

function numbersOf({ checked, columns, rows }: EncodeJob): Float64Array<ArrayBuffer> {
  const features = new Float64Array(rows.length * columns.length);
  const readings = new Map(checked.features.map((reading) => [reading.name, reading.values]));
  columns.forEach(({ feature, codeIndex }, column) => {
    const values = readings.get(feature) ?? [];
    rows.forEach((row, i) => {
      const value = present(values[row], feature);
      features[i * columns.length + column] = codeIndex === null ? value : Number(value === codeIndex);
    });
  });
  return features;
}

function present(value: number | null | undefined, where: string): number {
  if (value === null || value === undefined) {
    throw new WardroundError('cohort-missing-value', 'a used row lacks a value', { where, action: 'stop' });
  }
  return value;
}

function identity(columns: number): Standardisation {
  return { mean: new Float64Array(columns), scale: new Float64Array(columns).fill(1) };
}

/** Mean and sample standard deviation (ddof 1) of each column; a constant column is divided by 1. */
function measure({ rows, features }: EncodedRows, columns: number): Standardisation {
  const { mean, scale } = identity(columns);
  for (let column = 0; column < columns; column += 1) {
    const values = Float64Array.from({ length: rows }, (_, i) => features[i * columns + column] ?? 0);
    const average = values.reduce((sum, value) => sum + value, 0) / rows;
    const squares = values.reduce((sum, value) => sum + (value - average) * (value - average), 0);
    mean[column] = isConstant(values) ? (values[0] ?? 0) : average;
    scale[column] = isConstant(values) ? 1 : Math.sqrt(squares / (rows - 1)) + standardDeviationGuard;
  }
  return { mean, scale };
}

/** Compared exactly: the rounded standard deviation of equal values need not be 0, and dividing by such a one would explode. */
function isConstant(values: Float64Array): boolean {
  return values.every((value) => value === values[0]);
}

function standardise({ features }: EncodedRows, { mean, scale }: Standardisation): void {
  const columns = mean.length;
  features.forEach((value, i) => {
    features[i] = (value - (mean[i % columns] ?? 0)) / (scale[i % columns] ?? 1);
  });
}
