// A site's own conditions on who contributes beside it: peers that it counts, and how much any one of them weighs.
import type { Approval } from '@wardround/protocol/documents/consent';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Verified } from '@wardround/protocol/documents/signed';
import { parseDecimal } from '@wardround/protocol/decimal';
import { refused } from './refusal.ts';

export interface Weighed {
  readonly name: string;
  /** Thumbprint of the agent key. */
  readonly agent: string;
  readonly weight: number;
}

/**
 * At least max(K, its own minimum) contributors that it counts, itself included, and no share above the smaller of the plan's and its own.
 *
 * @throws WardroundError `CODE-peers`, `CODE-share`
 */
export function requireConditions({
  code,
  plan,
  approval,
  contributors,
  skip = false,
}: {
  code: 'order' | 'receipt';
  plan: StudyPlan;
  approval: Verified<'Approval'>;
  contributors: readonly Weighed[];
  skip?: boolean;
}): void {
  if (skip) return;
  const { value } = approval;
  const peers = new Set(value.peers);
  const counted = contributors.filter(({ name, agent }) => name === value.site || peers.has(agent)).length;
  const needed = Math.max(plan.sites.minimum, value.minimumContributors);
  if (counted < needed) {
    throw refused(`${code}-peers`, 'too few contributors that this site counts', {
      expected: String(needed),
      got: String(counted),
    });
  }
  const total = contributors.reduce((sum, { weight }) => sum + weight, 0);
  for (const maxShare of sharesOf(plan, value)) {
    const heavy = contributors.find(({ weight }) => exceeds({ weight, total, maxShare }));
    if (heavy !== undefined) {
      throw refused(`${code}-share`, 'one site would weigh more than agreed', {
        expected: `at most ${maxShare}`,
        got: heavy.name,
      });
    }
  }
}

function sharesOf(plan: StudyPlan, approval: Approval): readonly string[] {
  return [plan.sites.maxShare, approval.maxShare];
}

/** weight / total > maxShare, exactly: both sides of the protocol must decide alike. */
function exceeds({ weight, total, maxShare }: { weight: number; total: number; maxShare: string }): boolean {
  const { numerator, denominator } = parseDecimal(maxShare);
  return BigInt(weight) * denominator > numerator * BigInt(total);
}
