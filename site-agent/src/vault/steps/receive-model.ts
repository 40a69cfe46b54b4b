// The checkpoint of the newest closed round: opened with this study's receiving key, kept only if it is what a quorum cosigned.
import { checkpointDigest, decodeCheckpoint, modelDigest } from '@wardround/learning/checkpoint';
import { resultDigest, resultOf } from '@wardround/learning/rounds/released-result';
import { type Bytes, concatBytes, copyBytes, fromBase64Url } from '@wardround/protocol/bytes';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { chunkDigest, parseManifest, requireChunk } from '@wardround/protocol/manifest';
import { sealedModelInfo } from '@wardround/protocol/seal-context';
import { createOpenerFromMany } from '@wardround/protocol/sealed-stream';
import { defaultChunkSize, sealedSize } from '@wardround/protocol/stream-chunks';
import { type ClosedRound, newestRound } from '../../gate/chain.ts';
import { sealedChunkSize } from '../../gate/sealed-update.ts';
import type { Study } from '../study.ts';

/** Room for a longer round number in the metadata; state and model never change their size. */
const slackBytes = 4096;

export async function receiveModel(study: Study): Promise<void> {
  const newest = newestRound(study.chain());
  if (newest === undefined || isHeld(study, newest)) return;
  // Before q cosigned there is no model to open: whoever delivers one earlier is not listened to.
  if (!newest.closed) return;
  for (const sealed of deliveriesOf(study, newest)) {
    if (study.retries.isDue(sealed.digest) && (await tryOpen(study, newest, sealed))) return;
  }
}

export function isHeld(study: Study, { round, checkpoint }: ClosedRound): boolean {
  return study.held().some((held) => held.round === round && held.checkpoint === checkpoint);
}

function deliveriesOf({ records }: Study, { receipts, checkpoint }: ClosedRound): readonly Verified<'SealedModel'>[] {
  const accepted = new Set(receipts.map(({ digest }) => digest));
  return records
    .of('SealedModel')
    .filter(({ value }) => accepted.has(value.receipt) && value.checkpoint === checkpoint);
}

async function tryOpen(study: Study, closed: ClosedRound, sealed: Verified<'SealedModel'>): Promise<boolean> {
  const { ports, digest } = study;
  try {
    const bytes = await open(study, sealed);
    requireCosigned(study, bytes, closed);
    await keep(study, closed, bytes);
    ports.log({ level: 'info', event: 'model-received', study: digest, round: closed.round });
    return true;
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    study.failed(error, { subject: sealed.digest, event: 'model-refused', about: { round: closed.round } });
    return false;
  }
}

/** @throws WardroundError `model-digest`, `result-digest`, `checkpoint-format` */
function requireCosigned({ plan }: Study, bytes: Bytes, { checkpoint, model, round, receipts }: ClosedRound): void {
  const decoded = checkpointDigest(bytes) === checkpoint ? decodeCheckpoint(bytes) : null;
  if (decoded === null || decoded.round !== round || modelDigest(decoded.model) !== model) {
    throw new WardroundError('model-digest', 'not the checkpoint that a quorum cosigned', {
      expected: checkpoint,
      action: 'stop',
    });
  }
  requireResult(resultDigest(resultOf(plan, decoded)), receipts);
}

/**
 * What was released to everybody is what this checkpoint makes of the sums. A site can see that only now: it cosigned the digests of both,
 * of which an enclave could have made one and not the other.
 */
function requireResult(expected: string | null, receipts: ClosedRound['receipts']): void {
  const other = receipts.find(({ value }) => value.result !== expected);
  if (other === undefined) return;
  throw new WardroundError('result-digest', 'what the round released is not what its checkpoint says', {
    expected: expected ?? 'none',
    got: other.value.result ?? 'none',
    action: 'stop',
  });
}

async function open(study: Study, { value }: Verified<'SealedModel'>): Promise<Bytes> {
  const entry = value.recipients.find(({ site }) => site === study.site);
  const privateKey = await study.ports.files.readReceivingKey(study.digest);
  if (entry === undefined || privateKey === null) {
    throw new WardroundError('model-not-for-us', 'the model was not sealed to this site');
  }
  const { receipt, session, ciphertext } = value;
  requireSize(study, ciphertext.size);
  const wrapped = { enc: fromBase64Url(entry.encapsulation), wrappedKey: fromBase64Url(entry.wrappedKey) };
  const info = sealedModelInfo({ receipt, session, study: study.digest });
  const opener = await createOpenerFromMany({ privateKey, wrapped, info });
  const manifest = parseManifest(await study.ports.inlet.chunk(ciphertext.manifest), ciphertext);
  if (manifest.chunkSize !== sealedChunkSize) throw new WardroundError('manifest-invalid', 'cut at other places');
  const pieces: Bytes[] = [];
  for (const [index, name] of manifest.chunks.entries()) {
    const chunk = await study.ports.inlet.chunk(name);
    if (chunkDigest(chunk) !== name)
      throw new WardroundError('chunk-mismatch', 'not the chunk that was named', { action: 'retry' });
    pieces.push(opener.open(index, requireChunk(manifest, index, chunk), index === manifest.chunks.length - 1));
  }
  return concatBytes(...pieces);
}

/**
 * Anybody can say on the board that he sealed this checkpoint: a blob that is larger than the plan's model must not fill memory.
 *
 * @throws WardroundError `model-too-large`
 */
function requireSize({ initial }: Study, size: number): void {
  const most = sealedSize(initial.bytes.byteLength + slackBytes, defaultChunkSize);
  if (size <= most) return;
  throw new WardroundError('model-too-large', "larger than the plan's model", {
    expected: `at most ${most} bytes`,
    got: `${size} bytes`,
    action: 'stop',
  });
}

/** Durable before the next round; the last two are kept, because a new enclave may need either. */
async function keep({ ports, digest }: Study, { round, checkpoint }: ClosedRound, bytes: Bytes): Promise<void> {
  await ports.files.writeCheckpoint(digest, round, copyBytes(bytes));
  ports.state.keepCheckpoint({ study: digest, round, checkpoint });
  for (const old of ports.state.checkpoints(digest).filter((held) => held.round < round - 1)) {
    ports.state.forgetCheckpoint(old);
    await ports.files.removeCheckpoint(digest, old.round);
  }
}
