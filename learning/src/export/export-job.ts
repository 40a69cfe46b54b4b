// What an export is made from, and what every format says about it: inputs, output, and the records from which the model comes.
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount, inputNames } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { ModelPlan } from '../model-shape.ts';

export interface ExportJob {
  readonly plan: ModelPlan;
  readonly model: readonly Tensor[];
  /** Digests by which the records name this model; null for one that no federation trained (`wardround simulate`). */
  readonly origin: ModelOrigin | null;
  /** Where the plan standardises by federated statistics and they were released; null otherwise. */
  readonly scaling: InputScaling | null;
}

/** For each input column what is subtracted from it, and what then divides it. */
export interface InputScaling {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

export interface ModelOrigin {
  readonly study: string;
  readonly model: string;
  readonly receipt: string;
}

type Standardisation = ModelPlan['cohort']['standardise'];

/** What the model's one number for a row is. */
export type OutputMeaning = 'probability' | 'number' | 'relativeHazard';

export function outputMeaning({ model, cohort }: ModelPlan): OutputMeaning {
  if (model.kind === 'coxProportionalHazards') return 'relativeHazard';
  return cohort.label.type === 'binary' ? 'probability' : 'number';
}

/**
 * The metadata that all formats share; values are text. `inputsAre` says what a row must be: `asInTheContract` (numbers in its units, codes
 * as 0 or 1, pixels as 0 to 1), or `standardised`, by `standardise`: by `mean` and `scale` where they are given, a picture by its own
 * (`perImage`), any other row by its hospital's.
 *
 * @param within what the format's model does to its rows by itself, where it can
 * @throws WardroundError `export-scaling` where the scaling is not of the plan's columns
 */
export function provenance(
  job: ExportJob,
  { within }: { within: readonly Standardisation[] },
): Readonly<Record<string, string>> {
  const { plan, origin } = job;
  const scaling = scalingOf(job);
  const { standardise } = plan.cohort;
  const isKnown = standardise === 'perImage' || scaling !== null;
  const isRaw = standardise === 'none' || (isKnown && within.includes(standardise));
  const digests = origin === null ? {} : { study: origin.study, modelDigest: origin.model, receipt: origin.receipt };
  const scales =
    scaling === null ? {} : { mean: JSON.stringify([...scaling.mean]), scale: JSON.stringify([...scaling.scale]) };
  return {
    producer: 'wardround',
    model: plan.model.kind,
    inputs: JSON.stringify(inputNames(plan.cohort)),
    inputsAre: isRaw ? 'asInTheContract' : 'standardised',
    standardise,
    label: JSON.stringify(plan.cohort.label),
    ...scales,
    ...digests,
  };
}

/** The scaling that applies. @throws WardroundError `export-scaling` */
export function scalingOf({ plan: { cohort }, scaling }: ExportJob): InputScaling | null {
  if (scaling === null) return null;
  const columns = inputCount(cohort);
  const isUsable =
    cohort.standardise === 'federated' &&
    scaling.mean.length === columns &&
    scaling.scale.length === columns &&
    scaling.mean.every((value) => Number.isFinite(value)) &&
    scaling.scale.every((value) => Number.isFinite(value) && value > 0);
  if (isUsable) return scaling;
  throw new WardroundError('export-scaling', 'not the means and deviations of the plan’s columns', {
    expected: `${columns} of each, finite, none to divide by 0, for a plan that standardises by federated statistics`,
    got: `${scaling.mean.length} and ${scaling.scale.length}, ${cohort.standardise}`,
    action: 'stop',
  });
}
