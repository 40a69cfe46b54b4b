// Cox's partial likelihood of one stratum: the exact negative log-likelihood with gradient and Hessian, ties after Breslow or Efron.
import { WardroundError } from '@wardround/protocol/errors';
import type { NewtonSums } from '../newton/layout.ts';
import { addOuter, addScaled, dot } from '../newton/regression-sums.ts';
import { packedLength } from '../newton/symmetric.ts';
import type { Rows } from '../rounds/site-rows.ts';

export type Ties = 'breslow' | 'efron';
/** `labels` are times, `events` say which of them end with the event. */
export type SurvivalRows = Rows & { readonly events: Float64Array };

/** @throws WardroundError `cox-data` where the rows have no events, or not as many as times */
export function requireSurvival(data: Rows): SurvivalRows {
  const { rows, labels, events } = data;
  if (events === undefined || events.length !== rows || labels.length !== rows) {
    throw new WardroundError('cox-data', 'survival rows need a time and an event each', { where: 'events' });
  }
  return { ...data, events };
}

/**
 * −log L and its derivatives at `coefficients`. The site is a stratum of its own: its risk sets hold its own patients only, so summing over
 * sites gives exactly the stratified model of all of them. A risk set at t has everybody whose time is t or later.
 *
 * Source: Efron, "The Efficiency of Cox's Likelihood Function for Censored Data", JASA 72, 1977; Breslow, Biometrics 30, 1974; formulas as in
 * Therneau and Grambsch, "Modeling Survival Data", 2000, sections 3.1 and 3.3.
 */
export function partialLikelihood(data: SurvivalRows, ties: Ties, coefficients: Float64Array): NewtonSums {
  const patients = centredPatients(data, coefficients);
  const walk = new RiskSetWalk(coefficients.length);
  const sums = emptySums(coefficients.length);
  let loss = 0;
  let events = 0;
  for (const group of groupsByTime(data, 'latestFirst')) {
    walk.enter(group.map((row) => patients[row] ?? nobody));
    const failing = group.filter((row) => data.events[row] === 1).map((row) => patients[row] ?? nobody);
    if (failing.length === 0) continue;
    events += failing.length;
    for (const { x, risk } of failing) {
      loss -= risk;
      addScaled(sums.gradient, x, -1);
    }
    const tied = walk.sumOver(failing);
    for (const share of tiedShares(failing.length, ties)) loss += walk.addTerm(sums, { tied, share });
  }
  return { ...sums, loss, rows: data.rows, events };
}

/** For each of the tied events, the share of the tied patients' risk that has already left the risk set. */
export function tiedShares(events: number, ties: Ties): readonly number[] {
  return Array.from({ length: events }, (_, i) => (ties === 'efron' ? i / events : 0));
}

/** Rows of equal time together. */
export function* groupsByTime(
  { rows, labels }: Pick<SurvivalRows, 'rows' | 'labels'>,
  order: 'latestFirst' | 'earliestFirst',
): Generator<readonly number[]> {
  const sign = order === 'latestFirst' ? -1 : 1;
  const sorted = Array.from({ length: rows }, (_, row) => row).toSorted(
    (a, b) => sign * ((labels[a] ?? 0) - (labels[b] ?? 0)) || a - b,
  );
  for (let start = 0; start < rows;) {
    const time = labels[sorted[start] ?? 0];
    let end = start + 1;
    while (end < rows && labels[sorted[end] ?? 0] === time) end += 1;
    yield sorted.slice(start, end);
    start = end;
  }
}

interface Derivatives {
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
}

/** Σ r, Σ r·x and Σ r·x·xᵀ with r = exp(risk − reference). */
interface Moments {
  total: number;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

interface Patient {
  readonly x: Float64Array;
  /** The linear predictor. */
  readonly risk: number;
}

const nobody: Patient = { x: new Float64Array(0), risk: Number.NaN };

/** The moments of a risk set that only grows. The reference follows the largest risk, so no exponential overflows and none that matters vanishes. */
class RiskSetWalk {
  readonly #size: number;
  readonly #all: Moments;
  #reference = Number.NEGATIVE_INFINITY;

  constructor(size: number) {
    this.#size = size;
    this.#all = emptyMoments(size);
  }

  enter(patients: readonly Patient[]): void {
    for (const { x, risk } of patients) {
      if (risk > this.#reference) {
        rescale(this.#all, Math.exp(this.#reference - risk));
        this.#reference = risk;
      }
      addPatient(this.#all, x, Math.exp(risk - this.#reference));
    }
  }

  sumOver(patients: readonly Patient[]): Moments {
    const moments = emptyMoments(this.#size);
    for (const { x, risk } of patients) addPatient(moments, x, Math.exp(risk - this.#reference));
    return moments;
  }

  /** One event's term: adds mean and covariance of the risk set less `share` of the tied, and gives the logarithm of its total. */
  addTerm(
    { gradient, hessian }: Derivatives,
    { tied, share }: { readonly tied: Moments; readonly share: number },
  ): number {
    const all = this.#all;
    const total = all.total - share * tied.total;
    const mean = all.first.map((value, j) => (value - share * (tied.first[j] ?? 0)) / total);
    addScaled(gradient, mean, 1);
    for (let j = 0; j < hessian.length; j += 1) {
      hessian[j] = (hessian[j] ?? 0) + ((all.second[j] ?? 0) - share * (tied.second[j] ?? 0)) / total;
    }
    addOuter(hessian, mean, -1);
    return this.#reference + Math.log(total);
  }
}

function emptyMoments(size: number): Moments {
  return { total: 0, first: new Float64Array(size), second: new Float64Array(packedLength(size)) };
}

function emptySums(size: number): Derivatives {
  return { gradient: new Float64Array(size), hessian: new Float64Array(packedLength(size)) };
}

function addPatient(moments: Moments, x: Float64Array, r: number): void {
  moments.total += r;
  addScaled(moments.first, x, r);
  addOuter(moments.second, x, r);
}

function rescale(moments: Moments, factor: number): void {
  moments.total *= factor;
  for (const values of [moments.first, moments.second]) {
    for (let j = 0; j < values.length; j += 1) values[j] = (values[j] ?? 0) * factor;
  }
}

/** Every column less its mean: the likelihood does not change by it, and covariances keep their digits. */
function centredPatients({ rows, features }: SurvivalRows, coefficients: Float64Array): readonly Patient[] {
  const size = coefficients.length;
  const means = new Float64Array(size);
  for (let i = 0; i < rows * size; i += 1) means[i % size] = (means[i % size] ?? 0) + (features[i] ?? 0);
  for (let j = 0; j < size; j += 1) means[j] = (means[j] ?? 0) / rows;
  return Array.from({ length: rows }, (_, row) => {
    const x = means.map((mean, j) => (features[row * size + j] ?? Number.NaN) - mean);
    return { x, risk: dot(x, coefficients) };
  });
}
