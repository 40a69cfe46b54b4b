// What the board proves about the study's end: who cosigned a receipt, whether the last model was sealed, whether a true session stopped it.
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { VerifiedReceipt } from './receipt.ts';

/** The sites of the roster that cosigned this receipt; each counts once. */
export function witnessesOf(
  records: StudyRecords,
  { digest, value }: Pick<VerifiedReceipt, 'digest' | 'value'>,
): ReadonlySet<string> {
  const cosigned = records.of('Cosignature').filter((cosignature) => cosignature.value.receipt === digest);
  return new Set(
    cosigned.filter((cosignature) => cosignature.value.round === value.round).map(({ value: { site } }) => site),
  );
}

/**
 * The last round's receipt is cosigned and its model was sealed, by the session that the cosigners verified or by another true one: there is
 * nothing left to do, for this process or any later one.
 */
export function isComplete(records: StudyRecords, quorum: number): boolean {
  const { rounds } = records.plan.value;
  const last = records.of('RoundReceipt').filter(({ value }) => value.task === 'update' && value.round === rounds);
  const sealed = records.of('SealedModel');
  return last.some(({ digest, value }) => {
    const own = sealed.filter((model) => model.value.receipt === digest);
    const isTrue = own.some(
      (model) => model.value.session === value.session || isTrueSession(records, model.value.session),
    );
    return isTrue && witnessesOf(records, { digest, value }).size >= quorum;
  });
}

/**
 * An enclave before this one stopped the study. A stop that this does not see is found again by working.
 */
export function isStopped(records: StudyRecords): boolean {
  return records.of('StudyStop').some(({ value }) => isTrueSession(records, value.session));
}

/**
 * Anybody can put a session of his own on the board, and say anything in it; but sites contribute only to sessions that they verified, so one
 * to which more than f contributed was an enclave's.
 */
function isTrueSession(records: StudyRecords, session: string): boolean {
  const contributions = records.of('Contribution').filter(({ value }) => value.session === session);
  return new Set(contributions.map(({ value }) => value.site)).size > records.federation.colludingSites;
}
