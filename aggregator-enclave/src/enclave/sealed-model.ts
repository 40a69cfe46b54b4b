// The new model to the sites that approved: one ciphertext, its key wrapped for each.
import { toBase64Url } from '@wardround/protocol/bytes';
import type { Blob } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import type { ChunkStore } from '@wardround/protocol/relay-port';
import { sealedModelInfo } from '@wardround/protocol/seal-context';
import { sealToMany } from '@wardround/protocol/sealed-stream';
import { tagLength } from '@wardround/protocol/stream-chunks';
import type { KnownCheckpoint } from './checkpoints.ts';
import type { VerifiedReceipt } from './receipt.ts';
import { holdingApprovals, type SessionWork } from './session-work.ts';
import { witnessesOf } from './witnesses.ts';

/**
 * Seals the receipt's checkpoint to every site whose approval holds.
 *
 * @throws WardroundError `receipt-not-witnessed`: nothing is sealed before a quorum cosigned; those of the relay's chunk store
 */
export async function publishModel(work: SessionWork, receipt: VerifiedReceipt, model: KnownCheckpoint): Promise<void> {
  const { context, session } = work;
  requireWitnessed(work, receipt, model);
  const approvals = [...holdingApprovals(work)];
  const { wrappedKeys, chunkSize, chunks } = await sealToMany({
    source: [model.bytes],
    recipients: approvals.map(([, { value }]) => value.receivingKey),
    info: sealedModelInfo({ receipt: receipt.digest, session: session.open.digest, study: context.study }),
  });
  const ciphertext = await upload(chunks, chunkSize + tagLength, context.ports.relay.chunks);
  await context.publish(
    'SealedModel',
    {
      kind: 'SealedModel',
      version: 1,
      ...context.names,
      session: session.open.digest,
      receipt: receipt.digest,
      round: receipt.value.round,
      checkpoint: model.checkpoint,
      ciphertext,
      recipients: approvals.map(([site], i) => ({
        site,
        encapsulation: toBase64Url(wrappedKeys[i]?.enc ?? new Uint8Array()),
        wrappedKey: toBase64Url(wrappedKeys[i]?.wrappedKey ?? new Uint8Array()),
      })),
    },
    session.receiptKey,
  );
  context.log({ level: 'info', code: 'model', message: 'sealed the model to the sites', round: receipt.value.round });
}

function requireWitnessed({ context }: SessionWork, receipt: VerifiedReceipt, model: KnownCheckpoint): void {
  if (witnessesOf(context.records, receipt).size < context.quorum || receipt.value.checkpoint !== model.checkpoint) {
    throw new WardroundError('receipt-not-witnessed', 'no quorum cosigned this model', { action: 'stop' });
  }
}

/** The manifest is stored like a chunk, under its digest. */
async function upload(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  chunkSize: number,
  store: ChunkStore,
): Promise<Blob> {
  const builder = new ManifestBuilder(chunkSize);
  for await (const chunk of chunks) await store.put(builder.add(chunk), chunk);
  const { bytes, ref } = builder.finish();
  await store.put(ref.manifest, bytes);
  return ref;
}
