// Predicted probabilities with the labels that belong to them, as a table of counts: exact rows of one site, or the bins of all sites' sums.
// Every measure of a yes-or-no model is a function of this table, so that a site, the enclave and a bootstrap compute the same thing.

/** Ascending scores with the rows of each class that have it. */
export interface ScoreTable {
  readonly scores: Float64Array;
  readonly negatives: Float64Array;
  readonly positives: Float64Array;
}

/** One entry for each distinct prediction. */
export function tableOf(predictions: Float64Array, labels: Float64Array | Float32Array): ScoreTable {
  const order = Array.from(predictions.keys()).toSorted((a, b) => (predictions[a] ?? 0) - (predictions[b] ?? 0));
  const scores: number[] = [];
  const negatives: number[] = [];
  const positives: number[] = [];
  for (const row of order) {
    const score = predictions[row] ?? 0;
    if (scores.at(-1) !== score) {
      scores.push(score);
      negatives.push(0);
      positives.push(0);
    }
    const counts = labels[row] === 1 ? positives : negatives;
    counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1;
  }
  return {
    scores: Float64Array.from(scores),
    negatives: Float64Array.from(negatives),
    positives: Float64Array.from(positives),
  };
}

export function totals({ negatives, positives }: ScoreTable): {
  readonly negatives: number;
  readonly positives: number;
} {
  const sum = (counts: Float64Array): number => counts.reduce((total, count) => total + count, 0);
  return { negatives: sum(negatives), positives: sum(positives) };
}

/**
 * The chance that a positive is ranked above a negative, ties counted half (Mann–Whitney); null without both classes.
 * Source: Hanley and McNeil, Radiology 143, 1982.
 */
export function aurocOf(table: ScoreTable): number | null {
  const { negatives, positives } = totals(table);
  if (negatives === 0 || positives === 0) return null;
  let below = 0;
  let favourable = 0;
  table.positives.forEach((here, i) => {
    const others = table.negatives[i] ?? 0;
    favourable += here * (below + others / 2);
    below += others;
  });
  return favourable / (positives * negatives);
}

/** Average precision, Σ (Rₙ − Rₙ₋₁)·Pₙ over descending thresholds, ties together; null without both classes. */
export function averagePrecisionOf(table: ScoreTable): number | null {
  const all = totals(table);
  if (all.negatives === 0 || all.positives === 0) return null;
  let above = 0;
  let positivesAbove = 0;
  let area = 0;
  for (let i = table.scores.length - 1; i >= 0; i -= 1) {
    const here = table.positives[i] ?? 0;
    above += here + (table.negatives[i] ?? 0);
    positivesAbove += here;
    if (here > 0) area += (here / all.positives) * (positivesAbove / above);
  }
  return area;
}

/** Share of rows where (score > ½) is the label; null without rows. */
export function accuracyOf(table: ScoreTable): number | null {
  let right = 0;
  table.scores.forEach((score, i) => {
    right += (score > 0.5 ? table.positives[i] : table.negatives[i]) ?? 0;
  });
  return share(right, table);
}

/** Mean (score − label)²; null without rows. */
export function brierOf(table: ScoreTable): number | null {
  let sum = 0;
  table.scores.forEach((score, i) => {
    sum += (table.positives[i] ?? 0) * (1 - score) * (1 - score) + (table.negatives[i] ?? 0) * score * score;
  });
  return share(sum, table);
}

export const calibrationBins = 10;

export function calibrationBin(score: number): number {
  return Math.min(Math.floor(score * calibrationBins), calibrationBins - 1);
}

/**
 * Expected calibration error over ten bins of equal width: Σ share · |mean score − share of positives|; null without rows.
 * Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.
 */
export function calibrationErrorOf(table: ScoreTable): number | null {
  const gaps = new Float64Array(calibrationBins);
  table.scores.forEach((score, i) => {
    const bin = calibrationBin(score);
    const positives = table.positives[i] ?? 0;
    gaps[bin] = (gaps[bin] ?? 0) + (positives + (table.negatives[i] ?? 0)) * score - positives;
  });
  return share(
    gaps.reduce((sum, gap) => sum + Math.abs(gap), 0),
    table,
  );
}

/** Confidence below which the log loss does not look, so that one sure mistake is not infinite. */
const leastProbability = 1e-7;

/** −ln of the probability that was given to the label, in nats, at most 16.2. */
export function logLossOf(probability: number, label: number): number {
  const ofLabel = label === 1 ? probability : 1 - probability;
  return -Math.log(Math.min(Math.max(ofLabel, leastProbability), 1 - leastProbability));
}

/** Mean {@link logLossOf}; null without rows. */
export function meanLogLossOf(table: ScoreTable): number | null {
  let sum = 0;
  table.scores.forEach((score, i) => {
    const [no, yes] = [table.negatives[i] ?? 0, table.positives[i] ?? 0];
    sum += (no === 0 ? 0 : no * logLossOf(score, 0)) + (yes === 0 ? 0 : yes * logLossOf(score, 1));
  });
  return share(sum, table);
}

function share(sum: number, table: ScoreTable): number | null {
  const { negatives, positives } = totals(table);
  return negatives + positives === 0 ? null : sum / (negatives + positives);
}
