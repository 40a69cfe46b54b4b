// Where noise draws its bits: a port that gives random bytes, read as uniform words. Whoever knows the bytes knows the noise.
import { randomBytes } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';

/** So many bytes, uniform and independent of all given before. Fresh ones, or the next of an expanded stream. */
export type RandomBytes = (length: number) => Uint8Array;

/** A site's own noise and samples: from the operating system, new for every attempt. */
export const freshBytes: RandomBytes = (length) => randomBytes(length);

const blockBytes = 32_768;
const wordValues = 2 ** 32;

export class RandomWords {
  readonly #source: RandomBytes;
  #block: DataView = new DataView(new ArrayBuffer(0));
  #next = 0;

  constructor(source: RandomBytes) {
    this.#source = source;
  }

  /** Uniform in [0, 2³²). @throws WardroundError `noise-random` when the port gives other than it was asked for */
  uint32(): number {
    if (this.#next === this.#block.byteLength) this.#refill();
    const word = this.#block.getUint32(this.#next);
    this.#next += 4;
    return word;
  }

  /** Uniform in [0, bound), without bias. @throws WardroundError `noise-random`, and `noise-bound` unless 1 ≤ bound ≤ 2⁵³ */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 53) {
      throw new WardroundError('noise-bound', 'not a bound to draw below', { got: String(bound) });
    }
    const largest = bound - 1;
    const high = Math.floor(largest / wordValues);
    const highBits = bitsOf(high);
    const lowBits = high === 0 ? bitsOf(largest) : 32;
    for (;;) {
      const value = this.#bits(highBits) * wordValues + this.#bits(lowBits);
      if (value < bound) return value;
    }
  }

  #bits(count: number): number {
    return count === 0 ? 0 : this.uint32() >>> (32 - count);
  }

  #refill(): void {
    const bytes = this.#source(blockBytes);
    if (bytes.byteLength !== blockBytes) {
      throw new WardroundError('noise-random', 'the source of randomness gave too little or too much', {
        expected: `${blockBytes} bytes`,
        got: `${bytes.byteLength}`,
        action: 'stop',
      });
    }
    this.#block = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#next = 0;
  }
}

/** Bits that hold a number below 2³². */
function bitsOf(value: number): number {
  return 32 - Math.clz32(value);
}
