// The bins in which sites count their test rows' probabilities, so that ranks can be compared across sites. They are finest where
// probabilities are near 0 or 1: each octave [2^−(e+1), 2^−e) has 256, mirrored about ½, and what is below 2⁻²¹ shares one. Edges and
// midpoints are exact in binary: no logarithm decides in which bin a row is.
//
// The pooled AUROC and AUPRC are those of binned scores: rows of one bin count as tied. How far that may be from the rows' own order is
// computed from the counts and released with the value (`resolutionOf`).
import { type ScoreTable, aurocOf, averagePrecisionOf, totals } from '../metrics/score-table.ts';
import { powerOfTwo } from '../strategies/server-strategy.ts';

const octaves = 20;
const binsAnOctave = 256;
const lowerBins = 1 + octaves * binsAnOctave;
export const scoreBins = 2 * lowerBins;

/** The bin of a probability, ascending. @param score 0 to 1 */
export function scoreBin(score: number): number {
  return score > 0.5 ? scoreBins - 1 - lowerBin(1 - score) : lowerBin(score);
}

/** @param score 0 to ½ */
function lowerBin(score: number): number {
  let scaled = score;
  let octave = octaves - 1;
  while (scaled < 0.25 && octave >= 0) {
    scaled *= 2;
    octave -= 1;
  }
  if (octave < 0) return 0;
  return 1 + octave * binsAnOctave + Math.min(binsAnOctave - 1, Math.floor((4 * scaled - 1) * binsAnOctave));
}

/** A bin's midpoint. */
export function scoreOfBin(bin: number): number {
  return bin < lowerBins ? lowerMidpoint(bin) : 1 - lowerMidpoint(scoreBins - 1 - bin);
}

function lowerMidpoint(bin: number): number {
  if (bin === 0) return powerOfTwo(-octaves - 2);
  const octave = Math.floor((bin - 1) / binsAnOctave);
  const place = (bin - 1) % binsAnOctave;
  let midpoint = (1 + (place + 0.5) / binsAnOctave) / 4;
  for (let i = octave; i < octaves - 1; i += 1) midpoint /= 2;
  return midpoint;
}

/** @param counts bins × 2, negatives before positives */
export function binnedTable(counts: ArrayLike<number>): ScoreTable {
  const column = (which: 0 | 1): Float64Array =>
    Float64Array.from({ length: scoreBins }, (_, bin) => counts[2 * bin + which] ?? 0);
  return {
    scores: Float64Array.from({ length: scoreBins }, (_, bin) => scoreOfBin(bin)),
    negatives: column(0),
    positives: column(1),
  };
}

export interface Resolution {
  readonly auroc: number;
  readonly auprc: number;
}

/** The most by which the rows' own order could give another value than the bins do; 0 without both classes. */
export function resolutionOf(table: ScoreTable): Resolution {
  const all = totals(table);
  const [auroc, auprc] = [aurocOf(table), averagePrecisionOf(table)];
  if (auroc === null || auprc === null) return { auroc: 0, auprc: 0 };
  const together = table.positives.reduce((sum, here, i) => sum + here * (table.negatives[i] ?? 0), 0);
  const best = orderedPrecision(table, 'positivesFirst');
  const worst = orderedPrecision(table, 'negativesFirst');
  return {
    auroc: together / (2 * all.positives * all.negatives),
    auprc: Math.max(best - auprc, auprc - worst),
  };
}

/** Average precision if within every bin one class stood before the other. */
function orderedPrecision(table: ScoreTable, order: 'positivesFirst' | 'negativesFirst'): number {
  const { positives } = totals(table);
  let above = 0;
  let positivesAbove = 0;
  let area = 0;
  for (let bin = table.scores.length - 1; bin >= 0; bin -= 1) {
    const [no, yes] = [table.negatives[bin] ?? 0, table.positives[bin] ?? 0];
    if (order === 'negativesFirst') above += no;
    for (let i = 1; i <= yes; i += 1) area += (positivesAbove + i) / (above + i) / positives;
    above += yes + (order === 'positivesFirst' ? no : 0);
    positivesAbove += yes;
  }
  return area;
}
