// A simulation as one JSON document, and the trace of its global models.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
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
      final: valuesByName(result.model),
    })),
  };
}

/** `{"rounds": [{"weight": [...], "bias": [...]}, ...]}`: the global model after every training round, tensors flat in row-major order. */
export function traceDocument({ rounds }: SimulationResult): { readonly rounds: readonly unknown[] } {
  return {
    rounds: rounds
      .filter(({ report }) => report.task === 'update' || report.task === 'newton')
      .map(({ model }) => valuesByName(model)),
  };
}

function valuesByName(model: readonly Tensor[]): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(model.map(({ name, data }) => [name, Array.from<number | bigint, number>(data, Number)]));
}
