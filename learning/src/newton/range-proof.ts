// The proof that 64 bits hold every sum of Newton's method: from the plan's ranges, its roster and a largest number of patients a site.
import { WardroundError } from '@wardround/protocol/errors';
import type { NewtonPlan, NewtonProblem } from './newton-plan.ts';

/** A tensor's step, and what one site's integers of it cannot exceed. */
export interface TensorRange {
  readonly stepLog2: number;
  readonly most: bigint;
}

export interface ProvedRange {
  /** The most patients a site may bring. */
  readonly mostRows: number;
  readonly gradient: TensorRange;
  readonly hessian: TensorRange;
  readonly loss: TensorRange;
}

const mostRowsLog2 = 24;
/** A plan must leave room for 16,384 patients a site. */
const leastRowsLog2 = 14;
const finestStepLog2 = -60;

/**
 * The largest power of two of patients a site for which `sites · bound < 2⁶³` at the plan's step for sums; then for each tensor the finest
 * step for which that still holds. So the plan's step is the coarsest: what travels is never less exact. Only the loss may be, which
 * steers but is no part of the result.
 *
 * @throws WardroundError `newton-range` where the plan's step is too fine for its ranges, `standardise-unsupported` for pictures
 */
export function provedRange(plan: NewtonPlan, problem: NewtonProblem): ProvedRange {
  const { stepLog2 } = plan.encoding.sums;
  const sites = plan.sites.roster.length;
  for (let log2 = mostRowsLog2; log2 >= leastRowsLog2; log2 -= 1) {
    const bounds = realBounds({ plan, problem, rows: 2 ** log2 });
    if (isProved(bounds, { stepLog2, sites })) {
      return {
        mostRows: 2 ** log2,
        gradient: finestRange(bounds.gradient, sites),
        hessian: finestRange(bounds.hessian, sites),
        loss: finestRange(bounds.loss, sites),
      };
    }
  }
  throw refused(plan, problem);
}

interface RealBounds {
  readonly gradient: number;
  readonly hessian: number;
  readonly loss: number;
}

interface BoundJob {
  readonly plan: NewtonPlan;
  readonly problem: NewtonProblem;
  readonly rows: number;
}

/**
 * Bounds of one site's sums over `rows` patients. With q ≥ Σ x² of any column: |Σ r·x| ≤ √(Σ r²)·√q and |Σ v·x·x′| ≤ max v · q
 * (Cauchy and Schwarz). Cox: each event adds at most the width w of a column to the gradient, and a covariance, at most w²/4 (Popoviciu),
 * to the Hessian.
 */
function realBounds({ plan, problem, rows }: BoundJob): RealBounds {
  const all = rows * plan.sites.roster.length;
  const { squares, width } = columnBounds(plan, rows);
  switch (problem.model.kind) {
    case 'logisticRegression':
      // At zeros the loss of all sites is n·ln 2, and it is never accepted to grow.
      return { gradient: Math.sqrt(rows * squares), hessian: squares / 4, loss: all };
    case 'linearRegression': {
      const largest = largestLabel(plan);
      return { gradient: 2 * largest * Math.sqrt(rows * squares), hessian: squares, loss: all * largest * largest };
    }
    case 'coxProportionalHazards':
      // At zeros an event adds the logarithm of its risk set: below ln 2³⁴ = 23.6.
      return { gradient: rows * width, hessian: (rows * width * width) / 4, loss: 24 * all };
  }
}

/**
 * The largest Σ x² and the largest max − min of any input column at one site. Standardised by the site itself, with the sample standard
 * deviation of the same rows, Σ x² ≤ n − 1; standardised by all sites' moments, Σ x² over all sites is about N, and twice that is allowed.
 * From (a − b)² ≤ 2(a² + b²): width ≤ √(2·Σ x²).
 */
function columnBounds({ cohort, sites }: NewtonPlan, rows: number): { squares: number; width: number } {
  switch (cohort.standardise) {
    case 'perSite':
      return { squares: rows, width: Math.sqrt(2 * rows) };
    case 'federated': {
      const squares = 2 * rows * sites.roster.length;
      return { squares, width: Math.sqrt(2 * squares) };
    }
    case 'perImage':
      throw new WardroundError('standardise-unsupported', 'exact steps are of columns, not of pictures', {
        where: 'cohort.standardise',
      });
    case 'none': {
      const ranges = cohort.features.map((feature) =>
        feature.type === 'number' ? { min: Number(feature.range.min), max: Number(feature.range.max) } : unit,
      );
      const largest = Math.max(1, ...ranges.map(({ min, max }) => Math.max(Math.abs(min), Math.abs(max))));
      return { squares: rows * largest * largest, width: Math.max(...ranges.map(({ min, max }) => max - min)) };
    }
  }
}

const unit = { min: 0, max: 1 };

function largestLabel({ cohort: { label } }: NewtonPlan): number {
  return label.type === 'number' ? Math.max(Math.abs(Number(label.range.min)), Math.abs(Number(label.range.max))) : 1;
}

/** A bound that floating point may have rounded down is taken a little larger. */
const slack = 1 + 2 ** -20;

function inSteps(bound: number, stepLog2: number): bigint {
  return BigInt(Math.ceil(bound * slack * 2 ** -stepLog2)) + 1n;
}

interface Grid {
  readonly stepLog2: number;
  readonly sites: number;
}

function isProved({ gradient, hessian, loss }: RealBounds, { stepLog2, sites }: Grid): boolean {
  return fits(Math.max(gradient, hessian), { stepLog2, sites }) && fits(loss, { stepLog2: 0, sites });
}

function fits(bound: number, { stepLog2, sites }: Grid): boolean {
  return Number.isFinite(bound * 2 ** -stepLog2) && BigInt(sites) * inSteps(bound, stepLog2) < 1n << 63n;
}

/** @param bound that fits with a step of 1 */
function finestRange(bound: number, sites: number): TensorRange {
  let stepLog2 = finestStepLog2;
  while (stepLog2 < 0 && !fits(bound, { stepLog2, sites })) stepLog2 += 1;
  return { stepLog2, most: inSteps(bound, stepLog2) };
}

function refused(plan: NewtonPlan, problem: NewtonProblem): WardroundError {
  const sites = plan.sites.roster.length;
  const bounds = realBounds({ plan, problem, rows: 2 ** leastRowsLog2 });
  const coarser = finestRange(Math.max(bounds.gradient, bounds.hessian), sites).stepLog2;
  return new WardroundError('newton-range', "the plan's ranges and its step for sums do not fit 64 bits", {
    expected: isProved(bounds, { stepLog2: coarser, sites })
      ? `a step of 2^${coarser} or coarser, narrower ranges, or a standardised cohort`
      : 'narrower ranges, or a standardised cohort',
    got: `2^${plan.encoding.sums.stepLog2}`,
    where: 'encoding.sums.stepLog2',
  });
}
