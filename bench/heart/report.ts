// From accuracies by seed and site to the table beside FLamby's, with a verdict on every row.
import { markdownTable } from '../table.ts';
import { type PublishedRow, publishedSeeds } from './published.ts';

export interface MeasuredRow {
  readonly row: PublishedRow;
  /** One array a seed, one accuracy a site. */
  readonly bySeed: readonly (readonly number[])[];
}

/** A difference beyond this many standard errors of the two means is not chance. */
const errorsOfNoise = 2;

export interface Compared {
  readonly row: PublishedRow;
  readonly mean: number;
  readonly sd: number;
  readonly bySite: readonly number[];
  readonly difference: number;
  /** Two standard errors of the difference of both means. */
  readonly noise: number;
}

export function compare({ row, bySeed }: MeasuredRow): Compared {
  const means = bySeed.map(meanOf);
  const mean = meanOf(means);
  const sd = sampleDeviation(means);
  const noise = errorsOfNoise * Math.sqrt(sd ** 2 / means.length + row.sd ** 2 / publishedSeeds);
  const bySite = (bySeed[0] ?? []).map((_, site) => meanOf(bySeed.map((sites) => sites[site] ?? Number.NaN)));
  return { row, mean, sd, bySite, difference: mean - row.accuracy, noise };
}

export const differs = ({ difference, noise }: Compared): boolean => !(Math.abs(difference) <= noise);

export function reportTable(compared: readonly Compared[], siteNames: readonly string[]): string {
  return markdownTable([
    ['strategy', 'ours', 'FLamby', 'difference', 'noise', 'verdict', ...siteNames],
    ...compared.map((result) => [
      result.row.name,
      withDeviation(result.mean, result.sd),
      withDeviation(result.row.accuracy, result.row.sd),
      `${result.difference < 0 ? '−' : '+'}${digits(Math.abs(result.difference))}`,
      digits(result.noise),
      differs(result) ? '**DIFFERS**' : 'as published',
      ...result.bySite.map(digits),
    ]),
  ]);
}

/** What nobody should have to find in a table by himself. */
export function loudLines(compared: readonly Compared[]): readonly string[] {
  return compared.filter(differs).map(({ row, difference, noise }) => {
    const direction = difference < 0 ? 'below' : 'above';
    const why = row.note === undefined ? '' : ` Known difference: ${row.note}.`;
    return `!!! ${row.name} is ${digits(Math.abs(difference))} ${direction} FLamby's mean: more than the noise of both, ${digits(noise)}.${why}`;
  });
}

const digits = (value: number): string => value.toFixed(3);
const withDeviation = (mean: number, sd: number): string => `${digits(mean)} ± ${digits(sd)}`;

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** ddof 1. */
function sampleDeviation(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
