// What the machine itself can do with the same bytes: AES-256-GCM without our stream, SHA-256, a copy of memory, additions of float64.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { tagLength } from '@wardround/protocol/stream-chunks';
import type { Pass } from './stopwatch.ts';

/** How many chunks of which plaintext: one random chunk again and again, so that memory does not grow with the size. */
export interface Load {
  readonly chunks: number;
  readonly chunk: Uint8Array<ArrayBuffer>;
}

const algorithm = 'aes-256-gcm';

export function encryptRaw({ chunks, chunk }: Load): Pass {
  const key = randomBytes(32);
  return (watch) => {
    for (let i = 0; i < chunks; i += 1) {
      const nonce = nonceOf(i);
      watch.run(() => {
        const cipher = createCipheriv(algorithm, key, nonce);
        cipher.update(chunk);
        cipher.final();
        cipher.getAuthTag();
      });
    }
  };
}

export function decryptRaw({ chunks, chunk }: Load): Pass {
  const key = randomBytes(32);
  return (watch) => {
    for (let i = 0; i < chunks; i += 1) {
      const nonce = nonceOf(i);
      const cipher = createCipheriv(algorithm, key, nonce);
      const body = cipher.update(chunk);
      cipher.final();
      const tag = cipher.getAuthTag();
      watch.run(() => {
        const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagLength }).setAuthTag(tag);
        decipher.update(body);
        decipher.final();
      });
    }
  };
}

export function hashRaw({ chunks, chunk }: Load): Pass {
  return (watch) => {
    const hash = createHash('sha256');
    for (let i = 0; i < chunks; i += 1) watch.run(() => hash.update(chunk));
  };
}

/** 8 bytes for each 4 of payload, as sums are, to and from ever new places of 128 MiB: it is memory that is measured, not a cache. */
export function copyMemory({ chunks, chunk }: Load): Pass {
  const places = 64;
  const length = 2 * chunk.byteLength;
  const target = new Uint8Array(places * length).fill(1);
  const source = new Uint8Array(places * length).fill(2);
  return (watch) => {
    for (let i = 0; i < chunks; i += 1) {
      const at = (i % places) * length;
      watch.run(() => {
        target.set(source.subarray(at, at + length), at);
      });
    }
  };
}

/** sums[i] += weight · values[i] in float64 over as many values as the accumulator adds: the loop that it replaces. */
export function addFloat64({ chunks, chunk }: Load): Pass {
  const values = new Int32Array(chunk.buffer);
  const sums = new Float64Array(values.length * chunks).fill(1);
  return (watch) => {
    for (let i = 0; i < chunks; i += 1) {
      const part = sums.subarray(i * values.length, (i + 1) * values.length);
      watch.run(() => addInto(part, values, i + 1));
    }
  };
}

function addInto(sums: Float64Array, values: Int32Array, weight: number): void {
  for (let i = 0; i < values.length; i += 1) sums[i] = (sums[i] ?? 0) + weight * (values[i] ?? 0);
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(0, counter);
  return nonce;
}
