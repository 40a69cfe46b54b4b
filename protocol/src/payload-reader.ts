// Reads a payload as it is opened, piece by piece in constant memory. Its maker may be hostile: the header is compared, not believed.
import { type Bytes, copyBytes, equalBytes, toHex } from './bytes.ts';
import type { TensorHeader } from './documents/round.ts';
import { WardroundError } from './errors.ts';
import { requireLittleEndian } from './little-endian.ts';
import {
  bytesPerInteger,
  elementsOf,
  encodePayloadHeader,
  payloadHash,
  payloadLength,
  secretLength,
} from './payload.ts';

interface RunPlace {
  /** Index of the tensor among those expected, and of the run's first integer in it. */
  readonly tensor: number;
  readonly start: number;
}
/** Consecutive integers of one tensor. Copy what is kept: `values` is overwritten after the callback returns. */
export type IntegerRun =
  | (RunPlace & { readonly ring: 'int32'; readonly values: Int32Array })
  | (RunPlace & { readonly ring: 'int64' | 'z2pow64'; readonly values: BigInt64Array });

export interface PayloadExpectation {
  /** What the plan, the order and the contribution's signed header say that the payload holds. Nothing else is accepted. */
  readonly tensors: readonly TensorHeader[];
  readonly paddingBytes: number;
  readonly onRun: (run: IntegerRun) => void;
}

/** A stretch of the payload of known length. `take` gets its bytes in order, in pieces of any size. */
interface Section {
  readonly byteLength: number;
  readonly hashed: boolean;
  take(bytes: Uint8Array): void;
}

/**
 * Takes the plaintext in pieces of any size and hands on runs of integers. What was handed on is proven whole only once
 * {@link PayloadReader.end} returned: until then the caller must be able to take it back.
 */
export class PayloadReader {
  readonly #sections: readonly Section[];
  readonly #secret: Collector;
  readonly #hash = payloadHash();
  #current = 0;
  #taken = 0;
  #ended = false;

  /** @throws WardroundError `payload-header`, `payload-shape`, `payload-padding-size` when the expectation itself is none */
  constructor({ tensors, paddingBytes, onRun }: PayloadExpectation) {
    requireLittleEndian();
    const { unpadded, padded } = payloadLength(tensors, paddingBytes);
    this.#secret = new Collector(secretLength);
    this.#sections = [
      new ExactBytes(encodePayloadHeader(tensors)),
      this.#secret,
      ...tensors.map((header, tensor) => new Integers(header, tensor, onRun)),
      new Zeros(padded - unpadded),
    ];
  }

  /**
   * The next bytes. After any error, its callback's included, the reader is spent.
   *
   * @throws WardroundError `payload-header` (another shape than expected), `payload-padding` (not zeros), `payload-too-long`, `payload-ended`
   */
  feed(bytes: Uint8Array): void {
    this.#requireOpen();
    this.#ended = true;
    let rest = bytes;
    while (rest.byteLength > 0) rest = this.#feedSection(rest);
    this.#ended = false;
  }

  /**
   * The payload was whole: its digest and its secret bytes.
   *
   * @throws WardroundError `payload-truncated`, `payload-ended`
   */
  end(): { digest: string; secret: Bytes } {
    this.#requireOpen();
    this.#ended = true;
    this.#skipFull();
    if (this.#current < this.#sections.length) {
      throw new WardroundError('payload-truncated', 'the payload ends early', { action: 'stop' });
    }
    return { digest: toHex(this.#hash.digest()), secret: this.#secret.bytes };
  }

  #feedSection(bytes: Uint8Array): Uint8Array {
    const section = this.#skipFull();
    if (section === undefined) {
      throw new WardroundError('payload-too-long', 'bytes after the padding', { action: 'stop' });
    }
    const part = bytes.subarray(0, section.byteLength - this.#taken);
    if (section.hashed) this.#hash.update(part);
    section.take(part);
    this.#taken += part.byteLength;
    return bytes.subarray(part.byteLength);
  }

  /** The section that the next byte belongs to; undefined after the last. */
  #skipFull(): Section | undefined {
    for (;;) {
      const section = this.#sections[this.#current];
      if (section === undefined || this.#taken < section.byteLength) return section;
      this.#current += 1;
      this.#taken = 0;
    }
  }

  #requireOpen(): void {
    if (this.#ended) {
      throw new WardroundError('payload-ended', 'this payload was read to its end, or failed', { action: 'stop' });
    }
  }
}

/** Bytes that must be these. One differing byte is refused as soon as it comes. */
class ExactBytes implements Section {
  readonly byteLength: number;
  readonly hashed = true;
  readonly #expected: Bytes;
  #at = 0;

  constructor(expected: Bytes) {
    this.byteLength = expected.byteLength;
    this.#expected = expected;
  }

  take(bytes: Uint8Array): void {
    if (!equalBytes(bytes, this.#expected.subarray(this.#at, this.#at + bytes.byteLength))) {
      throw new WardroundError('payload-header', 'another shape than the plan and the contribution say', {
        action: 'stop',
      });
    }
    this.#at += bytes.byteLength;
  }
}

class Collector implements Section {
  readonly byteLength: number;
  readonly hashed = true;
  readonly bytes: Bytes;
  #at = 0;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
    this.bytes = new Uint8Array(byteLength);
  }

  take(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }
}

class Zeros implements Section {
  readonly byteLength: number;
  readonly hashed = false;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
  }

  take(bytes: Uint8Array): void {
    if (bytes.some((byte) => byte !== 0)) {
      throw new WardroundError('payload-padding', 'the padding must be zeros', { action: 'stop' });
    }
  }
}

/** One tensor's integers. A piece may end inside an integer: its first bytes wait in `#carry`. */
class Integers implements Section {
  readonly byteLength: number;
  readonly hashed = true;
  readonly #ring: TensorHeader['ring'];
  readonly #tensor: number;
  readonly #onRun: (run: IntegerRun) => void;
  readonly #size: 4 | 8;
  readonly #carry: Bytes;
  #carried = 0;
  #start = 0;

  constructor(header: TensorHeader, tensor: number, onRun: (run: IntegerRun) => void) {
    this.#ring = header.ring;
    this.#tensor = tensor;
    this.#onRun = onRun;
    this.#size = bytesPerInteger(header.ring);
    this.#carry = new Uint8Array(this.#size);
    this.byteLength = elementsOf(header) * this.#size;
  }

  take(bytes: Uint8Array): void {
    const rest = this.#carried === 0 ? bytes : this.#completeCarried(bytes);
    const whole = rest.byteLength - (rest.byteLength % this.#size);
    if (whole > 0) this.#emit(rest.subarray(0, whole));
    const tail = rest.subarray(whole);
    this.#carry.set(tail, this.#carried);
    this.#carried += tail.byteLength;
  }

  #completeCarried(bytes: Uint8Array): Uint8Array {
    const missing = bytes.subarray(0, this.#size - this.#carried);
    this.#carry.set(missing, this.#carried);
    this.#carried += missing.byteLength;
    if (this.#carried === this.#size) {
      this.#carried = 0;
      this.#emit(this.#carry);
    }
    return bytes.subarray(missing.byteLength);
  }

  #emit(bytes: Uint8Array): void {
    // A typed array must start at a multiple of its element size in its buffer; pieces that do not are copied.
    const { buffer, byteOffset } = bytes.byteOffset % this.#size === 0 ? bytes : copyBytes(bytes);
    const place = { tensor: this.#tensor, start: this.#start };
    const length = bytes.byteLength / this.#size;
    if (this.#ring === 'int32') {
      this.#onRun({ ...place, ring: this.#ring, values: new Int32Array(buffer, byteOffset, length) });
    } else {
      this.#onRun({ ...place, ring: this.#ring, values: new BigInt64Array(buffer, byteOffset, length) });
    }
    this.#start += length;
  }
}
