// Checkpoints: bytes that are fixed by what they hold, and that hold nothing else.
import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  checkpointDigest,
  decodeCheckpoint,
  encodeCheckpoint,
  modelDigest,
} from '@wardround/learning/checkpoint';
import { encodeSafetensors } from '@wardround/protocol/safetensors';
import { f32, f64, withCode } from './tensors.ts';

const checkpoint: Checkpoint = {
  round: 3,
  model: [f32('weight', [1, 2], [2, 1]), f32('bias', [0.5])],
  state: [f64('momentum.weight', [1e-9, -2], [2, 1]), f64('momentum.bias', [3])],
};
const metadata = { kind: 'wardround-checkpoint/v1', round: '3' };

describe('checkpoints', () => {
  it.each<[string, Checkpoint]>([
    ['with state', checkpoint],
    ['without state', { ...checkpoint, state: [] }],
    ['of the initial model', { ...checkpoint, round: 0 }],
    ['with nothing', { round: 1, model: [], state: [] }],
  ])('come back as they were: %s', (_, original) => {
    expect(decodeCheckpoint(encodeCheckpoint(original))).toEqual(original);
  });

  it('have another digest for another round, value, name or place', () => {
    const digests = [
      checkpoint,
      { ...checkpoint, round: 4 },
      { ...checkpoint, model: [f32('weight', [1, 2.0000002], [2, 1]), f32('bias', [0.5])] },
      { ...checkpoint, model: checkpoint.model.toReversed() },
      { ...checkpoint, model: [f32('weight', [1, 2], [1, 2]), f32('bias', [0.5])] },
      { round: 3, model: checkpoint.state, state: checkpoint.model },
    ].map((each) => checkpointDigest(encodeCheckpoint(each)));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('a model’s digest is its own, whatever checkpoint it stands in', () => {
    expect(modelDigest(decodeCheckpoint(encodeCheckpoint(checkpoint)).model)).toBe(modelDigest(checkpoint.model));
    expect(modelDigest(checkpoint.model)).not.toBe(checkpointDigest(encodeSafetensors(checkpoint.model)));
  });

  const tensors = [f32('model.weight', [1])];
  it.each([
    ['no metadata', encodeSafetensors(tensors)],
    ['another kind', encodeSafetensors(tensors, { ...metadata, kind: 'x' })],
    ['no round', encodeSafetensors(tensors, { kind: metadata.kind })],
    ['a negative round', encodeSafetensors(tensors, { ...metadata, round: '-1' })],
    ['a round with a leading zero', encodeSafetensors(tensors, { ...metadata, round: '03' })],
    ['more metadata', encodeSafetensors(tensors, { ...metadata, note: 'x' })],
    ['a tensor of neither kind', encodeSafetensors([...tensors, f32('extra', [1])], metadata)],
    ['state before the model', encodeSafetensors([f64('state.a', [1]), ...tensors], metadata)],
  ])('are refused with %s', (_, bytes) => {
    expect(() => decodeCheckpoint(bytes)).toThrow(withCode('checkpoint-format'));
  });

  it('are refused when cut anywhere', () => {
    const bytes = encodeCheckpoint(checkpoint);
    for (let end = 0; end < bytes.length; end += 1) expect(() => decodeCheckpoint(bytes.subarray(0, end))).toThrow();
  });

  it.each([-1, 1.5, Number.NaN, 1e9])('cannot be of round %s', (round) => {
    expect(() => encodeCheckpoint({ ...checkpoint, round })).toThrow(withCode('checkpoint-format'));
  });
});
