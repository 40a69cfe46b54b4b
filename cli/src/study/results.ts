// The released results of statistics and evaluations, as the board has them: believed because q sites cosigned their digest, whoever shows them.
import type { RoundResult } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { resultDigest } from '@wardround/learning/rounds/released-result';
import { roundStates } from './rounds.ts';

export type ResultValues = RoundResult['values'];

export interface StudyResult {
  readonly round: number;
  readonly task: RoundResult['task'];
  readonly values: ResultValues;
}

/** The values that reach the receipt's digest; null where it names none, or the board has none. */
export function resultOfReceipt(records: StudyRecords, { value }: Verified<'RoundReceipt'>): StudyResult | null {
  if (value.result === null) return null;
  const shown = records.of('RoundResult').filter((result) => result.value.result === value.result);
  const found = shown.find((result) => resultDigest(result.value.values) === value.result)?.value;
  return found === undefined ? null : { round: value.round, task: found.task, values: found.values };
}

/** Of every closed round that released one, in order. */
export function studyResults(records: StudyRecords): readonly StudyResult[] {
  return roundStates(records).flatMap(({ closed }) =>
    closed === null ? [] : (resultOfReceipt(records, closed) ?? []),
  );
}
