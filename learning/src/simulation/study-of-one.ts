// What a site would have had alone, or everybody with all rows in one place: the same plan with one site in it.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Checkpoint } from '../checkpoint.ts';
import type { SiteRows } from '../rounds/site-rows.ts';
import { classWeightsOf, fixedWeights } from '../statistics/class-weights.ts';
import type { Backend } from '../tfjs/backend.ts';
import { simulateStudy } from './simulate-study.ts';

export interface StudyOfOneJob {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  /** Whose name separates its seeded batches. */
  readonly site: string;
  /** As the data have them. */
  readonly data: SiteRows;
  /** In the place of the plan's initial weights. */
  readonly initialModel?: readonly Tensor[];
}

export interface StudyOfOne {
  /** What was carried out: `prepared` with it and the checkpoint's state gives rows as this model knows them. */
  readonly plan: StudyPlan;
  readonly checkpoint: Checkpoint;
}

/** As many rounds and steps as the plan has. @throws WardroundError those of `simulateStudy` */
export async function studyOfOne({ backend, plan, site, data, initialModel }: StudyOfOneJob): Promise<StudyOfOne> {
  const alone = planOfOne(plan, site, data);
  let last: Checkpoint = { round: 0, model: [], state: [] };
  for await (const { checkpoint } of simulateStudy({
    backend,
    plan: alone,
    sites: [{ name: site, data, weight: 1 }],
    ...(initialModel === undefined ? {} : { initialModel }),
  }))
    last = checkpoint;
  return { plan: alone, checkpoint: last };
}

/** No strategy between sites, nothing measured on the way, and no cell too small: nobody else is shown anything. */
function planOfOne(plan: StudyPlan, name: string, data: SiteRows): StudyPlan {
  const isTrees = plan.model.kind === 'gradientBoostedTrees';
  return {
    ...withOwnClassWeights(plan, data),
    strategy: isTrees || plan.training.method === 'newton' ? plan.strategy : { name: 'fedAvg' },
    // Trees ask at their quantiles.
    statistics: isTrees ? plan.statistics : [],
    evaluation: { ...plan.evaluation, metrics: [], everyRounds: 0, minimumCell: 1 },
    sites: { ...plan.sites, minimum: 1, maxShare: '1', roster: [{ name, agent: plan.federation }] },
  };
}

/** From these rows alone. Where they have one class only, no class weighs more. */
function withOwnClassWeights(plan: StudyPlan, { train }: SiteRows): StudyPlan {
  const positives = Array.from(train.labels).filter((label) => label === 1).length;
  const hasBoth = positives > 0 && positives < train.rows;
  return fixedWeights(plan, hasBoth ? classWeightsOf({ rows: train.rows, positives, minimum: 1 }) : [1, 1]);
}
