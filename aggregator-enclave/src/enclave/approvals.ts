// The approvals that hold now: each site's newest, neither withdrawn nor expired, with the weaknesses of the plan named.
import type { Approval } from '@wardround/protocol/documents/consent';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { FederationView } from '@wardround/protocol/federation-view';
import { thumbprint } from '@wardround/protocol/keys';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { weaknessesOf } from './plan-support.ts';

export type VerifiedApproval = Verified<'Approval'>;

/** By site name, sorted. `members` is the newest view: a site that was removed since the plan takes no further part. */
export function validApprovals({
  records,
  members,
  now,
}: {
  records: StudyRecords;
  members: FederationView;
  now: Date;
}): ReadonlyMap<string, VerifiedApproval> {
  const newest = new Map<string, VerifiedApproval>();
  for (const approval of records.of('Approval')) {
    const other = newest.get(approval.value.site);
    if (other === undefined || isNewer(approval, other)) newest.set(approval.value.site, approval);
  }
  const valid = [...newest].filter(([, approval]) => holds(approval, { records, members, now }));
  return new Map(valid.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function isNewer(a: VerifiedApproval, b: VerifiedApproval): boolean {
  if (a.value.approvedAt !== b.value.approvedAt) return a.value.approvedAt > b.value.approvedAt;
  return a.digest > b.digest;
}

interface Known {
  readonly records: StudyRecords;
  readonly members: FederationView;
  readonly now: Date;
}

function holds(approval: VerifiedApproval, { records, members, now }: Known): boolean {
  const { value, digest } = approval;
  // A standing rule may approve only plans with differential privacy, and this version runs none.
  if (value.under.authority !== 'person') return false;
  if (!isStillMember(value.site, { records, members })) return false;
  if (now.toISOString() >= value.validUntil) return false;
  if (records.of('Withdrawal').some(({ value: { approval: named, site } }) => named === digest && site === value.site))
    return false;
  return namesWeaknesses(value, records) && weightFits(value, records);
}

function isStillMember(name: string, { records, members }: Pick<Known, 'records' | 'members'>): boolean {
  const entry = records.plan.value.sites.roster.find((site) => site.name === name);
  const member = members.sites.find((site) => site.name === name);
  return entry !== undefined && member !== undefined && thumbprint(member.keys.agent) === entry.agent;
}

function namesWeaknesses(approval: Approval, records: StudyRecords): boolean {
  return weaknessesOf(records.plan.value, records.federation).every((name) =>
    approval.acceptedWeaknesses.includes(name),
  );
}

/** Where a plan weights all sites alike, nobody weighs more. */
function weightFits(approval: Approval, records: StudyRecords): boolean {
  return records.plan.value.weighting !== 'equal' || approval.weight === 1;
}
