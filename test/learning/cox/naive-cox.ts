// Cox's model once more, written to be plain and different: O(n²) sums of each patient's own risk set, full matrices, Gauss with pivots.
import type { SurvivalRows } from '@wardround/learning/cox/partial-likelihood';

export interface NaiveFit {
  readonly coefficients: readonly number[];
  readonly logLikelihood: number;
}

interface Evaluation {
  readonly logLikelihood: number;
  readonly score: number[];
  readonly information: number[][];
}

/** Newton's method over any number of strata until nothing moves. */
export function naiveCox(strata: readonly SurvivalRows[], ties: 'breslow' | 'efron', penalty = 0): NaiveFit {
  const size = (strata[0]?.features.length ?? 0) / (strata[0]?.rows ?? 1);
  let coefficients: number[] = Array.from({ length: size }, () => 0);
  for (let iteration = 0; iteration < 30; iteration += 1) {
    const { score, information } = evaluateNaively(strata, ties, coefficients);
    const right = score.map((value, j) => value - penalty * (coefficients[j] ?? 0));
    const left = information.map((row, i) => row.map((value, j) => value + (i === j ? penalty : 0)));
    const step = gauss(left, right);
    coefficients = coefficients.map((value, j) => value + (step[j] ?? Number.NaN));
  }
  return { coefficients, logLikelihood: evaluateNaively(strata, ties, coefficients).logLikelihood };
}

export function evaluateNaively(
  strata: readonly SurvivalRows[],
  ties: 'breslow' | 'efron',
  coefficients: readonly number[],
): Evaluation {
  const size = coefficients.length;
  const score: number[] = Array.from({ length: size }, () => 0);
  const information = Array.from({ length: size }, () => Array.from({ length: size }, () => 0));
  let logLikelihood = 0;
  for (const { rows, features, labels, events } of strata) {
    const x = Array.from({ length: rows }, (_, i) => Array.from(features.subarray(i * size, (i + 1) * size)));
    const risk = x.map((row) => row.reduce((sum, value, j) => sum + value * (coefficients[j] ?? 0), 0));
    for (let i = 0; i < rows; i += 1) {
      if (events[i] !== 1) continue;
      const tied = x.map((_, k) => labels[k] === labels[i] && events[k] === 1);
      const before = tied.filter((is, k) => is && k < i).length;
      const share = ties === 'efron' ? before / tied.filter(Boolean).length : 0;
      const weight = x.map((_, k) =>
        (labels[k] ?? 0) >= (labels[i] ?? 0) ? Math.exp(risk[k] ?? 0) * (tied[k] === true ? 1 - share : 1) : 0,
      );
      const total = weight.reduce((sum, value) => sum + value, 0);
      const mean = (of: (row: readonly number[]) => number): number =>
        x.reduce((sum, row, k) => sum + ((weight[k] ?? 0) / total) * of(row), 0);
      const means = score.map((_, a) => mean((row) => row[a] ?? 0));
      logLikelihood += (risk[i] ?? 0) - Math.log(total);
      for (let a = 0; a < size; a += 1) {
        score[a] = (score[a] ?? 0) + (x[i]?.[a] ?? 0) - (means[a] ?? 0);
        for (let b = 0; b < size; b += 1) {
          const covariance = mean((row) => ((row[a] ?? 0) - (means[a] ?? 0)) * ((row[b] ?? 0) - (means[b] ?? 0)));
          const line = information[a] ?? [];
          line[b] = (line[b] ?? 0) + covariance;
        }
      }
    }
  }
  return { logLikelihood, score, information };
}

function gauss(left: readonly (readonly number[])[], right: readonly number[]): readonly number[] {
  const rows = left.map((row, i) => [...row, right[i] ?? 0]);
  const size = rows.length;
  for (let pivot = 0; pivot < size; pivot += 1) {
    const rest = rows.slice(pivot).toSorted((a, b) => Math.abs(b[pivot] ?? 0) - Math.abs(a[pivot] ?? 0));
    rows.splice(pivot, size - pivot, ...rest);
    const line = rows[pivot] ?? [];
    rows.forEach((row, i) => {
      if (i === pivot) return;
      const factor = (row[pivot] ?? 0) / (line[pivot] ?? Number.NaN);
      line.forEach((value, j) => (row[j] = (row[j] ?? 0) - factor * value));
    });
  }
  return rows.map((row, i) => (row[size] ?? 0) / (row[i] ?? Number.NaN));
}
