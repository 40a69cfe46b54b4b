// Two results that differ by a few patients, or by one hospital, show those: plans too close to an earlier one are refused at the site.
import { createHmac } from 'node:crypto';
import { utf8 } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';

/** Whom the rows are of, so that two cohorts can be compared patient by patient. Never leaves the site. */
export interface RowMarks {
  /** By what a row is known: marks of another basis say nothing of these. */
  readonly basis: string;
  readonly marks: ReadonlySet<string>;
}

/** What a site knows of a plan's cohort here, and of who else takes part. */
export interface KnownCohort {
  /** Digest of the plan. */
  readonly study: string;
  readonly title: string;
  readonly population: string;
  /** Rows of the snapshot, training and test together. */
  readonly rows: number;
  /** Digest of the snapshot: the same digest is the same rows. */
  readonly snapshot: string;
  readonly marks: RowMarks | null;
  /** The sites that the plan names, by agent thumbprints. */
  readonly roster: readonly string[];
  readonly differentialPrivacy: boolean;
}

/** The plan's least cell, and the site's own: the larger one counts. */
export interface DifferencingMinima {
  readonly planMinimumCell: number;
  readonly siteMinimumCell: number;
  /** f: so many of the sites by which two rosters differ may tell their own part. */
  readonly colluding: number;
}

export interface DifferencingFinding {
  readonly code: 'differencing-rows' | 'differencing-roster' | 'differencing-unknown';
  /** `unknown` is for a person to judge; the other two are refused. */
  readonly refused: boolean;
  /** Digest of the earlier plan. */
  readonly earlier: string;
  /** For a person. Names the number of rows, so it never leaves the site. */
  readonly words: string;
}

/**
 * What a plan without differential privacy would show by its difference from plans that this site approved before, on the same population.
 * Pairs only: what three results show together is not found here, and differential privacy is what bounds it.
 *
 * @throws WardroundError `differencing-minimum` where a minimum is not one
 */
export function findDifferencing(
  plan: KnownCohort,
  earlier: readonly KnownCohort[],
  minima: DifferencingMinima,
): DifferencingFinding[] {
  const minimumCell = leastCell(minima);
  if (plan.differentialPrivacy) return [];
  return earlier
    .filter(({ population, study }) => population === plan.population && study !== plan.study)
    .flatMap((before) => [
      ...rowFindings({ plan, before, minimumCell }),
      ...rosterFindings({ plan, before, colluding: minima.colluding }),
    ]);
}

/** @throws WardroundError `differencing-rows`, `differencing-roster`, `differencing-minimum` */
export function requireNoDifferencing(
  plan: KnownCohort,
  earlier: readonly KnownCohort[],
  minima: DifferencingMinima,
): void {
  const [first] = findDifferencing(plan, earlier, minima).filter(({ refused }) => refused);
  if (first === undefined) return;
  throw new WardroundError(first.code, first.words, { action: 'stop', where: first.earlier });
}

function leastCell({ planMinimumCell, siteMinimumCell, colluding }: DifferencingMinima): number {
  for (const [least, value] of [
    [1, planMinimumCell],
    [1, siteMinimumCell],
    [0, colluding],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new WardroundError('differencing-minimum', 'not a number of rows or sites', {
      expected: `a whole number of at least ${least}`,
      got: String(value),
    });
  }
  return Math.max(planMinimumCell, siteMinimumCell);
}

interface RowComparison {
  readonly plan: KnownCohort;
  readonly before: KnownCohort;
  readonly minimumCell: number;
}

function rowFindings({ plan, before, minimumCell }: RowComparison): DifferencingFinding[] {
  if (plan.snapshot === before.snapshot) return [];
  const { rows, certain } = differingRows(plan, before);
  if (rows > 0 && rows < minimumCell) {
    const words = `“${plan.title}” has ${rowCount(rows)} more or fewer here than “${before.title}”, approved before: the difference of the two results would show ${rows === 1 ? 'one patient' : `these ${rows} patients`}. At least ${minimumCell} must differ, or none.`;
    return [{ code: 'differencing-rows', refused: true, earlier: before.study, words }];
  }
  if (certain || rows >= minimumCell) return [];
  const words = `“${plan.title}” has as many rows here as “${before.title}”, approved before, and nothing says whether they are of the same patients: if a few differ, the difference of the two results would show them.`;
  return [{ code: 'differencing-unknown', refused: false, earlier: before.study, words }];
}

function rowCount(rows: number): string {
  return rows === 1 ? 'one row' : `${rows} rows`;
}

/** How many rows are in one cohort and not in the other; at least that many where the rows cannot be told apart. */
function differingRows(a: KnownCohort, b: KnownCohort): { rows: number; certain: boolean } {
  const comparable = a.marks !== null && b.marks !== null && a.marks.basis === b.marks.basis;
  if (!comparable) return { rows: Math.abs(a.rows - b.rows), certain: false };
  return { rows: symmetricDifference(a.marks.marks, b.marks.marks), certain: true };
}

function symmetricDifference(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const mark of a) if (b.has(mark)) shared += 1;
  return a.size + b.size - 2 * shared;
}

interface RosterComparison {
  readonly plan: KnownCohort;
  readonly before: KnownCohort;
  readonly colluding: number;
}

/** One site more or fewer shows that site; with f colluders among those that differ, so do f + 1. */
function rosterFindings({ plan, before, colluding }: RosterComparison): DifferencingFinding[] {
  const sites = symmetricDifference(new Set(plan.roster), new Set(before.roster));
  if (sites === 0 || sites > colluding + 1) return [];
  const which = sites === 1 ? 'one hospital' : `${sites} hospitals`;
  const told = sites === 1 ? 'that hospital’s part' : 'the part of one of them, if the others tell theirs';
  const words = `The hospitals of “${plan.title}” differ by ${which} from those of “${before.title}”, approved before: the difference of the two results would show ${told}.`;
  return [{ code: 'differencing-roster', refused: true, earlier: before.study, words }];
}

/**
 * A row's mark: HMAC-SHA256 (RFC 2104) of what identifies the patient, under a secret of the site, 16 bytes as hex. Without the secret a list
 * of marks tells nobody who is in it.
 *
 * @throws WardroundError `differencing-secret` unless the secret has 32 bytes
 */
export function markRow(secret: Uint8Array, identity: string): string {
  if (secret.byteLength !== 32) {
    throw new WardroundError('differencing-secret', 'row marks need a secret of 32 bytes');
  }
  const mac = createHmac('sha256', secret).update(utf8(labels.rowMark)).update(Uint8Array.of(0));
  return mac.update(utf8(identity)).digest('hex').slice(0, 32);
}
