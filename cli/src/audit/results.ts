// What rounds of statistics and evaluation released: is it what q sites cosigned the digest of?
import { resultDigest } from '@wardround/learning/rounds/released-result';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { resultOfReceipt } from '../study/results.ts';
import { cosignatureQuorum, cosigners } from '../study/rounds.ts';
import type { AuditContext } from './context.ts';
import { wrong } from './steps.ts';

/** @throws WardroundError `audit-result`, `audit-result-early`, `audit-result-missing` */
export function checkResults({ records, rounds }: AuditContext): string {
  const receipts = rounds.flatMap(({ closed }) => (closed === null ? [] : [closed]));
  const sessions = new Set(receipts.map(({ value }) => value.session));
  for (const { value } of records.of('RoundResult')) {
    if (!sessions.has(value.session)) continue;
    const where = `round ${value.round}`;
    const receipt = records.byDigest('RoundReceipt', value.receipt)?.value;
    const fits = receipt?.round === value.round && receipt.task === value.task && receipt.result === value.result;
    if (!fits || resultDigest(value.values) !== value.result)
      throw wrong('result', 'something other than the cosigned result was released', { where });
    requireCosigned(records, value.receipt, where);
  }
  const releasing = receipts.filter(({ value }) => value.result !== null);
  const missing = releasing.find((receipt) => resultOfReceipt(records, receipt) === null);
  if (missing !== undefined) {
    throw wrong('result-missing', 'the result that the receipt names is not among the records', {
      where: `round ${missing.value.round}`,
      expected: missing.value.result ?? 'none',
    });
  }
  return releasing.length === 0 ? 'no round releases one' : `${releasing.length} results, each as it was cosigned`;
}

/** Figures of an attempt that never closed, beside those of one that did, would tell what one site added. */
function requireCosigned(records: StudyRecords, receipt: string, where: string): void {
  const needed = cosignatureQuorum(records);
  const cosigned = cosigners(records, receipt).length;
  if (cosigned >= needed) return;
  throw wrong('result-early', 'a result was released whose receipt no quorum cosigned', {
    where,
    expected: String(needed),
    got: String(cosigned),
  });
}
