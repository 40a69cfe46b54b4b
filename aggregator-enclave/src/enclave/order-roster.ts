// Who an order is given to: the approved sites with their weights, all together below 2³², none above the plan's largest share.
import type { RoundOrder } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { AbsenteeCode } from '@wardround/protocol/refusal-codes';
import type { VerifiedApproval } from './approvals.ts';
import { exceeds } from './conditions.ts';

const maxTotalWeight = 2 ** 32 - 1;

/**
 * The order's roster, and for each site of the plan's roster that is not in it, why. Where the weights together reach 2³² the largest are
 * left out, largest first: the sums must not wrap. Of what is left, so are those above the plan's largest share, where enough others remain:
 * every site refuses an order in which one would weigh more than agreed, and one that claims too much must not stop the others.
 */
export function orderRoster(
  plan: StudyPlan,
  approvals: ReadonlyMap<string, VerifiedApproval>,
): { entries: RoundOrder['roster']; leftOut: ReadonlyMap<string, AbsenteeCode> } {
  const summed = withoutWrapping(approvals);
  const shared = withinShare(plan, summed);
  const kept = shared.length < plan.sites.minimum ? summed : shared;
  const ordered = new Set(kept.map(([site]) => site));
  const leftOut = new Map<string, AbsenteeCode>();
  const entries: RoundOrder['roster'] = [];
  for (const { name, agent } of plan.sites.roster) {
    const approval = approvals.get(name);
    if (approval === undefined) leftOut.set(name, 'not-approved');
    else if (!ordered.has(name)) leftOut.set(name, 'weight-left-out');
    else entries.push({ name, agent, weight: approval.value.weight });
  }
  return { entries, leftOut };
}

/** Who is asked for a checkpoint: everybody, whatever they weigh, because nothing is summed. */
export function recallRoster(plan: StudyPlan, approvals: ReadonlyMap<string, VerifiedApproval>): RoundOrder['roster'] {
  return plan.sites.roster.flatMap(({ name, agent }) => {
    const weight = approvals.get(name)?.value.weight;
    return weight === undefined ? [] : [{ name, agent, weight }];
  });
}

type Approved = readonly [site: string, approval: VerifiedApproval];

function withoutWrapping(approvals: ReadonlyMap<string, VerifiedApproval>): readonly Approved[] {
  const lightestFirst = [...approvals].toSorted(
    ([a, x], [b, y]) => x.value.weight - y.value.weight || (a < b ? -1 : 1),
  );
  let total = 0;
  return lightestFirst.filter(([, { value }]) => {
    total += value.weight;
    return total <= maxTotalWeight;
  });
}

/** As the close of a round does: again and again those whose share of what remains is too large. */
function withinShare({ sites: { maxShare } }: StudyPlan, approvals: readonly Approved[]): readonly Approved[] {
  for (let current = approvals; ;) {
    const total = current.reduce((sum, [, { value }]) => sum + BigInt(value.weight), 0n);
    const within = current.filter(([, { value }]) => !exceeds(value.weight, total, maxShare));
    if (within.length === current.length) return current;
    current = within;
  }
}
