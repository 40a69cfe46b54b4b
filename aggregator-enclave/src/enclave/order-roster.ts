// Who an order is given to: the approved sites with their weights, all weights together below 2³².
import type { RoundOrder } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { AbsenteeCode } from '@wardround/protocol/refusal-codes';
import type { VerifiedApproval } from './approvals.ts';

const maxTotalWeight = 2 ** 32 - 1;

/**
 * The order's roster, and for each site of the plan's roster that is not in it, why. Where the weights together reach 2³² the largest are
 * left out, largest first: the sums must not wrap, and one site that claims too much must not stop the others.
 */
export function orderRoster(
  plan: StudyPlan,
  approvals: ReadonlyMap<string, VerifiedApproval>,
): { entries: RoundOrder['roster']; leftOut: ReadonlyMap<string, AbsenteeCode> } {
  const heaviest = new Set(tooHeavy([...approvals]));
  const leftOut = new Map<string, AbsenteeCode>();
  const entries: RoundOrder['roster'] = [];
  for (const { name, agent } of plan.sites.roster) {
    const approval = approvals.get(name);
    if (approval === undefined) leftOut.set(name, 'not-approved');
    else if (heaviest.has(name)) leftOut.set(name, 'weight-left-out');
    else entries.push({ name, agent, weight: approval.value.weight });
  }
  return { entries, leftOut };
}

function tooHeavy(approvals: readonly (readonly [string, VerifiedApproval])[]): readonly string[] {
  const lightestFirst = approvals.toSorted(([a, x], [b, y]) => x.value.weight - y.value.weight || (a < b ? -1 : 1));
  let total = 0;
  return lightestFirst.flatMap(([site, { value }]) => {
    total += value.weight;
    return total > maxTotalWeight ? [site] : [];
  });
}
