// Invented patients for any cohort contract: every column within its declared range or codes, one rule behind the label at all sites, and
// sites that differ a little from each other. For trying a plan out where there are no data yet; marked `synthetic`.
import type { Cohort, Feature } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { compare } from './contract-columns.ts';
import { type Column, type Table, makeTable } from './table.ts';

export interface SyntheticJob {
  readonly cohort: Cohort;
  readonly site: string;
  readonly rows: number;
  readonly seed: number;
}

/** Of the label's score: what the features do not explain. */
const unexplained = 0.7;
/** How far a site's means lie from the others', in standard deviations. */
const siteShift = 0.3;
/** Standard deviations from the middle of a range to its end. */
const deviationsToEnd = 3;

/** @throws WardroundError `synthetic-unsupported` for features that are not numbers or codes */
export function syntheticCohort(job: SyntheticJob): Table {
  const scores = new Float64Array(job.rows);
  const features = job.cohort.features.map((feature) => columnOf(job, feature, scores));
  const size = Math.sqrt(features.length);
  const chance = randomOf(job, 'unexplained');
  const risks = scores.map((score) => score / size + unexplained * standardNormal(chance));
  return makeTable('synthetic', [...features, ...labelColumns(job, risks), ...splitColumns(job)]);
}

function randomOf({ site, seed }: SyntheticJob, purpose: string): SeededRandom {
  return new SeededRandom(labels.syntheticCohort, ['contract', site, seed, purpose]);
}

/** The same at every site: what makes the label learnable. */
function effectOf({ seed }: SyntheticJob, purpose: string): number {
  return standardNormal(new SeededRandom(labels.syntheticCohort, ['effect', seed, purpose]));
}

/** Draws the column, and adds each row's part of the label's score. */
function columnOf(job: SyntheticJob, feature: Feature, scores: Float64Array): Column {
  switch (feature.type) {
    case 'number':
      return numberColumn(job, feature, scores);
    case 'code':
      return codeColumn(job, feature, scores);
    default:
      throw new WardroundError('synthetic-unsupported', 'no such column can be invented', {
        expected: 'features that are numbers or codes',
        got: feature.type,
        where: feature.name,
      });
  }
}

function numberColumn(
  job: SyntheticJob,
  { name, range }: Extract<Feature, { type: 'number' }>,
  scores: Float64Array,
): Column {
  const random = randomOf(job, name);
  const [min, max] = [Number(range.min), Number(range.max)];
  const effect = effectOf(job, name);
  const shift = siteShift * standardNormal(random);
  const isFlag = min === 0 && max === 1;
  const values = Array.from({ length: job.rows }, (_, row) => {
    const z = isFlag ? (random.fraction() < 0.5 + shift / 4 ? 1 : -1) : shift + standardNormal(random);
    scores[row] = (scores[row] ?? 0) + effect * z;
    if (isFlag) return z > 0 ? 1 : 0;
    const value = (min + max) / 2 + (z * (max - min)) / 2 / deviationsToEnd;
    return rounded(Math.min(Math.max(value, min), max), max - min);
  });
  return { type: 'number', name, values };
}

/** Three digits of the span: readable, and never beyond an end of the range that has as many. */
function rounded(value: number, span: number): number {
  const digits = Math.min(Math.max(0, 3 - Math.floor(Math.log10(span))), 12);
  return Number(value.toFixed(digits));
}

function codeColumn(
  job: SyntheticJob,
  { name, codes }: Extract<Feature, { type: 'code' }>,
  scores: Float64Array,
): Column {
  const random = randomOf(job, name);
  const effects = codes.map((code) => effectOf(job, `${name}=${code}`));
  const drawn = Array.from({ length: job.rows }, (_, row) => {
    const index = random.below(codes.length);
    scores[row] = (scores[row] ?? 0) + (effects[index] ?? 0);
    return codes[index] ?? null;
  });
  const numbers = drawn.filter((code) => typeof code === 'number');
  return numbers.length === drawn.length
    ? { type: 'number', name, values: numbers }
    : { type: 'text', name, values: drawn.map(String) };
}

function labelColumns(job: SyntheticJob, risks: Float64Array): readonly Column[] {
  const { label } = job.cohort;
  switch (label.type) {
    case 'binary': {
      const { positive, negative } = bothSides(label.positiveWhen, label.name);
      return [{ type: 'number', name: label.name, values: Array.from(risks, (r) => (r > 0 ? positive : negative)) }];
    }
    case 'number': {
      const [min, max] = [Number(label.range.min), Number(label.range.max)];
      const place = (r: number): number => (min + max) / 2 + (r * (max - min)) / 2 / deviationsToEnd;
      const values = Array.from(risks, (r) => rounded(Math.min(Math.max(place(r), min), max), max - min));
      return [{ type: 'number', name: label.name, values }];
    }
    case 'survival': {
      const { positive, negative } = bothSides(label.eventWhen, label.event);
      const maxTime = Number(label.maxTime);
      const random = randomOf(job, 'time');
      const times = Array.from(risks, (r) => {
        const time = (-Math.log(1 - random.fraction()) * maxTime) / 3 / Math.exp(r);
        const censored = random.fraction() * maxTime;
        return { time: Math.max(rounded(Math.min(time, censored, maxTime), maxTime), 0.001), event: time <= censored };
      });
      return [
        { type: 'number', name: label.time, values: times.map(({ time }) => time) },
        { type: 'number', name: label.event, values: times.map(({ event }) => (event ? positive : negative)) },
      ];
    }
  }
}

/** A value that the comparison holds for, and one that it does not. */
function bothSides(
  comparison: Parameters<typeof compare>[1],
  where: string,
): { readonly positive: number; readonly negative: number } {
  const value = Number(comparison.value);
  const candidates = [value, value + 1, value - 1];
  const positive = candidates.find((candidate) => compare(candidate, comparison));
  const negative = candidates.find((candidate) => !compare(candidate, comparison));
  if (positive === undefined || negative === undefined)
    throw new WardroundError('synthetic-unsupported', 'the comparison holds for all values or none', { where });
  return { positive, negative };
}

/** Where the plan splits by a column, a third of the rows are its test rows. */
function splitColumns(job: SyntheticJob): readonly Column[] {
  const { split } = job.cohort;
  if (split.method !== 'column') return [];
  const random = randomOf(job, 'split');
  const values = Array.from({ length: job.rows }, () => (random.below(3) === 0 ? split.test : split.train));
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === values.length
    ? [{ type: 'number', name: split.column, values: numbers }]
    : [{ type: 'text', name: split.column, values: values.map(String) }];
}

/** Sum of twelve uniforms less 6 (Irwin–Hall). */
function standardNormal(random: SeededRandom): number {
  let sum = -6;
  for (let i = 0; i < 12; i += 1) sum += random.fraction();
  return sum;
}
