// A mask: a seed expanded into as many values of ℤ₂⁶⁴ as a tensor has, added to it or taken from it in place.
import { createCipheriv } from 'node:crypto';
import { littleEndianBytes } from '@wardround/protocol/little-endian';
import { deriveStreamKey } from './derivation.ts';

/** One tensor of a masked payload: weighted already, in ℤ₂⁶⁴ (a BigInt64Array wraps as the ring does). */
export interface RingTensor {
  readonly name: string;
  readonly values: BigInt64Array<ArrayBuffer>;
}

export interface Mask {
  readonly seed: Uint8Array;
  /** Digest of the attempt, hex. */
  readonly attempt: string;
  readonly sign: 'add' | 'subtract';
}

const chunkBytes = 64 * 1024;
const zeros = new Uint8Array(chunkBytes);

/**
 * Adds or takes away the mask of each tensor, in place. The stream is AES-256 in counter mode (NIST SP 800-38A) under a key that HKDF makes for
 * this seed, attempt and tensor, from counter 0: each key makes one stream and no other, so the zero counter is used once.
 *
 * @throws WardroundError `platform-endianness`
 */
export function applyMask(tensors: readonly RingTensor[], { seed, attempt, sign }: Mask): void {
  for (const { name, values } of tensors) {
    const combine = sign === 'add' ? addInto : subtractFrom;
    maskValues(values, deriveStreamKey(seed, attempt, name), combine);
  }
}

type Combine = (target: Uint32Array, mask: Uint32Array) => void;

function maskValues(values: BigInt64Array<ArrayBuffer>, key: Uint8Array, combine: Combine): void {
  const target = littleEndianBytes(values);
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  const scratch = new Uint8Array(chunkBytes);
  for (let offset = 0; offset < target.byteLength; offset += chunkBytes) {
    const length = Math.min(chunkBytes, target.byteLength - offset);
    scratch.set(cipher.update(zeros.subarray(0, length)));
    combine(
      new Uint32Array(target.buffer, target.byteOffset + offset, length / 4),
      new Uint32Array(scratch.buffer, 0, length / 4),
    );
  }
}

// 64-bit values as two halves of 32, low first: BigInt would be thirty times slower.
function addInto(target: Uint32Array, mask: Uint32Array): void {
  for (let i = 0; i < target.length; i += 2) {
    const low = (target[i] ?? 0) + (mask[i] ?? 0);
    target[i] = low;
    target[i + 1] = (target[i + 1] ?? 0) + (mask[i + 1] ?? 0) + (low > 0xffffffff ? 1 : 0);
  }
}

function subtractFrom(target: Uint32Array, mask: Uint32Array): void {
  for (let i = 0; i < target.length; i += 2) {
    const low = (target[i] ?? 0) - (mask[i] ?? 0);
    target[i] = low;
    target[i + 1] = (target[i + 1] ?? 0) - (mask[i + 1] ?? 0) - (low < 0 ? 1 : 0);
  }
}

/** Of two sites, the one with the smaller name adds the pair's mask and the other takes it away. */
export function pairSign(site: string, peer: string): 'add' | 'subtract' {
  return site < peer ? 'add' : 'subtract';
}

export function opposite(sign: 'add' | 'subtract'): 'add' | 'subtract' {
  return sign === 'add' ? 'subtract' : 'add';
}
