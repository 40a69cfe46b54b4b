// What the federation was worth to a site, for that site alone: every metric of the plan on its own test rows, under the federated model and
// under one that it could have trained by itself. Nothing of this is contributed.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Checkpoint } from '../checkpoint.ts';
import { type OwnResult, ownResults } from '../metrics/own-results.ts';
import type { Rows, SiteRows } from '../rounds/site-rows.ts';
import { simulateStudy } from '../simulation/simulate-study.ts';
import { classWeightsOf, fixedWeights } from '../statistics/class-weights.ts';
import { prepared } from '../statistics/prepared.ts';
import { standardised } from '../statistics/standardise.ts';
import { withPersonal } from '../strategies/personal-layers.ts';
import { answersOf } from './answers.ts';
import type { Backend } from './backend.ts';
import { trainLocalBaseline } from './local-baseline.ts';

export interface OwnComparisonJob {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  readonly site: string;
  /** As the data have them. */
  readonly data: SiteRows;
  /** After the study's last round. */
  readonly final: Checkpoint;
  /** What the site kept of the last round that counted it. */
  readonly kept: readonly Tensor[];
}

export interface OwnComparison {
  readonly testRows: number;
  /** In the order of the plan's metrics; both models are resampled alike. */
  readonly federated: readonly OwnResult[];
  readonly local: readonly OwnResult[];
}

/** @throws WardroundError those of `trainLocalBaseline`, `simulateStudy` and `answersOf` */
export async function compareOnOwnRows(job: OwnComparisonJob): Promise<OwnComparison> {
  const { plan, data, final, kept } = job;
  const { test } = prepared({ plan, data, state: final.state }).data;
  const federated = resultsOf(job, withPersonal(final.model, kept, plan), test);
  const alone = await trainAlone(job);
  return { testRows: test.rows, federated, local: resultsOf(job, alone.model, alone.test) };
}

function resultsOf(
  { backend, plan, site }: OwnComparisonJob,
  model: readonly Tensor[],
  rows: Rows,
): readonly OwnResult[] {
  return ownResults({
    plan,
    site,
    predictions: answersOf({ backend, plan, model, rows }),
    labels: rows.labels,
    ...(rows.events === undefined ? {} : { events: rows.events }),
  });
}

interface Alone {
  readonly model: readonly Tensor[];
  /** Standardised as this model's training rows were. */
  readonly test: Rows;
}

async function trainAlone(job: OwnComparisonJob): Promise<Alone> {
  const { backend, plan, site, data } = job;
  const sums = plan.training.method === 'newton' || plan.model.kind === 'gradientBoostedTrees';
  if (sums) return await studyOfOne(job);
  const own = withOwnStatistics(plan, data);
  const { train, test } = standardised(own, [], data);
  return { model: await trainLocalBaseline({ backend, plan: own, data: train, site }), test };
}

/** What the plan takes from all sites' statistics, from this site's own. A site with one class weighs nothing. */
function withOwnStatistics(plan: StudyPlan, { train }: SiteRows): StudyPlan {
  const { cohort } = plan;
  const positives = Array.from(train.labels).filter((label) => label === 1).length;
  const hasBoth = positives > 0 && positives < train.rows;
  return {
    ...fixedWeights(plan, hasBoth ? classWeightsOf({ rows: train.rows, positives, minimum: 1 }) : [1, 1]),
    cohort: { ...cohort, standardise: cohort.standardise === 'federated' ? 'perSite' : cohort.standardise },
  };
}

/** The same study with one site in it. */
async function studyOfOne({ backend, plan, site, data }: OwnComparisonJob): Promise<Alone> {
  const alone: StudyPlan = {
    ...plan,
    evaluation: { ...plan.evaluation, metrics: [], everyRounds: 0, minimumCell: 1 },
    sites: {
      ...plan.sites,
      minimum: 1,
      maxShare: '1',
      roster: plan.sites.roster.filter(({ name }) => name === site),
    },
  };
  let last: Checkpoint = { round: 0, model: [], state: [] };
  for await (const { checkpoint } of simulateStudy({ backend, plan: alone, sites: [{ name: site, data, weight: 1 }] }))
    last = checkpoint;
  return { model: last.model, test: standardised(alone, last.state, data).test };
}
