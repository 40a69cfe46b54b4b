// From which instant a policy refuses for the sake of an item: its own dates, and the ages that the policy allows.
import type { Policy } from '../policy/policy.ts';
import type { VerifiedItem } from './verified-item.ts';

export interface RefusalDate {
  readonly at: Date;
  readonly because: string;
}

export interface RefusalTerms {
  /** Null: the item's own dates count alone. */
  readonly policy: Policy | null;
  /** When the item entered, for policies that judge by it. */
  readonly mirroredAt: Date;
}

/** The earliest of the item's end and of the policy's limits. */
export function beginsToRefuse(verified: VerifiedItem, { policy }: RefusalTerms): RefusalDate {
  if (verified.revoked) return { at: verified.issued, because: 'its vendor says that it is revoked' };
  const dates = [{ at: verified.validUntil, because: 'its own dates' }, ...policyDates(verified, policy)];
  return dates.reduce((first, next) => (next.at < first.at ? next : first));
}

function policyDates({ key, issued }: VerifiedItem, policy: Policy | null): readonly RefusalDate[] {
  if (policy === null) return [];
  const after = (seconds: number, because: string): RefusalDate => ({
    at: new Date(issued.getTime() + seconds * 1000),
    because,
  });
  if (key.kind === 'amdCrl') return [after(policy.collateral.maxCrlAgeSeconds, 'maxCrlAgeSeconds of the policy')];
  return [];
}
