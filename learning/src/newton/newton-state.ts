// The enclave's memory of a Newton fit, in float64, as tensors of the checkpoint's section `newton`; and what it says to people.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import { readSection } from '../rounds/state-sections.ts';
import { type Float32Tensor, type Float64Tensor, requireFloat64 } from '../tensor-view.ts';
import { type NewtonProblem, newtonShapes } from './newton-plan.ts';

/** Vectors are [parameters]: a coefficient for each column, then the intercept where there is one. */
export interface NewtonState {
  /** Where the sites evaluate next, or where the fit ended. */
  readonly solution: Float64Array;
  /** The best coefficients evaluated so far, and their penalised negative log-likelihood; null before the first round. */
  readonly accepted: { readonly coefficients: Float64Array; readonly objective: number } | null;
  /** At `accepted`, from the inverse of the pooled Hessian. */
  readonly standardErrors: Float64Array;
  readonly converged: boolean;
  /** Rounds that brought sums, and how many of them took a step back. */
  readonly iterations: number;
  readonly stepsBack: number;
  /** gᵀH⁻¹g of the last full step: its squared length in standard errors. */
  readonly decrement: number;
  /** Patients, and those with the event, in the sums behind `accepted`. */
  readonly rows: number;
  readonly events: number;
}

const families = ['solution', 'accepted', 'standardError'] as const;
const progressName = 'progress';
const progressLength = 8;

/** Zeros: what every party computes for round 0. */
export function initialNewtonState(problem: NewtonProblem): NewtonState {
  const { parameters } = problem;
  return {
    solution: new Float64Array(parameters),
    accepted: null,
    standardErrors: new Float64Array(parameters),
    converged: false,
    iterations: 0,
    stepsBack: 0,
    decrement: 0,
    rows: 0,
    events: 0,
  };
}

/** The section's tensors: `solution.weight`, `solution.bias`, the same of `accepted` and `standardError`, and `progress`. Always one size. */
export function writeNewtonState(problem: NewtonProblem, state: NewtonState): readonly Float64Tensor[] {
  const { accepted } = state;
  const vectors = [
    state.solution,
    accepted?.coefficients ?? new Float64Array(problem.parameters),
    state.standardErrors,
  ];
  const progress = Float64Array.of(
    accepted === null ? 0 : 1,
    accepted?.objective ?? 0,
    state.converged ? 1 : 0,
    state.iterations,
    state.stepsBack,
    state.decrement,
    state.rows,
    state.events,
  );
  return [
    ...families.flatMap((family, i) => asTensors(problem, family, vectors[i] ?? new Float64Array(0))),
    { name: progressName, shape: [progressLength], dtype: 'F64', data: progress },
  ];
}

/** @param state the checkpoint's @throws WardroundError `tensors-mismatch`, `tensors-not-finite` */
export function readNewtonState(problem: NewtonProblem, state: readonly Tensor[]): NewtonState {
  const shapes = [
    ...families.flatMap((family) =>
      newtonShapes(problem).map(({ name, shape }) => ({ name: `${family}.${name}`, shape })),
    ),
    { name: progressName, shape: [progressLength] },
  ];
  const tensors = requireFloat64(readSection(state, 'newton'), shapes);
  const [solution, coefficients, standardErrors] = families.map((_, i) =>
    asVector(problem, tensors[2 * i]?.data, tensors[2 * i + 1]?.data),
  );
  const [hasAccepted, objective = 0, converged, iterations = 0, stepsBack = 0, decrement = 0, rows = 0, events = 0] =
    tensors.at(-1)?.data ?? [];
  if (solution === undefined || coefficients === undefined || standardErrors === undefined) {
    throw new WardroundError('tensors-mismatch', 'not the state of a Newton fit', { action: 'stop' });
  }
  return {
    solution,
    accepted: hasAccepted === 1 ? { coefficients, objective } : null,
    standardErrors,
    converged: converged === 1,
    iterations,
    stepsBack,
    decrement,
    rows,
    events,
  };
}

/** The float32 model that travels as every other model does; proofs and papers take the float64 of the state. */
export function newtonModel(problem: NewtonProblem, coefficients: Float64Array): readonly Float32Tensor[] {
  return asTensors(problem, null, coefficients).map(({ name, shape, data }) => ({
    name,
    shape,
    dtype: 'F32',
    data: Float32Array.from(data),
  }));
}

function asTensors(problem: NewtonProblem, family: string | null, vector: Float64Array): readonly Float64Tensor[] {
  const { inputs } = problem;
  const parts = [vector.slice(0, inputs), Float64Array.of(vector[inputs] ?? 0)];
  return newtonShapes(problem).map(({ name, shape }, i) => ({
    name: family === null ? name : `${family}.${name}`,
    shape,
    dtype: 'F64',
    data: Float64Array.from(parts[i] ?? []),
  }));
}

function asVector(
  { parameters }: NewtonProblem,
  weight: Float64Array | undefined,
  bias: Float64Array | undefined,
): Float64Array {
  return Float64Array.from([...(weight ?? []), ...(bias ?? [])].slice(0, parameters));
}
