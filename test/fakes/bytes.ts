// Spoiling bytes, for tests.
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';

/** A copy with one bit changed. */
export function flipBit(bytes: Uint8Array, bit: number): Bytes {
  const copy = copyBytes(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
