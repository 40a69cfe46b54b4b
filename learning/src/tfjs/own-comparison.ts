// What the federation was worth to a site, for that site alone: every metric of the plan on its own test rows, under the federated model and
// under one that it could have trained by itself. Nothing of this is contributed.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Checkpoint } from '../checkpoint.ts';
import { type OwnResult, ownResults } from '../metrics/own-results.ts';
import type { Rows, SiteRows } from '../rounds/site-rows.ts';
import { studyOfOne } from '../simulation/study-of-one.ts';
import { prepared } from '../statistics/prepared.ts';
import { withPersonal } from '../strategies/personal-layers.ts';
import { answersOf } from './answers.ts';
import type { Backend } from './backend.ts';

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

/** @throws WardroundError those of `studyOfOne` and `answersOf` */
export async function compareOnOwnRows(job: OwnComparisonJob): Promise<OwnComparison> {
  const { plan, data, final, kept } = job;
  const { test } = prepared({ plan, data, state: final.state }).data;
  const federated = resultsOf(job, withPersonal(final.model, kept, plan), test);
  const alone = await studyOfOne(job);
  const own = prepared({ plan: alone.plan, data, state: alone.checkpoint.state }).data;
  return { testRows: test.rows, federated, local: resultsOf(job, alone.checkpoint.model, own.test) };
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
