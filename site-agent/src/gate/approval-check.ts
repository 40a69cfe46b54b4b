// Whether this site agreed, and still does: its own newest approval, signed by a person, neither withdrawn nor expired.
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { refused } from './refusal.ts';

export type OwnApproval = Verified<'Approval'>;

/** The newest approval of a site that was not withdrawn; undefined where it gave none. */
export function newestApproval(records: StudyRecords, site: string): OwnApproval | undefined {
  return records
    .of('Approval')
    .filter(({ value }) => value.site === site)
    .reduce<OwnApproval | undefined>(
      (newest, next) => (newest === undefined || isNewer(next, newest) ? next : newest),
      undefined,
    );
}

/** Equal times happen to clocks; then the digests decide, the same way for everybody. */
function isNewer(a: OwnApproval, b: OwnApproval): boolean {
  if (a.value.approvedAt !== b.value.approvedAt) return a.value.approvedAt > b.value.approvedAt;
  return a.digest > b.digest;
}

export function isWithdrawn(records: StudyRecords, approval: OwnApproval): boolean {
  return records
    .of('Withdrawal')
    .some(({ value }) => value.site === approval.value.site && value.approval === approval.digest);
}

/**
 * This site's approval as it stands now.
 *
 * @throws WardroundError `approval-missing`, `approval-withdrawn`, `approval-expired`, `approval-authority`
 */
export function requireApproval({
  records,
  site,
  now,
}: {
  records: StudyRecords;
  site: string;
  now: Date;
}): OwnApproval {
  const approval = newestApproval(records, site);
  if (approval === undefined) throw refused('approval-missing', 'nobody at this site approved the study');
  if (isWithdrawn(records, approval)) throw refused('approval-withdrawn', 'this site withdrew its approval');
  if (approval.value.under.authority !== 'person') {
    throw refused('approval-authority', 'standing rules may approve only plans with differential privacy');
  }
  if (now >= new Date(approval.value.validUntil) || now >= new Date(records.plan.value.expires)) {
    throw refused('approval-expired', 'the approval, or the plan itself, is no longer valid', {
      expected: `a time before ${approval.value.validUntil} and ${records.plan.value.expires}`,
      got: now.toISOString(),
    });
  }
  return approval;
}

/** @throws WardroundError `approval-weakness` unless somebody typed this weakness when approving */
export function requireAccepted(approval: OwnApproval, weakness: Weakness): void {
  if (approval.value.acceptedWeaknesses.includes(weakness)) return;
  throw refused('approval-weakness', 'a weakness that the approval did not accept by its name', { got: weakness });
}
