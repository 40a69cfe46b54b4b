// From accuracies by seed and site to the table beside FLamby's, with a verdict on every row.
import { markdownTable } from '../table.ts';
import { band, type PublishedRow, publishedRows, publishedSeeds } from './published.ts';

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

const isInBand = ({ difference }: Compared): boolean => Math.abs(difference) <= band;
const isBeyondChance = ({ difference, noise }: Compared): boolean => !(Math.abs(difference) <= noise);

export function reportTable(compared: readonly Compared[], siteNames: readonly string[]): string {
  return markdownTable([
    ['strategy', 'ours', 'FLamby', 'difference', `within ${digits(band)}`, 'noise', ...siteNames],
    ...compared.map((result) => [
      result.row.name,
      withDeviation(result.mean, result.sd),
      withDeviation(result.row.accuracy, result.row.sd),
      signed(result.difference),
      isInBand(result) ? 'yes' : '**NO**',
      digits(result.noise),
      ...result.bySite.map(digits),
    ]),
  ]);
}

export interface SiteScore {
  readonly accuracy: number;
  readonly auroc: number;
}

export interface ScoredModel {
  readonly name: string;
  /** One array a seed, one score a site; a plan that draws nothing has one. */
  readonly bySeed: readonly (readonly SiteScore[])[];
}

/** Mean accuracies and AUROCs of models at each site, and last what is published. */
export function bestTable(models: readonly ScoredModel[], siteNames: readonly string[]): string {
  const theirs = publishedRows.toSorted((a, b) => b.accuracy - a.accuracy)[0];
  return markdownTable([
    ['model', 'site mean', ...siteNames],
    ...models.map((model) => meansOf(model, 'accuracy')),
    ...models.map((model) => meansOf(model, 'auroc')),
    [`FLamby, ${theirs?.name ?? ''}: accuracy`, digits(theirs?.accuracy ?? Number.NaN), ...siteNames.map(() => '')],
  ]);
}

function meansOf({ name, bySeed }: ScoredModel, metric: keyof SiteScore): readonly string[] {
  const [first = []] = bySeed;
  const bySite = first.map((_, site) => meanOf(bySeed.map((scores) => scores[site]?.[metric] ?? Number.NaN)));
  return [`${name}: ${metric === 'auroc' ? 'AUROC' : metric}`, digits(meanOf(bySite)), ...bySite.map(digits)];
}

/** Differences that are not chance, with what is known of why. */
export function loudLines(compared: readonly Compared[]): readonly string[] {
  return compared.filter(isBeyondChance).map(({ row, difference, noise }) => {
    const direction = difference < 0 ? 'below' : 'above';
    const why = row.note === undefined ? '' : ` Known difference: ${row.note}.`;
    return `! ${row.name} is ${digits(Math.abs(difference))} ${direction} FLamby's mean: more than the noise of both, ${digits(noise)}.${why}`;
  });
}

/** What breaks the promise. */
export function outsideLines(compared: readonly Compared[]): readonly string[] {
  return compared
    .filter((result) => !isInBand(result))
    .map(({ row, difference }) => `!!! ${row.name} is outside the band of ± ${digits(band)}: ${signed(difference)}`);
}

const digits = (value: number): string => value.toFixed(3);
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${digits(Math.abs(value))}`;
const withDeviation = (mean: number, sd: number): string => `${digits(mean)} ± ${digits(sd)}`;

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** ddof 1. */
function sampleDeviation(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
