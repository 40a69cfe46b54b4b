// A simulation as one JSON document, and the trace of its global models.
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { type NewtonReport, newtonReport } from '@wardround/learning/newton/newton-task';
import { readSection } from '@wardround/learning/rounds/state-sections';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { SimulationResult } from './run-simulation.ts';
import type { EncodedSites } from './simulated-sites.ts';
import type { MeasuredVariant } from './tidy.ts';

export interface SimulationParts {
  readonly measured: readonly (MeasuredVariant & { readonly plan: StudyPlan })[];
  readonly unfit: EncodedSites['unfit'];
  readonly backend: string;
}

export function simulationDocument({ measured, unfit, backend }: SimulationParts): Readonly<Record<string, unknown>> {
  return {
    kind: 'Simulation',
    attestation: 'not-exercised',
    backend,
    notTakingPart: unfit,
    runs: measured.map(({ variant, changes, seed, plan, result }) => ({
      variant,
      changes,
      seed,
      title: plan.title,
      model: plan.model.kind,
      strategy: plan.strategy.name,
      sites: plan.sites.roster.length,
      rounds: result.rounds.map(({ report }) => report),
      comparisons: result.comparisons,
      fit: fitOf(plan, result.final),
      final: valuesByName(result.final),
    })),
  };
}

/** What Newton's method found, with standard errors; null for other training. */
export function fitOf(plan: StudyPlan, { state }: Checkpoint): NewtonReport | null {
  return plan.training.method === 'newton' ? newtonReport(plan, state) : null;
}

/** `{"rounds": [{"weight": [...], "bias": [...]}, ...]}`: the global model after every training round, tensors flat in row-major order. */
export function traceDocument({ rounds }: SimulationResult): { readonly rounds: readonly unknown[] } {
  return {
    rounds: rounds
      .filter(({ report }) => report.task === 'update' || report.task === 'newton')
      .map(({ checkpoint }) => valuesByName(checkpoint)),
  };
}

/** In float64 where the enclave has it so (Newton's method), else as the float32 model says. */
function valuesByName({ model, state }: Checkpoint): Readonly<Record<string, readonly number[]>> {
  const solution = readSection(state, 'newton');
  return Object.fromEntries(
    model.map(({ name, data }) => {
      const exact = solution.find((tensor) => tensor.name === `solution.${name}`);
      return [name, Array.from<number | bigint, number>((exact ?? { data }).data, Number)];
    }),
  );
}
