// Bytes that come in pieces of any size, cut into chunks of one size, the last one known as such.
import type { Bytes } from './bytes.ts';

export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface Chunk {
  /** Valid until the next chunk is asked for. */
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Chunks of exactly `size` bytes, then the last of 1 to `size`; one empty last chunk for an empty source. Holds one chunk back, because only
 * the next byte tells whether it was the last: two chunks of memory, whatever comes.
 */
export async function* rechunk(source: ByteSource, size: number): AsyncGenerator<Chunk, void> {
  let filling: Bytes = new Uint8Array(size);
  let used = 0;
  for await (const piece of source) {
    let rest = piece;
    while (rest.byteLength > 0) {
      if (used === size) {
        yield { bytes: filling, last: false };
        used = 0;
      }
      const part = rest.subarray(0, size - used);
      filling.set(part, used);
      used += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }
  yield { bytes: filling.subarray(0, used), last: true };
}
