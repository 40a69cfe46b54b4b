// A round of Newton's method, on the enclave's side: what every site sends, what it may be at most, and the step that the sums make.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { ClosedContributions, NextContent, RoundTask } from '../rounds/round-task.ts';
import { withSection } from '../rounds/state-sections.ts';
import { decodeSums, exactStep, newtonLayout } from './layout.ts';
import { type NewtonPlan, newtonProblem } from './newton-plan.ts';
import { initialNewtonState, newtonModel, readNewtonState, writeNewtonState } from './newton-state.ts';
import { newtonStep } from './newton-step.ts';
import type { TensorRange } from './range-proof.ts';

/**
 * For logistic and linear regression, and Cox's model stratified by site. The sums are unweighted: a patient counts once, wherever it is.
 *
 * @throws WardroundError as `newtonProblem`, and `newton-range`; the task's `next`: `sums-mismatch`, `tensors-mismatch`, `newton-singular`,
 * `newton-separated`, `newton-diverged`
 */
export function newtonTask(plan: NewtonPlan): RoundTask {
  const problem = newtonProblem(plan);
  const layout = newtonLayout(plan, problem);
  return {
    tensors: layout.tensors,
    limits: layout.tensors.map(({ name }, i) => {
      const most = layout.most[i] ?? 0n;
      const isSum = name === 'newton.gradient' || name === 'newton.hessian';
      return { kind: 'range', least: isSum ? -most : 0n, most };
    }),
    reads: 'sums',
    next: ({ base, sums, contributors }: ClosedContributions): NextContent => {
      requireContributors(contributors);
      const state = newtonStep({
        problem,
        state: readNewtonState(problem, base.state),
        sums: decodeSums(sums, layout),
        rounding: {
          gradient: roundingOf(layout.range.gradient, contributors),
          hessian: roundingOf(layout.range.hessian, contributors),
          loss: roundingOf(layout.range.loss, contributors),
        },
      });
      return {
        model: newtonModel(problem, state.solution),
        state: withSection(base.state, 'newton', writeNewtonState(problem, state)),
      };
    },
  };
}

/** The section `newton` of round 0's state. @throws as `newtonProblem`, and `newton-range` */
export function initialNewtonTensors(plan: NewtonPlan): readonly Tensor[] {
  const problem = newtonProblem(plan);
  newtonLayout(plan, problem);
  return writeNewtonState(problem, initialNewtonState(problem));
}

/** What a fit says at its end, in float64. */
export interface NewtonReport {
  readonly coefficients: readonly {
    readonly name: string;
    readonly value: number;
    readonly standardError: number;
  }[];
  readonly converged: boolean;
  readonly iterations: number;
  /** Penalised negative log-likelihood at the last accepted coefficients; null before the first round. */
  readonly objective: number | null;
  readonly rows: number;
  readonly events: number;
}

/** @param state of any checkpoint of the study @throws as `newtonProblem`, and `tensors-mismatch` */
export function newtonReport(plan: NewtonPlan, state: readonly Tensor[]): NewtonReport {
  const problem = newtonProblem(plan);
  const fit = readNewtonState(problem, state);
  return {
    coefficients: problem.names.map((name, j) => ({
      name,
      value: fit.solution[j] ?? Number.NaN,
      standardError: fit.standardErrors[j] ?? Number.NaN,
    })),
    converged: fit.converged,
    iterations: fit.iterations,
    objective: fit.accepted?.objective ?? null,
    rows: fit.rows,
    events: fit.events,
  };
}

/** Every contributor rounds to the nearest step. */
function roundingOf({ stepLog2 }: TensorRange, contributors: number): number {
  return (contributors * exactStep(stepLog2)) / 2;
}

function requireContributors(contributors: number): void {
  if (Number.isSafeInteger(contributors) && contributors > 0) return;
  throw new WardroundError('sums-mismatch', 'sums of nobody', { got: String(contributors), action: 'stop' });
}
