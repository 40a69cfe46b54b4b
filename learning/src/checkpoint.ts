// What a round leaves behind: the model that every site receives, with the server's optimiser state, as bytes whose digest is cosigned.
import { type Bytes, labelledSha256, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { type Tensor, decodeSafetensors, encodeSafetensors } from '@wardround/protocol/safetensors';

export interface Checkpoint {
  /** 0 for the initial model, n after round n. */
  readonly round: number;
  readonly model: readonly Tensor[];
  readonly state: readonly Tensor[];
}

const kind = 'wardround-checkpoint/v1';
const modelPrefix = 'model.';
const statePrefix = 'state.';

/** The digest by which receipts name a model: over its safetensors bytes, tensors in the model's own order, without metadata. */
export function modelDigest(model: readonly Tensor[]): string {
  return toHex(labelledSha256(labels.model, encodeSafetensors(model)));
}

/** The digest by which receipts name a checkpoint, over the bytes of {@link encodeCheckpoint}. */
export function checkpointDigest(bytes: Uint8Array): string {
  return toHex(labelledSha256(labels.checkpoint, bytes));
}

/** Safetensors with `model.` and `state.` tensors and the round in the metadata. Equal checkpoints, equal bytes. */
export function encodeCheckpoint({ round, model, state }: Checkpoint): Bytes {
  requireRound(round);
  const tensors = [
    ...model.map((tensor) => prefixed(modelPrefix, tensor)),
    ...state.map((tensor) => prefixed(statePrefix, tensor)),
  ];
  return encodeSafetensors(tensors, { kind, round: String(round) });
}

/**
 * Only what {@link encodeCheckpoint} writes, byte for byte. The tensors' names and shapes are still to be compared with the plan's.
 *
 * @throws WardroundError `checkpoint-format`, `safetensors-*`
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata['kind'] !== kind || !/^(?:0|[1-9]\d{0,8})$/.test(metadata['round'] ?? ''))
    throw badFormat('its kind and round');
  const checkpoint = {
    round: Number(metadata['round']),
    model: withPrefix(modelPrefix, tensors),
    state: withPrefix(statePrefix, tensors),
  };
  if (checkpointDigest(encodeCheckpoint(checkpoint)) !== checkpointDigest(bytes))
    throw badFormat('the one encoding of its tensors');
  return checkpoint;
}

function withPrefix(prefix: string, tensors: readonly Tensor[]): readonly Tensor[] {
  return tensors
    .filter((tensor) => tensor.name.startsWith(prefix))
    .map((tensor) => ({ ...tensor, name: tensor.name.slice(prefix.length) }));
}

function prefixed(prefix: string, tensor: Tensor): Tensor {
  return { ...tensor, name: `${prefix}${tensor.name}` };
}

function requireRound(round: number): void {
  if (!Number.isInteger(round) || round < 0 || round > 999_999_999) throw badFormat('a round number');
}

function badFormat(expected: string): WardroundError {
  return new WardroundError('checkpoint-format', 'not a checkpoint', { expected, action: 'stop' });
}
