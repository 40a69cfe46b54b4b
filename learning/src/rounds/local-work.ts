// A site's part of one round: from the base checkpoint and its own rows to the integers that it contributes. What it keeps for itself
// (SCAFFOLD's variates, personal layers) becomes its state only when the receipt counts this contribution.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { type Stage, stageOf } from '@wardround/protocol/schedule';
import type { Checkpoint } from '../checkpoint.ts';
import { newtonLocally } from '../newton/local-sums.ts';
import type { Backend } from '../tfjs/backend.ts';
import { localStatistics } from '../statistics/local-statistics.ts';
import { prepared } from '../statistics/prepared.ts';
import { evaluateLocally } from '../tfjs/local-evaluation.ts';
import { updateLocally } from '../tfjs/local-update.ts';
import { stoppingEarly } from '../training/stopping-site.ts';
import { treesContribution } from '../trees/local.ts';
import type { SiteRows } from './site-rows.ts';
import type { Integers } from './round-task.ts';

export interface LocalRequest {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  /** The site's name in the roster. */
  readonly site: string;
  /** Of the study, from 1. */
  readonly round: number;
  readonly base: Checkpoint;
  readonly data: SiteRows;
  /** What the site kept of the last round that counted it; empty before. */
  readonly kept: readonly Tensor[];
  /** Instead of the plan's seeded order, for one training round: `simulate --batch-order` and tests. */
  readonly batches?: Iterable<Uint32Array>;
}

export interface LocalContribution {
  /** As the round's task lays them out. */
  readonly integers: Integers;
  /** The site's own state if this contribution is counted. */
  readonly kept: readonly Tensor[];
  /** Mean training loss, for the site's own log; null where nothing was trained. */
  readonly loss: number | null;
}

export type StageRequest<T extends Stage['task']> = LocalRequest & { readonly stage: Extract<Stage, { task: T }> };

/** @throws WardroundError those of the task; nothing is contributed then */
export async function workLocally(request: LocalRequest): Promise<LocalContribution> {
  const stage = stageOf(request.plan, request.round);
  switch (stage.task) {
    case 'update':
      return await stoppingEarly({ ...request, ...ready(request), stage }, updateLocally);
    case 'statistics':
      return { integers: localStatistics(request.plan, request.data), kept: request.kept, loss: null };
    case 'evaluation':
      return evaluateLocally({ ...request, ...ready(request), stage });
    case 'newton':
      if (request.plan.model.kind === 'gradientBoostedTrees') return treesLocally({ ...request, stage });
      return newtonRound({ ...request, ...ready(request) });
  }
}

function newtonRound({ plan, base, data, kept }: LocalRequest): LocalContribution {
  return { ...newtonLocally({ plan, base, data: data.train }), kept };
}

function treesLocally({ plan, base, data, kept, stage }: StageRequest<'newton'>): LocalContribution {
  const integers = treesContribution({ plan, base, trainingRound: stage.trainingRound, data: data.train });
  return { integers, kept, loss: null };
}

/** After the statistics: class weights filled in, rows standardised. */
function ready({ plan, data, base }: LocalRequest): Pick<LocalRequest, 'plan' | 'data'> {
  return prepared({ plan, data, state: base.state });
}
