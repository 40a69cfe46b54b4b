// What goes with a released model, from verified records: where it comes from, who contributed, what protects the patients and what does not.
// The sections follow Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
import type { Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { inputCount, inputNames } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { outputMeaning } from '@wardround/learning/export/export-job';
import { UNVERIFIED_enclaveMeasurements } from './measurements.ts';
import type { ModelCard } from './model-card-schema.ts';
import { limits, outOfScope, use, weaknessMeanings } from './model-card-words.ts';
import type { ReleasedFigures } from './released-figures.ts';
import type { ReleasedModel } from './released-model.ts';
import { cosigners, roundStates } from './rounds.ts';

export interface CardSubject {
  readonly released: ReleasedModel;
  readonly model: readonly Tensor[];
  readonly figures: ReleasedFigures;
  /** Whether the rows are of real patients, where somebody knows it. */
  readonly provenance: ModelCard['data']['provenance'];
}

/** The caller verified the records, the receipt and the model (`findRelease`, `openRelease`). */
export function modelCard(records: StudyRecords, { released, model, figures, provenance }: CardSubject): ModelCard {
  const plan = records.plan.value;
  const { release, receipt, consents } = released;
  return {
    kind: 'ModelCard',
    version: 1,
    title: plan.title,
    intendedUse: {
      purpose: plan.purpose.text,
      ethics: plan.purpose.ethics,
      use,
      outOfScope: [...outOfScope(plan)],
      limits: [...limits(plan, figures.evaluations.at(-1))],
    },
    model: {
      digest: release.value.model,
      declaration: plan.model,
      parameters: model.reduce((sum, { data }) => sum + data.length, 0),
      inputs: [...inputNames(plan.cohort)],
      inputColumns: inputCount(plan.cohort),
      output: outputMeaning(plan),
      formats: plan.release.formats,
    },
    data: data(plan, figures, provenance),
    cohorts: cohorts(records),
    training: {
      strategy: plan.strategy,
      rounds: plan.rounds,
      method: plan.training,
      initialWeights: plan.initialWeights,
      encoding: plan.encoding,
    },
    metrics: { planned: plan.evaluation.metrics, evaluations: figures.evaluations },
    privacy: privacy(records),
    enclave: {
      release: plan.attestation.release,
      platforms: plan.attestation.platforms,
      gpu: plan.attestation.gpu,
      measurements: [...UNVERIFIED_enclaveMeasurements(records)],
      backend: receipt.value.backend,
    },
    records: {
      study: records.study,
      federation: records.federation.federation,
      receipt: receipt.digest,
      closedAt: receipt.value.closedAt,
      cosignedBy: [...cosigners(records, receipt.digest)],
      researcher: plan.researcher,
      releasedBy: release.value.site,
      releasedAt: release.value.releasedAt,
      consents: consents.map(({ value }) => value.site).toSorted(),
    },
  };
}

function data(
  { cohort }: StudyPlan,
  { statistics }: ReleasedFigures,
  provenance: ModelCard['data']['provenance'],
): ModelCard['data'] {
  const { population, source, features, label, standardise, split, minimumRows, minimumEvents } = cohort;
  return {
    provenance,
    population,
    source,
    features,
    label,
    standardise,
    split,
    minimumRows,
    minimumEvents,
    statistics,
  };
}

/**
 * A card goes further than the board: it is printed in papers. So a weight that counts patients is left out where it is below the plan's
 * smallest cell, and the total with it where the other weights would give the missing one away.
 */
function cohorts(records: StudyRecords): ModelCard['cohorts'] {
  const { weighting, evaluation, sites } = records.plan.value;
  const { minimumCell } = evaluation;
  const receipts = closedReceipts(records);
  const isTold = (weight: number): boolean => weighting === 'equal' || weight >= minimumCell;
  const told = sites.roster.map(({ name: site }) => {
    const entries = receipts.flatMap(({ value }) =>
      value.contributors.filter((contributor) => contributor.site === site),
    );
    const weight = entries.at(-1)?.weight ?? null;
    return { site, rounds: entries.length, weight: weight === null || isTold(weight) ? weight : null };
  });
  const last = receipts.at(-1)?.value;
  const hidden = last?.contributors.filter(({ weight }) => !isTold(weight)) ?? [];
  const totalWeight = last === undefined || hidden.length === 1 ? null : last.totalWeight;
  return { weighting, minimumCell, totalWeight, sites: told, rounds: runsOf(receipts) };
}

function closedReceipts(records: StudyRecords): readonly Verified<'RoundReceipt'>[] {
  return roundStates(records).flatMap(({ closed }) => (closed === null ? [] : [closed]));
}

type Runs = ModelCard['cohorts']['rounds'];

function runsOf(receipts: readonly Verified<'RoundReceipt'>[]): Runs {
  const runs: Runs = [];
  for (const { value } of receipts) {
    const { round, task } = value;
    const contributors = value.contributors.map(({ site }) => site);
    const last = runs.at(-1);
    const isSame =
      last !== undefined &&
      JSON.stringify([last.task, last.contributors, last.absent]) ===
        JSON.stringify([task, contributors, value.absentees]);
    if (isSame) last.to = round;
    else runs.push({ from: round, to: round, task, contributors, absent: value.absentees });
  }
  return runs;
}

function privacy(records: StudyRecords): ModelCard['privacy'] {
  const plan = records.plan.value;
  const names = new Set(records.of('Approval').flatMap(({ value }) => value.acceptedWeaknesses));
  return {
    guarantee: guarantee(plan.privacy),
    mechanism: plan.privacy,
    masking: plan.masking,
    minimumContributors: plan.sites.minimum,
    maxShare: plan.sites.maxShare,
    weaknesses: [...names].toSorted().map((name) => ({ name, meaning: weaknessMeanings[name] })),
  };
}

/** No differential privacy is `unbounded`, never 0 and never left out. */
function guarantee(mechanism: StudyPlan['privacy']): ModelCard['privacy']['guarantee'] {
  if (mechanism.mode === 'noDifferentialPrivacy') return { kind: 'unbounded' };
  return { kind: 'bounded', epsilon: mechanism.epsilon, delta: mechanism.delta };
}
