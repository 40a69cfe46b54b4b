// Two sums that differ by few patients, or by one hospital, tell of those few: a plan without differential privacy that would allow it is refused.
import { readdir } from 'node:fs/promises';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { SitePaths } from '../config/site-paths.ts';
import type { SnapshotChoice } from '../vault/files.ts';
import { signedApprovals } from './inbox-writer.ts';
import { type ReadStudy, readStudy } from './read-study.ts';

/**
 * Against every study that this site approved before on the same population.
 *
 * @throws WardroundError `approve-differencing` naming the earlier study
 */
export async function requireNoDifferencing(
  { paths, site }: { paths: SitePaths; site: string },
  { plan, federation }: ReadStudy,
  choice: SnapshotChoice,
): Promise<void> {
  if (plan.value.privacy.mode !== 'noDifferentialPrivacy') return;
  const key = federation.sites.find(({ name }) => name === site)?.keys.approval;
  if (key === undefined) return;
  for (const study of (await readdir(paths.studies)).filter((name) => name !== plan.digest)) {
    const commitments = new Set(
      (await signedApprovals(paths, study, key)).map(({ value }) => value.snapshotCommitment),
    );
    if (commitments.size === 0) continue;
    const earlier = await readStudy(paths, study);
    const choices = (await earlier.files.readChoices(study)).filter(({ commitment }) => commitments.has(commitment));
    requireApart(plan.value, earlier.plan.value, study);
    for (const other of choices) requireRowsApart(plan.value, { rows: choice.rows, earlier: other.rows, study });
  }
}

function requireApart(plan: StudyPlan, earlier: StudyPlan, study: string): void {
  if (plan.cohort.population !== earlier.cohort.population) return;
  const now = new Set(plan.sites.roster.map(({ name }) => name));
  const before = new Set(earlier.sites.roster.map(({ name }) => name));
  const onlyOne =
    [...now].filter((name) => !before.has(name)).length + [...before].filter((name) => !now.has(name)).length;
  if (onlyOne === 1) throw differs('its roster differs by one site', study);
}

function requireRowsApart(
  plan: StudyPlan,
  { rows, earlier, study }: { rows: number; earlier: number; study: string },
): void {
  const difference = Math.abs(rows - earlier);
  if (difference > 0 && difference < plan.evaluation.minimumCell)
    throw differs('its cohort differs by a few patients', study);
}

function differs(how: string, study: string): WardroundError {
  return new WardroundError(
    'approve-differencing',
    `refused against an earlier study: ${how}, so the difference of the two would tell of them`,
    {
      where: study,
      action: 'stop',
    },
  );
}
