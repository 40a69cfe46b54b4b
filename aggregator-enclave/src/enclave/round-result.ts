// What a round of statistics or evaluation releases, for everybody: published only once a quorum cosigned the receipt that names it.
import { WardroundError } from '@wardround/protocol/errors';
import { releasesResult } from '@wardround/protocol/schedule';
import { type KnownCheckpoint, resultIn } from './checkpoints.ts';
import type { VerifiedReceipt } from './receipt.ts';
import type { SessionWork } from './session-work.ts';
import { hasResult, witnessesOf } from './witnesses.ts';

/**
 * Publishes the result of the receipt's round, where it has one that the board does not show yet.
 *
 * @throws WardroundError `receipt-not-witnessed`: nothing is released before a quorum cosigned, and nothing that they did not cosign
 */
export async function publishResult(
  work: SessionWork,
  receipt: VerifiedReceipt,
  model: KnownCheckpoint,
): Promise<void> {
  const { context, session } = work;
  const { task, round } = receipt.value;
  const released = resultIn(context.plan, model);
  if (released === null || !releasesResult(task)) return;
  requireWitnessed(work, receipt, { checkpoint: model.checkpoint, result: released.result });
  if (hasResult(context.records, receipt)) return;
  await context.publish(
    'RoundResult',
    {
      kind: 'RoundResult',
      version: 1,
      ...context.names,
      session: session.open.digest,
      receipt: receipt.digest,
      task,
      round,
      ...released,
    },
    session.receiptKey,
  );
  context.log({ level: 'info', code: 'result', message: `released the result of the ${task}`, round });
}

function requireWitnessed(
  { context }: SessionWork,
  receipt: VerifiedReceipt,
  { checkpoint, result }: { checkpoint: string; result: string },
): void {
  const cosigned = witnessesOf(context.records, receipt).size >= context.quorum;
  if (cosigned && receipt.value.checkpoint === checkpoint && receipt.value.result === result) return;
  throw new WardroundError('receipt-not-witnessed', 'no quorum cosigned this result', { action: 'stop' });
}
