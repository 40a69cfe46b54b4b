// One step of Newton's method from pooled sums: forward by H⁻¹g, or half of the last step back where it went too far. + − × ÷ √ only.
import { WardroundError } from '@wardround/protocol/errors';
import type { NewtonSums } from './layout.ts';
import type { NewtonProblem } from './newton-plan.ts';
import type { NewtonState } from './newton-state.ts';
import { dot } from './regression-sums.ts';
import { diagonalAt, factorise, inverseDiagonal, solve } from './symmetric.ts';

export interface NewtonMove {
  readonly problem: NewtonProblem;
  readonly state: NewtonState;
  /** Over all contributors, at the coefficients `state.solution`. */
  readonly sums: NewtonSums;
  /** How far rounding to integers may have moved any one element of each. */
  readonly rounding: { readonly gradient: number; readonly hessian: number; readonly loss: number };
}

/** A loss a patient below this is no fit but a separation: every outcome is explained, and coefficients would grow for ever. */
const leastMeanLoss = 1e-6;
const mostStepsBack = 60;

/**
 * Minimises Σ loss + λ/2·‖weights‖², intercept not penalised. After convergence the state stays as it is.
 *
 * A round whose objective is larger than the best one's is a step too far: the next round tries half of it. Where the patients behind the
 * two sums differ (a site came or went), they cannot be compared, and the new sums are simply believed.
 *
 * NVFlare's federated Newton (`newton_raphson` example) sends sums that count each patient twice and penalises the Hessian only; here each
 * patient is counted once, and what is minimised is the objective above.
 *
 * Source: Boyd and Vandenberghe, "Convex Optimization", 2004, section 9.5 (damping by halves; the decrement as the stopping rule).
 *
 * @throws WardroundError `newton-singular`, `newton-separated`, `newton-diverged`
 */
export function newtonStep(move: NewtonMove): NewtonState {
  const { state, sums } = move;
  if (state.converged) return state;
  const objective = objectiveOf(move);
  return requireFinite(wentTooFar(move, objective) ? halfBack(state) : forward(move, objective), sums);
}

/** λ/2·‖weights‖² + Σ loss. */
function objectiveOf({ problem, state, sums }: NewtonMove): number {
  const weights = state.solution.subarray(0, problem.inputs);
  return sums.loss + (problem.l2 / 2) * dot(weights, weights);
}

function wentTooFar({ state, sums, rounding }: NewtonMove, objective: number): boolean {
  const { accepted } = state;
  if (accepted === null || state.rows !== sums.rows || state.events !== sums.events) return false;
  const resolution = 1e-9 * (1 + Math.abs(accepted.objective)) + 2 * rounding.loss;
  return objective > accepted.objective + resolution;
}

function halfBack(state: NewtonState): NewtonState {
  const best = state.accepted?.coefficients ?? state.solution;
  if (state.stepsBack >= mostStepsBack)
    throw diverged('half steps that end in a better fit', `${state.stepsBack} half steps`);
  return {
    ...state,
    solution: state.solution.map((value, j) => (value + (best[j] ?? 0)) / 2),
    iterations: state.iterations + 1,
    stepsBack: state.stepsBack + 1,
  };
}

function forward(move: NewtonMove, objective: number): NewtonState {
  const { problem, state, sums, rounding } = move;
  requireNotSeparated(problem, sums);
  const gradient = penalisedGradient(problem, state.solution, sums.gradient);
  const factor = factorise({
    size: problem.parameters,
    packed: penalisedHessian(problem, sums.hessian),
    // The spectral norm of a matrix whose elements are off by at most e is at most size · e.
    uncertainty: problem.parameters * rounding.hessian,
    names: problem.names,
  });
  const step = solve(factor, gradient);
  const decrement = dot(gradient, step);
  const variances = inverseDiagonal(factor);
  // What the plan's integers cannot show cannot be asked for: eᵀH⁻¹e with e the rounding of each gradient element, bounded by the trace.
  const trace = variances.reduce((sum, value) => sum + value, 0);
  const unseen = problem.parameters * rounding.gradient * rounding.gradient * trace;
  return {
    solution: state.solution.map((value, j) => value - (step[j] ?? 0)),
    accepted: { coefficients: state.solution, objective },
    standardErrors: standardErrors({ problem, sums, variances }),
    converged: decrement <= Math.max(problem.tolerance, unseen),
    iterations: state.iterations + 1,
    stepsBack: state.stepsBack,
    decrement,
    rows: sums.rows,
    events: sums.events,
  };
}

function penalisedGradient(
  { inputs, l2 }: NewtonProblem,
  solution: Float64Array,
  gradient: Float64Array,
): Float64Array {
  return gradient.map((value, j) => (j < inputs ? value + l2 * (solution[j] ?? 0) : value));
}

function penalisedHessian({ inputs, parameters, l2 }: NewtonProblem, hessian: Float64Array): Float64Array {
  const penalised = Float64Array.from(hessian);
  for (let j = 0; j < inputs; j += 1) {
    const at = diagonalAt(parameters, j);
    penalised[at] = (penalised[at] ?? 0) + l2;
  }
  return penalised;
}

interface ErrorsJob {
  readonly problem: NewtonProblem;
  readonly sums: NewtonSums;
  readonly variances: Float64Array;
}

/** √ of the inverse Hessian's diagonal; a linear model's by its residual variance, or 0 where no residual is left. */
function standardErrors({ problem, sums, variances }: ErrorsJob): Float64Array {
  const freedom = sums.rows - problem.parameters;
  const residual = freedom > 0 ? (2 * sums.loss) / freedom : 0;
  const scale = problem.model.kind === 'linearRegression' ? residual : 1;
  return variances.map((variance) => Math.sqrt(variance * scale));
}

/** Only a linear model may fit without error, and only without a penalty do coefficients grow for ever. */
function requireNotSeparated({ model, l2 }: NewtonProblem, { loss, rows, events }: NewtonSums): void {
  if (model.kind === 'linearRegression' || l2 > 0) return;
  const terms = model.kind === 'logisticRegression' ? rows : events;
  if (loss >= leastMeanLoss * terms && terms > 0) return;
  throw new WardroundError(
    'newton-separated',
    'the columns explain every outcome, so no finite coefficients fit best',
    {
      expected: 'model.l2 above 0, or fewer columns, or more patients with and without the event',
      where: 'model.l2',
      action: 'stop',
    },
  );
}

function requireFinite(state: NewtonState, { loss }: NewtonSums): NewtonState {
  const float32Limit = 3.4028234663852886e38;
  if (!Number.isFinite(loss) || !state.solution.every((value) => Math.abs(value) <= float32Limit)) {
    throw diverged('finite coefficients', 'NaN or infinity');
  }
  return state;
}

function diverged(expected: string, got: string): WardroundError {
  return new WardroundError('newton-diverged', "Newton's method found no better coefficients", {
    expected,
    got,
    where: 'model.l2',
    action: 'stop',
  });
}
