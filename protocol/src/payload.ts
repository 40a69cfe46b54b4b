// A contribution's plaintext: header, 32 secret bytes, integers, padding. Made at the site, hashed by both sides.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Bytes, concatBytes, toHex, utf8 } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { type TensorHeader, tensorHeaderSchema } from './documents/round.ts';
import { WardroundError } from './errors.ts';
import { labels } from './labels.ts';
import { littleEndianBytes } from './little-endian.ts';

/** One tensor group with its integers: int32 in an Int32Array, int64 and ℤ₂⁶⁴ in a BigInt64Array (two's complement). */
export interface PayloadTensor {
  readonly header: TensorHeader;
  readonly values: Int32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
}

export interface Payload {
  readonly tensors: readonly PayloadTensor[];
  /** 32 fresh random bytes: they hide the integers behind the payload's digest, and seed the enclave's noise together with all others'. */
  readonly secret: Bytes;
}

export const secretLength = 32;
const maxHeaderBytes = 1024 * 1024;
const maxElements = 2 ** 40;
const pieceLength = 1024 * 1024;

/** The header's own form: canonical JSON. */
export const payloadHeaderSchema = z.strictObject({
  kind: z.literal('Payload'),
  version: z.literal(1),
  tensors: z
    .array(tensorHeaderSchema)
    .max(10_000)
    .refine((tensors) => new Set(tensors.map(({ name }) => name)).size === tensors.length, 'expected no name twice'),
});

/**
 * u32 little-endian length, then the header's canonical JSON. One byte string for one list of tensors: the reader compares bytes.
 *
 * @throws WardroundError `payload-header`
 */
export function encodePayloadHeader(tensors: readonly TensorHeader[]): Bytes {
  const parsed = payloadHeaderSchema.safeParse({ kind: 'Payload', version: 1, tensors });
  if (!parsed.success) throw new WardroundError('payload-header', 'not tensors of a payload', { cause: parsed.error });
  const json = canonicalJson(parsed.data);
  if (json.byteLength > maxHeaderBytes) {
    throw new WardroundError('payload-header', 'too many tensors', { expected: `at most ${maxHeaderBytes} bytes` });
  }
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.byteLength, true);
  return concatBytes(length, json);
}

/** Number of integers in a tensor. @throws WardroundError `payload-shape` beyond 2⁴⁰ */
export function elementsOf({ name, shape }: TensorHeader): number {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!(count <= maxElements)) throw new WardroundError('payload-shape', 'too large a tensor', { where: name });
  }
  return count;
}

export function bytesPerInteger(ring: TensorHeader['ring']): 4 | 8 {
  return ring === 'int32' ? 4 : 8;
}

/**
 * Byte lengths before and after padding, from the headers alone: every site's payload of one order has the same size.
 *
 * @throws WardroundError `payload-header`, `payload-shape`, `payload-padding-size`
 */
export function payloadLength(
  tensors: readonly TensorHeader[],
  paddingBytes: number,
): { unpadded: number; padded: number } {
  if (!Number.isInteger(paddingBytes) || paddingBytes < 1 || paddingBytes > 2 ** 30) {
    throw new WardroundError('payload-padding-size', 'not a padding multiple', { got: String(paddingBytes) });
  }
  const data = tensors.reduce((sum, tensor) => sum + elementsOf(tensor) * bytesPerInteger(tensor.ring), 0);
  const unpadded = encodePayloadHeader(tensors).byteLength + secretLength + data;
  if (!Number.isSafeInteger(unpadded) || unpadded > 2 ** 43)
    throw new WardroundError('payload-shape', 'too large a payload');
  return { unpadded, padded: Math.ceil(unpadded / paddingBytes) * paddingBytes };
}

/**
 * The payload in pieces of at most 1 MiB, padded with zeros to a multiple of `paddingBytes`. Integers are not copied: keep them unchanged
 * until the last piece was used.
 *
 * @throws WardroundError `payload-header`, `payload-shape`, `payload-secret`, `payload-padding-size`
 */
export function* encodePayload(payload: Payload, paddingBytes: number): Generator<Bytes, void> {
  const { unpadded, padded } = payloadLength(
    payload.tensors.map(({ header }) => header),
    paddingBytes,
  );
  yield* unpaddedPieces(payload);
  for (let left = padded - unpadded; left > 0; left -= pieceLength) yield new Uint8Array(Math.min(left, pieceLength));
}

/** Hex SHA-256 over the payload label and everything before the padding. @throws as {@link encodePayload} */
export function payloadDigest(payload: Payload): string {
  const hash = payloadHash();
  for (const piece of unpaddedPieces(payload)) hash.update(piece);
  return toHex(hash.digest());
}

/** The hash behind {@link payloadDigest}, for readers that go piece by piece. */
export function payloadHash(): ReturnType<typeof createHash> {
  return createHash('sha256').update(utf8(labels.payload)).update(Uint8Array.of(0));
}

function* unpaddedPieces({ tensors, secret }: Payload): Generator<Bytes, void> {
  if (secret.byteLength !== secretLength) throw new WardroundError('payload-secret', 'the secret must be 32 bytes');
  for (const tensor of tensors) requireValues(tensor);
  yield encodePayloadHeader(tensors.map(({ header }) => header));
  yield secret;
  for (const { values } of tensors) {
    const bytes = littleEndianBytes(values);
    for (let at = 0; at < bytes.byteLength; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
  }
}

function requireValues({ header, values }: PayloadTensor): void {
  if (values.BYTES_PER_ELEMENT !== bytesPerInteger(header.ring) || values.length !== elementsOf(header)) {
    throw new WardroundError('payload-shape', 'the integers do not match the tensor’s header', { where: header.name });
  }
}
