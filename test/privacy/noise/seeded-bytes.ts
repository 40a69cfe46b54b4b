// Random bytes that tests can repeat, and words that a test chooses: a distribution test on a fixed seed passes always or never.
import { createCipheriv, createHash } from 'node:crypto';
import type { RandomBytes } from '@wardround/privacy/noise/random-words';

export function seededBytes(seed: string): RandomBytes {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  return (length) => cipher.update(new Uint8Array(length));
}

/** The words given, then those of the seed. */
export function wordsFirst(words: readonly number[], seed = 'after'): RandomBytes {
  const rest = seededBytes(seed);
  let isFirst = true;
  return (length) => {
    const bytes = Uint8Array.from(rest(length));
    if (isFirst) words.forEach((word, i) => new DataView(bytes.buffer).setUint32(4 * i, word));
    isFirst = false;
    return bytes;
  };
}
