// Receipts that passed every check are cosigned by the witness key, durably before the signature leaves: from then on this site says the same.
import { sign } from '@wardround/protocol/documents/signed';
import { requireApproval } from '../../gate/approval-check.ts';
import { cosignedBy, type Receipt } from '../../gate/chain.ts';
import { type CheckedReceipt, checkReceipt } from '../../gate/receipt-check.ts';
import { GateRefusal, stage } from '../../gate/refusal.ts';
import type { Study } from '../study.ts';

export async function cosignReceipts(study: Study): Promise<void> {
  for (const receipt of uncosigned(study)) {
    if (study.retries.isDue(receipt.digest)) await consider(study, receipt);
  }
}

/** Of sessions that this site verified, and not older than its newest round. */
function uncosigned(study: Study): readonly Receipt[] {
  const own = cosignedBy(study.records, study.site);
  const oldest = study.chain().length;
  return study.records
    .of('RoundReceipt')
    .filter(({ digest, value }) => !own.has(digest) && value.round >= oldest && study.sessions.has(value.session))
    .toSorted((a, b) => a.value.round - b.value.round);
}

async function consider(study: Study, receipt: Receipt): Promise<void> {
  const { session: name, round, attempt } = receipt.value;
  const session = study.sessions.get(name);
  if (session === undefined) return;
  const view = await study.view();
  try {
    const approval = stage('receipt-refused', () => requireApproval(view));
    const checked = stage('receipt-refused', () => checkReceipt(view, receipt, { session, approval }));
    await cosign(study, checked);
  } catch (error) {
    if (!(error instanceof GateRefusal)) throw error;
    await study.refuse(error, receipt.digest, { session: name, round, attempt });
  }
}

async function cosign(study: Study, { receipt }: CheckedReceipt): Promise<void> {
  const { ports, digest, records, site } = study;
  const { round } = receipt.value;
  const names = { federation: records.federation.federation, study: digest, site };
  const cosignedAt = ports.now().toISOString();
  const value = { kind: 'Cosignature', version: 1, ...names, receipt: receipt.digest, round, cosignedAt } as const;
  await study.state(await sign('Cosignature', value, ports.keys.witness));
  ports.log({ level: 'info', event: 'receipt-cosigned', study: digest, round, attempt: receipt.value.attempt });
}
