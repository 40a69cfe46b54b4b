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
  const { least, most } = precisionBounds(table);
  return {
    auroc: together / (2 * all.positives * all.negatives),
    auprc: Math.max(most - auprc, auprc - least),
  };
}

/**
 * Bounds on the average precision over all orders, and ties, that the rows of a bin may have among themselves. Precision grows from one
 * positive to the next: it is most with all positives of a bin tied before its negatives, least with each by itself behind them.
 */
function precisionBounds(table: ScoreTable): { readonly least: number; readonly most: number } {
  const { positives } = totals(table);
  let above = 0;
  let positivesAbove = 0;
  let least = 0;
  let most = 0;
  for (let bin = table.scores.length - 1; bin >= 0; bin -= 1) {
    const [no, yes] = [table.negatives[bin] ?? 0, table.positives[bin] ?? 0];
    if (yes > 0) {
      most += ((yes / positives) * (positivesAbove + yes)) / (above + yes);
      least += oneByOne({ positivesAbove, above: above + no, yes }) / positives;
    }
    above += yes + no;
    positivesAbove += yes;
  }
  return { least, most };
}

interface Run {
  readonly positivesAbove: number;
  readonly above: number;
  /** Positives that follow one another. */
  readonly yes: number;
}

const mostParts = 64;

/**
 * Σ of the precision at each of these positives: exact for up to 64, beyond it from below, every 64th at the precision of its first. What it
 * takes does not grow with what sites say that they have.
 */
function oneByOne({ positivesAbove, above, yes }: Run): number {
  const parts = Math.min(mostParts, yes);
  let sum = 0;
  let before = 0;
  for (let part = 1; part <= parts; part += 1) {
    const end = part === parts ? yes : Math.floor((yes * part) / parts);
    sum += ((end - before) * (positivesAbove + before + 1)) / (above + before + 1);
    before = end;
  }
  return sum;
}
