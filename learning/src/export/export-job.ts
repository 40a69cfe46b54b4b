// What an export is made from, and what every format says about it: inputs, output, and the records from which the model comes.
import { inputNames } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { ModelPlan } from '../model-shape.ts';

export interface ExportJob {
  readonly plan: ModelPlan;
  readonly model: readonly Tensor[];
  /** Digests by which the records name this model; null for one that no federation trained (`wardround simulate`). */
  readonly origin: ModelOrigin | null;
}

export interface ModelOrigin {
  readonly study: string;
  readonly model: string;
  readonly receipt: string;
}

/** What the model's one number for a row is. */
export type OutputMeaning = 'probability' | 'number' | 'relativeHazard';

export function outputMeaning({ model, cohort }: ModelPlan): OutputMeaning {
  if (model.kind === 'coxProportionalHazards') return 'relativeHazard';
  return cohort.label.type === 'binary' ? 'probability' : 'number';
}

/** The metadata that all formats share; values are text. */
export function provenance({ plan, origin }: ExportJob): Readonly<Record<string, string>> {
  const digests = origin === null ? {} : { study: origin.study, modelDigest: origin.model, receipt: origin.receipt };
  return {
    producer: 'wardround',
    model: plan.model.kind,
    inputs: JSON.stringify(inputNames(plan.cohort)),
    standardise: plan.cohort.standardise,
    label: JSON.stringify(plan.cohort.label),
    ...digests,
  };
}
