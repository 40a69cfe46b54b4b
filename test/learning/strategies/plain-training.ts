// Local training and strategies once more, in plain float64 from the papers: logistic regression by stochastic gradients, no tfjs, no integers.
import type { Rows } from '@wardround/learning/rounds/site-rows';

export type Vector = readonly number[];

/** Mean gradient of the logistic loss over a batch; the last value of w is the intercept. */
export function gradient(w: Vector, { features, labels }: Rows, batch: Uint32Array): Vector {
  const inputs = w.length - 1;
  const total = w.map(() => 0);
  for (const row of batch) {
    const x = [...features.subarray(row * inputs, (row + 1) * inputs), 1];
    const z = x.reduce((sum, value, j) => sum + value * (w[j] ?? 0), 0);
    const error = 1 / (1 + Math.exp(-z)) - (labels[row] ?? 0);
    x.forEach((value, j) => {
      total[j] = (total[j] ?? 0) + (error * value) / batch.length;
    });
  }
  return total;
}

export interface LocalSgd {
  readonly start: Vector;
  readonly rows: Rows;
  readonly batches: Iterable<Uint32Array>;
  readonly learningRate: number;
  readonly momentum?: number;
  /** Added to every gradient. */
  readonly correction?: Vector;
  /** FedProx: the gradient of μ/2·‖y − start‖². */
  readonly mu?: number;
}

/** y after all batches. */
export function localSgd({
  start,
  rows,
  batches,
  learningRate,
  momentum = 0,
  correction = [],
  mu = 0,
}: LocalSgd): Vector {
  let y = start;
  let velocity: Vector = start.map(() => 0);
  for (const batch of batches) {
    const g = gradient(y, rows, batch);
    const pull = times(minus(y, start), mu);
    velocity = velocity.map((v, j) => momentum * v + (g[j] ?? 0) + (correction[j] ?? 0) + (pull[j] ?? 0));
    y = y.map((value, j) => value - learningRate * (velocity[j] ?? 0));
  }
  return y;
}

export const minus = (a: Vector, b: Vector): Vector => a.map((value, j) => value - (b[j] ?? 0));
export const plus = (a: Vector, b: Vector): Vector => a.map((value, j) => value + (b[j] ?? 0));
export const times = (a: Vector, factor: number): Vector => a.map((value) => value * factor);

/** Σ shareᵢ·vᵢ. */
export function combine(vectors: readonly Vector[], shares: Vector): Vector {
  return vectors.reduce<Vector>(
    (sum, vector, i) => plus(sum, times(vector, shares[i] ?? 0)),
    (vectors[0] ?? []).map(() => 0),
  );
}

export const mean = (vectors: readonly Vector[]): Vector =>
  combine(
    vectors,
    vectors.map(() => 1 / vectors.length),
  );
