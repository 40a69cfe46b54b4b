// One site's sums for logistic and linear regression: loss, gradient and Hessian of the negative log-likelihood at given coefficients.
import type { Rows } from '../rounds/site-rows.ts';
import type { NewtonSums } from './layout.ts';
import { diagonalAt, packedLength } from './symmetric.ts';

/** How one patient adds to the sums, from what the model says (log-odds, or the label) and from the label. */
interface Share {
  readonly loss: number;
  /** Derivative of the loss by what the model says, first and second. */
  readonly slope: number;
  readonly curvature: number;
}

export type RegressionKind = 'logisticRegression' | 'linearRegression';

/**
 * Σ loss, Σ slope·x and Σ curvature·x·xᵀ with x = (features, 1): logistic −log p(label), slope p − y, curvature p(1 − p); linear ½(ŷ − y)²,
 * slope ŷ − y, curvature 1.
 *
 * @param coefficients one a column, then the intercept
 */
export function regressionSums(kind: RegressionKind, data: Rows, coefficients: Float64Array): NewtonSums {
  const size = coefficients.length;
  const share = kind === 'logisticRegression' ? logisticShare : squaredShare;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(packedLength(size));
  const x = new Float64Array(size).fill(1);
  let loss = 0;
  let events = 0;
  for (let row = 0; row < data.rows; row += 1) {
    for (let j = 0; j < size - 1; j += 1) x[j] = data.features[row * (size - 1) + j] ?? Number.NaN;
    const label = data.labels[row] ?? Number.NaN;
    const patient = share(dot(x, coefficients), label);
    loss += patient.loss;
    if (kind === 'logisticRegression' && label === 1) events += 1;
    addScaled(gradient, x, patient.slope);
    addOuter(hessian, x, patient.curvature);
  }
  return { gradient, hessian, loss, rows: data.rows, events };
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j += 1) sum += (a[j] ?? 0) * (b[j] ?? 0);
  return sum;
}

/** sums += scale · x */
export function addScaled(sums: Float64Array, x: Float64Array, scale: number): void {
  for (let j = 0; j < x.length; j += 1) sums[j] = (sums[j] ?? 0) + scale * (x[j] ?? 0);
}

/** packed += scale · x·xᵀ */
export function addOuter(packed: Float64Array, x: Float64Array, scale: number): void {
  const size = x.length;
  for (let i = 0; i < size; i += 1) {
    const start = diagonalAt(size, i) - i;
    const factor = scale * (x[i] ?? 0);
    for (let j = i; j < size; j += 1) packed[start + j] = (packed[start + j] ?? 0) + factor * (x[j] ?? 0);
  }
}

/** Written with e = exp(−|log-odds|), so that nothing overflows and small probabilities keep their digits. */
function logisticShare(logOdds: number, label: number): Share {
  const e = Math.exp(-Math.abs(logOdds));
  const probability = logOdds >= 0 ? 1 / (1 + e) : e / (1 + e);
  return {
    loss: Math.max(logOdds, 0) - label * logOdds + Math.log1p(e),
    slope: probability - label,
    curvature: e / ((1 + e) * (1 + e)),
  };
}

function squaredShare(answer: number, label: number): Share {
  const slope = answer - label;
  return { loss: (slope * slope) / 2, slope, curvature: 1 };
}
