// What a strategy changes in a site's own work: where its training starts, what is added to its gradients, what it sends, what it keeps.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Checkpoint } from '../checkpoint.ts';
import type { Integers } from '../rounds/round-task.ts';
import { quantiseUpdate } from '../update.ts';
import { descentOf } from './descent.ts';
import { ownSteps } from './fed-nova.ts';
import { fedNovaUpdate } from './fed-nova-site.ts';
import { keepPersonal, personalNames, withPersonal } from './personal-layers.ts';
import { gradientCorrection, scaffoldUpdate } from './scaffold-site.ts';

/** What a site has before its round: the base that everybody has, and what it kept for itself of the last round that counted it. */
export interface SiteState {
  readonly plan: Pick<StudyPlan, 'encoding' | 'strategy' | 'training'>;
  readonly base: Pick<Checkpoint, 'model' | 'state'>;
  readonly kept: readonly Tensor[];
}

/** And after its training. */
export interface TrainedSite extends SiteState {
  /** Of the local training, from the model of `trainingStart`. */
  readonly local: readonly Tensor[];
  readonly rows: number;
}

export interface TrainingStart {
  readonly model: readonly Tensor[];
  /** Optimiser steps that this site makes in this round. */
  readonly steps: number;
  /** Added to the gradient of each tensor at every step; absent for most strategies. */
  readonly correction?: readonly Float64Array[];
}

export interface SiteUpdate {
  /** As `updateRule(plan).tensors` lays them out. */
  readonly integers: Integers;
  readonly kept: readonly Tensor[];
}

/** @throws WardroundError `tensors-mismatch`, `tensors-not-finite`, `training-unsupported` */
export function trainingStart({ plan, base, kept }: SiteState, rows: number): TrainingStart {
  const model = withPersonal(base.model, kept, plan);
  return {
    model,
    steps: localSteps(plan, rows),
    ...(plan.strategy.name === 'scaffold' ? { correction: gradientCorrection({ base, kept }) } : {}),
  };
}

/** Optimiser steps that a site with so many training rows makes in a round: the plan's, but for FedNova. @throws WardroundError `training-unsupported` */
export function localSteps(plan: Pick<StudyPlan, 'strategy' | 'training'>, rows: number): number {
  return plan.strategy.name === 'fedNova' ? ownSteps(plan, rows) : descentOf(plan).steps;
}

/** @throws WardroundError as `quantiseUpdate` */
export function updateOf(site: TrainedSite): SiteUpdate {
  switch (site.plan.strategy.name) {
    case 'scaffold':
      return scaffoldUpdate(site);
    case 'fedNova':
      return fedNovaUpdate(site);
    default:
      return sharedDifference(site);
  }
}

/** local − base of the tensors that are not the site's own. */
function sharedDifference({ plan, base, local }: TrainedSite): SiteUpdate {
  const personal = personalNames(plan);
  const isShared = ({ name }: Tensor): boolean => !personal.includes(name);
  const { tensors } = quantiseUpdate(
    { base: base.model.filter(isShared), local: local.filter(isShared) },
    plan.encoding.update,
  );
  return { integers: tensors.map(({ data }) => data), kept: keepPersonal(local, plan) };
}
