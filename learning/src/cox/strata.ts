// Which patients are compared with each other in Cox's model: those of one site.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';

export type CoxModel = Extract<StudyPlan['model'], { kind: 'coxProportionalHazards' }>;

/**
 * A risk set over all sites would need every patient's time outside its hospital; a stratum a site needs sums only.
 *
 * @throws WardroundError `cox-stratify`
 */
export function requireStrata({ stratify }: CoxModel): void {
  if (stratify === 'bySite') return;
  throw new WardroundError(
    'cox-stratify',
    "risk sets over all sites would need each patient's time to leave the site",
    {
      expected: 'bySite: every site keeps its own baseline hazard, the coefficients are shared',
      got: stratify,
      where: 'model.stratify',
    },
  );
}
