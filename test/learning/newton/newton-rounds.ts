// Rounds of Newton's method as a federation runs them: every site's integers, added up as the enclave does, and the enclave's step.
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { newtonLocally } from '@wardround/learning/newton/local-sums';
import type { NewtonPlan } from '@wardround/learning/newton/newton-plan';
import { newtonProblem } from '@wardround/learning/newton/newton-plan';
import { newtonModel, readNewtonState } from '@wardround/learning/newton/newton-state';
import { initialNewtonTensors, newtonTask } from '@wardround/learning/newton/newton-task';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { withSection } from '@wardround/learning/rounds/state-sections';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cohortOf, planOf } from '../plans.ts';

const labelOf = {
  logisticRegression: 'binary',
  linearRegression: 'number',
  coxProportionalHazards: 'survival',
} as const satisfies Partial<Record<StudyPlan['model']['kind'], Cohort['label']['type']>>;

export interface PlanParts {
  readonly model: Extract<StudyPlan['model'], { kind: keyof typeof labelOf }>;
  readonly features?: readonly string[];
  readonly range?: { readonly min: string; readonly max: string };
  readonly standardise?: Cohort['standardise'];
  readonly sites?: number;
  readonly stepLog2?: number;
}

export function newtonPlan({
  model,
  features = ['a', 'b'],
  range,
  standardise,
  sites = 4,
  stepLog2,
}: PlanParts): NewtonPlan {
  const cohort = cohortOf(features, labelOf[model.kind]);
  const bounds = range ?? { min: '-100', max: '100' };
  const label = cohort.label.type === 'number' ? { ...cohort.label, range: bounds } : cohort.label;
  const plan = planOf();
  return {
    model,
    cohort: {
      ...cohort,
      label,
      features: features.map((name) => ({ type: 'number', name, unit: null, range: bounds, missing: 'refuse' })),
      standardise: standardise ?? 'none',
    },
    initialWeights: { method: 'zeros' },
    training: { method: 'newton', tolerance: '0.000000000001' },
    strategy: { name: 'newton' },
    encoding: { ...plan.encoding, sums: { ring: 'int64', stepLog2: stepLog2 ?? -24 } },
    sites: { roster: Array.from({ length: sites }, (_, i) => ({ name: `site-${i}`, agent: 'a'.repeat(64) })) },
  };
}

/** Round 0, as every party computes it. */
export function initialCheckpoint(plan: NewtonPlan): Checkpoint {
  const problem = newtonProblem(plan);
  return {
    round: 0,
    model: newtonModel(problem, new Float64Array(problem.parameters)),
    state: withSection([], 'newton', initialNewtonTensors(plan)),
  };
}

/** One round over these sites, which contribute in this order. */
export function runRound(plan: NewtonPlan, base: Checkpoint, sites: readonly Rows[]): Checkpoint {
  const task = newtonTask(plan);
  const contributions = sites.map((data) => newtonLocally({ plan, base, data }).integers);
  const sums = task.tensors.map(({ shape }, tensor) => {
    const total = new BigInt64Array(shape[0] ?? 0);
    for (const integers of contributions) {
      integers[tensor]?.forEach((value, i) => {
        const limit = task.limits[tensor];
        if (limit?.kind !== 'range' || value < limit.least || value > limit.most) throw new Error('beyond the limit');
        total[i] = (total[i] ?? 0n) + value;
      });
    }
    return total;
  });
  return {
    round: base.round + 1,
    ...task.next({ base, sums, totalWeight: sites.length, contributors: sites.length, each: [] }),
  };
}

export function runRounds(plan: NewtonPlan, sites: readonly Rows[], rounds: number): Checkpoint {
  let checkpoint = initialCheckpoint(plan);
  for (let round = 1; round <= rounds; round += 1) checkpoint = runRound(plan, checkpoint, sites);
  return checkpoint;
}

/** The float64 coefficients of a checkpoint: columns, then the intercept where there is one. */
export function solutionOf(plan: NewtonPlan, { state }: Checkpoint): readonly number[] {
  return [...readNewtonState(newtonProblem(plan), state).solution];
}

export function largestGap(got: readonly number[], expected: readonly number[]): number {
  if (got.length !== expected.length) return Number.NaN;
  return Math.max(...got.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))));
}
