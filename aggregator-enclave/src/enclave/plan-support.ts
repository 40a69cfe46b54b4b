// Whether this enclave can run a plan at all, and the weaknesses that everybody in it must have named.
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { Platform } from './ports.ts';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { requireResearcher } from '@wardround/protocol/federation-view';
import { thumbprint } from '@wardround/protocol/keys';
import { leastContributorsOf } from '@wardround/protocol/plan/strategy-problems';
import { taskOfStage } from '@wardround/learning/rounds/round-task';
import { requireHoldable } from './kept-integers.ts';
import { boundingStages } from '@wardround/protocol/schedule';

/**
 * What the enclave itself must be able to do; how a site trains is the site's own affair.
 *
 * @throws WardroundError `plan-unsupported` naming the path, `plan-roster`, `plan-minimum`, `researcher-unknown`, and those of `taskOfStage`
 */
export function requireSupportedPlan(plan: StudyPlan, federation: FederationView, platform: Platform): void {
  requireResearcher(federation, plan.researcher);
  requireRoster(plan, federation);
  requireTasks(plan);
  if (plan.initialWeights.method === 'importedWeights')
    requireValue('initialWeights.method', 'importedWeights', 'zeros or seeded');
  requireValue('privacy.mode', plan.privacy.mode, 'noDifferentialPrivacy');
  requireValue('masking.mode', plan.masking.mode, 'unmasked');
  requireValue('encoding.update.ring', plan.encoding.update.ring, 'int32');
  requireMachine(plan, platform);
  requireValue('log.mode', federation.log.mode, 'unwitnessed');
}

/** The weaknesses of the plan and its federation; an approval that does not name each does not count. */
export function weaknessesOf(plan: StudyPlan, federation: FederationView): readonly Weakness[] {
  const weaknesses: Weakness[] = [];
  if (plan.privacy.mode === 'noDifferentialPrivacy') weaknesses.push('noDifferentialPrivacy');
  if (plan.masking.mode === 'unmasked') weaknesses.push('unmasked');
  if (plan.initialWeights.method === 'importedWeights') weaknesses.push('importedWeights');
  if (plan.strategy.name === 'selectingRule') weaknesses.push('selectingRule');
  if (federation.log.mode === 'unwitnessed') weaknesses.push('unwitnessed');
  return weaknesses;
}

/** Every sort of round that the plan schedules, before anybody is asked for one. */
function requireTasks(plan: StudyPlan): void {
  for (const stage of boundingStages(plan)) requireHoldable(taskOfStage(plan, stage), plan.sites.roster.length);
}

/** A plan that wants a GPU where there is none would fail at every site; so would one that wants none where one is shown. */
function requireMachine({ attestation }: StudyPlan, { kind, gpu }: Platform): void {
  requireValue('attestation.gpu', attestation.gpu, gpu === undefined ? 'unused' : 'required');
  if (attestation.platforms.includes(kind)) return;
  requireValue('attestation.platforms', attestation.platforms.join(', '), kind);
}

function requireRoster(plan: StudyPlan, federation: FederationView): void {
  const { roster, minimum } = plan.sites;
  for (const { name, agent } of roster) {
    const member = federation.sites.find((site) => site.name === name);
    if (member === undefined || thumbprint(member.keys.agent) !== agent) {
      throw new WardroundError('plan-roster', 'a site of the roster is not the member of that name', { got: name });
    }
  }
  const least = leastContributorsOf(plan.strategy, federation.colludingSites);
  if (minimum < least || minimum > roster.length) {
    throw new WardroundError('plan-minimum', 'the least number of contributing sites does not fit the federation', {
      expected: `${least} to ${roster.length}`,
      got: String(minimum),
    });
  }
}

function requireValue(where: string, got: string, expected: string): void {
  if (got !== expected) {
    throw new WardroundError('plan-unsupported', 'this version of the enclave cannot run that', {
      where,
      expected: expected === '' ? 'none' : expected,
      got,
    });
  }
}
