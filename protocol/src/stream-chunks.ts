// The STREAM construction: AES-256-GCM over chunks of one size, each bound to its place and to being the last or not.
// Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Bytes, concatBytes, copyBytes, utf8 } from './bytes.ts';
import { WardroundError } from './errors.ts';
import { sealOpenError } from './hpke.ts';
import { labels } from './labels.ts';

export const defaultChunkSize = 1024 * 1024;
/** A sealed chunk must fit a blob's chunk (8 MiB). */
const maxPlainChunkSize = 8 * 1024 * 1024 - 16;
const minPlainChunkSize = 64;
export const tagLength = 16;
const maxCounter = 0xffff_ffff;
const additionalData = utf8(labels.streamChunk);

/** @throws WardroundError `seal-chunk-size` */
export function requireChunkSize(chunkSize: number): number {
  if (!Number.isInteger(chunkSize) || chunkSize < minPlainChunkSize || chunkSize > maxPlainChunkSize) {
    throw new WardroundError('seal-chunk-size', 'not a chunk size', {
      expected: `${minPlainChunkSize} to ${maxPlainChunkSize} bytes`,
      got: String(chunkSize),
    });
  }
  return chunkSize;
}

/** Number of chunks of a plaintext: at least one, because an empty message has a last chunk too. */
export function chunkCount(plainSize: number, chunkSize: number): number {
  return Math.max(1, Math.ceil(plainSize / chunkSize));
}

/** Size of the sealed form. Chunk `i` begins at `i * (chunkSize + tagLength)`. */
export function sealedSize(plainSize: number, chunkSize: number): number {
  return plainSize + chunkCount(plainSize, requireChunkSize(chunkSize)) * tagLength;
}

/** Seals chunks in their order under a key that is used for one stream only. */
export class ChunkSealer {
  readonly chunkSize: number;
  readonly #key: Bytes;
  #counter = 0;
  #ended = false;

  constructor(key: Bytes, chunkSize: number) {
    this.chunkSize = requireChunkSize(chunkSize);
    this.#key = copyBytes(key);
  }

  /**
   * The next chunk: full unless it is the last; empty only as the whole of an empty message. The key is forgotten after the last.
   *
   * @throws WardroundError `seal-chunk-length`, `seal-ended`, `seal-too-long`
   */
  seal(plain: Uint8Array, last: boolean): Bytes {
    if (this.#ended) throw new WardroundError('seal-ended', 'the last chunk was sealed already');
    if (!fits({ length: plain.byteLength, chunkSize: this.chunkSize, last, index: this.#counter })) {
      throw new WardroundError('seal-chunk-length', 'every chunk but the last must be full', {
        expected: `${this.chunkSize} bytes`,
        got: `${plain.byteLength} bytes`,
      });
    }
    const cipher = createCipheriv('aes-256-gcm', this.#key, chunkNonce(this.#counter, last)).setAAD(additionalData);
    const sealed = concatBytes(cipher.update(plain), cipher.final(), cipher.getAuthTag());
    this.#counter += 1;
    this.#ended = last;
    if (last) this.#key.fill(0);
    return sealed;
  }
}

/** Opens chunks in any order: each names its place, so a receiver may fetch them as it likes. */
export class ChunkOpener {
  readonly chunkSize: number;
  readonly #key: Bytes;

  constructor(key: Bytes, chunkSize: number) {
    this.chunkSize = requireChunkSize(chunkSize);
    this.#key = copyBytes(key);
  }

  /**
   * Chunk `index` of the stream, which ends with it if `last`. The caller owes the order: that it opened 0 … n, `last` for n alone.
   *
   * @throws WardroundError `seal-open` for whatever is wrong
   */
  open(index: number, sealed: Uint8Array, last: boolean): Bytes {
    const length = sealed.byteLength - tagLength;
    if (length < 0 || !fits({ length, chunkSize: this.chunkSize, last, index })) throw sealOpenError();
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, chunkNonce(index, last), {
        authTagLength: tagLength,
      });
      decipher.setAAD(additionalData).setAuthTag(sealed.subarray(length));
      const { buffer, byteOffset } = decipher.update(sealed.subarray(0, length));
      decipher.final();
      return new Uint8Array(buffer, byteOffset, length);
    } catch {
      throw sealOpenError();
    }
  }
}

/** One length for every place, so that no two sealed streams hold the same plaintext. */
function fits({
  length,
  chunkSize,
  last,
  index,
}: {
  length: number;
  chunkSize: number;
  last: boolean;
  index: number;
}): boolean {
  if (!last) return length === chunkSize;
  return length <= chunkSize && (length > 0 || index === 0);
}

/** 7 zero bytes (the key is fresh for each stream), the counter, and 1 for the last chunk. @throws WardroundError `seal-too-long` */
function chunkNonce(counter: number, last: boolean): Bytes {
  if (!Number.isInteger(counter) || counter < 0 || counter > maxCounter) {
    throw new WardroundError('seal-too-long', 'more chunks than the counter counts', { expected: 'at most 2^32' });
  }
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(7, counter);
  nonce[11] = last ? 1 : 0;
  return nonce;
}
