// A round of Newton's method, at the site: its own patients' sums at the base's float64 coefficients, as integers.
import { WardroundError } from '@wardround/protocol/errors';
import type { Checkpoint } from '../checkpoint.ts';
import { partialLikelihood, requireSurvival } from '../cox/partial-likelihood.ts';
import type { Rows } from '../rounds/site-rows.ts';
import { type NewtonSums, encodeSums, newtonLayout } from './layout.ts';
import { type NewtonPlan, type NewtonProblem, newtonProblem } from './newton-plan.ts';
import { readNewtonState } from './newton-state.ts';
import { regressionSums } from './regression-sums.ts';

export interface NewtonRequest {
  readonly plan: NewtonPlan;
  readonly base: Checkpoint;
  /** This site's training rows, standardised as the plan says. */
  readonly data: Rows;
}

export interface NewtonContribution {
  readonly integers: readonly BigInt64Array<ArrayBuffer>[];
  /** Negative log-likelihood a patient at the base, for the site's own log. */
  readonly loss: number;
}

/**
 * The same plan, base and rows give the same integers on one release (`Math.exp` and `Math.log` are the engine's).
 *
 * @throws WardroundError as `newtonProblem`, and `newton-range`, `newton-rows` (more patients than the plan's proof allows, or none),
 * `newton-data` (sizes, or a value that is not finite), `cox-data`, `tensors-mismatch`
 */
export function newtonLocally({ plan, base, data }: NewtonRequest): NewtonContribution {
  const problem = newtonProblem(plan);
  const layout = newtonLayout(plan, problem);
  requireRows(problem, data, layout.range.mostRows);
  const sums = localSums(problem, data, readNewtonState(problem, base.state).solution);
  return { integers: encodeSums(sums, layout), loss: sums.loss / data.rows };
}

/** The sums in float64, before they become integers. @throws WardroundError `cox-data` */
export function localSums({ model }: NewtonProblem, data: Rows, coefficients: Float64Array): NewtonSums {
  return model.kind === 'coxProportionalHazards'
    ? partialLikelihood(requireSurvival(data), model.ties, coefficients)
    : regressionSums(model.kind, data, coefficients);
}

/** The number itself is the site's own business: only the limit is named. */
function requireRows({ inputs }: NewtonProblem, { rows, features, labels }: Rows, mostRows: number): void {
  if (!(rows >= 1 && rows <= mostRows)) {
    throw new WardroundError('newton-rows', 'not a number of patients that the plan can carry', {
      expected: `1 to ${mostRows}`,
      where: 'encoding.sums.stepLog2',
      action: 'stop',
    });
  }
  const fits = features.length === rows * inputs && labels.length === rows;
  if (!fits || !features.every((value) => Number.isFinite(value)) || !labels.every((value) => Number.isFinite(value))) {
    throw new WardroundError('newton-data', 'the data do not fit the model', {
      expected: `${inputs} finite features and one finite label a row`,
      action: 'stop',
    });
  }
}
