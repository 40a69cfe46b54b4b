// Whether a quorum of the roster cosigned a receipt. Only then is its model sealed to anybody.
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { VerifiedReceipt } from './receipt.ts';

/** The sites of the roster that cosigned this receipt; each counts once. */
export function witnessesOf(records: StudyRecords, { digest, value }: VerifiedReceipt): ReadonlySet<string> {
  const cosigned = records.of('Cosignature').filter((cosignature) => cosignature.value.receipt === digest);
  return new Set(
    cosigned.filter((cosignature) => cosignature.value.round === value.round).map(({ value: { site } }) => site),
  );
}

/** The last round's receipt is cosigned and its model was sealed: there is nothing left to do, for this process or any later one. */
export function isComplete(records: StudyRecords, quorum: number): boolean {
  const { rounds } = records.plan.value;
  const last = records.of('RoundReceipt').filter(({ value }) => value.task === 'update' && value.round === rounds);
  return last.some(
    (receipt) =>
      witnessesOf(records, receipt).size >= quorum &&
      records.of('SealedModel').some(({ value }) => value.receipt === receipt.digest),
  );
}
