// What the board proves about the study's end: who cosigned a receipt, whether the last model was sealed, whether a true session stopped it.
import { lastRound } from '@wardround/protocol/schedule';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { resultDigest } from '@wardround/learning/rounds/released-result';
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

/** Whether the board shows what the receipt's round released, as its digest says; so it does where the round released nothing. */
export function hasResult(records: StudyRecords, { value }: Pick<VerifiedReceipt, 'value'>): boolean {
  if (value.result === null) return true;
  const candidates = records.of('RoundResult').filter((shown) => shown.value.result === value.result);
  return candidates.some((shown) => resultDigest(shown.value.values) === value.result);
}

/**
 * The last round's receipt is cosigned, its result is on the board and its model was sealed, by the session that the cosigners verified or by another true one: there is
 * nothing left to do, for this process or any later one.
 */
export function isComplete(records: StudyRecords, quorum: number): boolean {
  const final = lastRound(records.plan.value);
  const last = records.of('RoundReceipt').filter(({ value }) => value.checkpoint !== null && value.round === final);
  const sealed = records.of('SealedModel');
  return last.some(({ digest, value }) => {
    const own = sealed.filter((model) => model.value.receipt === digest);
    const isTrue = own.some(
      (model) => model.value.session === value.session || isTrueSession(records, model.value.session),
    );
    return isTrue && hasResult(records, { value }) && witnessesOf(records, { digest, value }).size >= quorum;
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
