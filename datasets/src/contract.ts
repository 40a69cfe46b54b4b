// The cohort contract against a site's table: which rows are used, and the first thing that is not as agreed.
// What is found here names rows and values of patients: it is shown to the site's own people and goes nowhere else.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { requireImages } from './images/contract-images.ts';
import { type Reading, readEvents, readFeature, readLabel, readSplit } from './contract-columns.ts';
import type { Table } from './table.ts';

export interface CohortOutcome {
  /** Rows of the table, and how many of them stay out because something in them is missing. */
  readonly rows: number;
  readonly droppedRows: number;
  readonly usedRows: number;
  /** Used rows with a positive label, or whose time ends with the event; 0 where the label is a number. */
  readonly events: number;
  /** Missing cells for each feature and for the label (a survival label has two columns), by name. */
  readonly missing: Readonly<Record<string, number>>;
}

/** A table that fulfils its cohort contract, with what reading it gave. Only {@link checkCohort} makes one. */
export class CheckedCohort {
  readonly #proof = true;
  readonly cohort: Cohort;
  readonly table: Table;
  /** Positions of the used rows, ascending. */
  readonly usedRows: Uint32Array;
  /** One reading a feature, in the contract's order: the number, or the code's position. */
  readonly features: readonly Reading[];
  /** 0 or 1 for a binary label, the number otherwise; the time of a survival label. */
  readonly label: Reading;
  /** For a survival label 1 where the time ends with the event, 0 where it is censored; null otherwise. */
  readonly event: Reading | null;
  /** 0 = train, 1 = test for each row where a column decides; null where it does not. */
  readonly split: Reading | null;
  readonly outcome: CohortOutcome;

  private constructor(parts: CheckedParts) {
    this.cohort = parts.cohort;
    this.table = parts.table;
    this.usedRows = parts.usedRows;
    this.features = parts.features;
    this.label = parts.label;
    this.event = parts.event;
    this.split = parts.split;
    this.outcome = parts.outcome;
  }

  /** Whether this object was made by {@link checkCohort}; a look-alike has no proof. */
  static holds(value: CheckedCohort): boolean {
    return #proof in value && value.#proof;
  }

  /** @throws as {@link checkCohort} */
  static check(table: Table, cohort: Cohort): CheckedCohort {
    requireSupported(cohort);
    const image = cohort.features.find((feature) => feature.type === 'image');
    if (image !== undefined) requireImages(table, image);
    const features = cohort.features
      .filter((feature) => feature.type !== 'image')
      .map((feature) => readFeature(table, feature));
    const label = readLabel(table, cohort.label);
    const event = readEvents(table, cohort.label);
    const split = readSplit(table, cohort.split);
    const readings = [...features, label, ...(event === null ? [] : [event])];
    const usedRows = rowsWithAll(table.rows, readings);
    const outcome = summarise({ table, cohort, readings, usedRows, positive: event ?? label });
    requireEnough(cohort, outcome);
    return new CheckedCohort({ cohort, table, usedRows, features, label, event, split, outcome });
  }
}

interface CheckedParts {
  readonly cohort: Cohort;
  readonly table: Table;
  readonly usedRows: Uint32Array;
  readonly features: readonly Reading[];
  readonly label: Reading;
  readonly event: Reading | null;
  readonly split: Reading | null;
  readonly outcome: CohortOutcome;
}

/**
 * Checks a table against the contract of a plan. Every value that is present must be of the agreed type, code and range, also in rows that
 * are dropped for another value.
 *
 * @throws WardroundError `cohort-missing-column`, `cohort-wrong-type`, `cohort-unknown-code`, `cohort-out-of-range`,
 * `cohort-missing-value` (where the contract says `refuse`), `cohort-too-few-rows`, `cohort-too-few-events`,
 * `cohort-image-size`, `cohort-unsupported`
 */
export function checkCohort(table: Table, cohort: Cohort): CheckedCohort {
  return CheckedCohort.check(table, cohort);
}

/** A table has no images among its features; an image cohort has one, and nothing beside it. */
function requireSupported({ source, features }: Cohort): void {
  const images = features.filter((feature) => feature.type === 'image').length;
  const fits = source === 'images' ? images === 1 && features.length === 1 : images === 0;
  if (fits) return;
  throw new WardroundError('cohort-unsupported', 'this version does not read such a cohort', {
    where: 'cohort.features',
    expected: source === 'images' ? 'one image and nothing beside it' : 'numbers and codes in a table',
    got: features.map(({ name, type }) => `${name} (${type})`).join(', '),
  });
}

function rowsWithAll(rows: number, readings: readonly Reading[]): Uint32Array {
  const used: number[] = [];
  for (let row = 0; row < rows; row += 1) {
    if (readings.every((reading) => reading.values[row] !== null)) used.push(row);
  }
  return Uint32Array.from(used);
}

interface Summary extends Pick<CheckedParts, 'table' | 'cohort' | 'usedRows'> {
  /** Every column that a used row must have. */
  readonly readings: readonly Reading[];
  /** The one whose 1 is an event, unless the label is a number. */
  readonly positive: Reading;
}

function summarise({ table, cohort, readings, usedRows, positive }: Summary): CohortOutcome {
  const events =
    cohort.label.type === 'number' ? 0 : usedRows.reduce((sum, row) => sum + (positive.values[row] === 1 ? 1 : 0), 0);
  return {
    rows: table.rows,
    droppedRows: table.rows - usedRows.length,
    usedRows: usedRows.length,
    events,
    missing: Object.fromEntries(readings.map((reading) => [reading.name, reading.missing])),
  };
}

function requireEnough(cohort: Cohort, outcome: CohortOutcome): void {
  if (outcome.usedRows < cohort.minimumRows) {
    throw new WardroundError('cohort-too-few-rows', 'too few patients fulfil the cohort contract', {
      expected: `at least ${cohort.minimumRows} rows`,
      got: `${outcome.usedRows} of ${outcome.rows}`,
    });
  }
  if (outcome.events < cohort.minimumEvents) {
    throw new WardroundError('cohort-too-few-events', 'too few patients had the event', {
      where: cohort.label.type === 'survival' ? cohort.label.event : cohort.label.name,
      expected: `at least ${cohort.minimumEvents}`,
      got: `${outcome.events}`,
    });
  }
}
