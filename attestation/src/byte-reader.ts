// Reads fixed-width integers and counted bytes front to back, never past the end: a length that lies is refused before anything is allocated.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';

export interface ByteReaderOptions {
  /** TPM structures are big-endian; firmware logs and HCL reports little-endian. */
  readonly littleEndian: boolean;
  /** Makes the refusal: what was being read, at which offset. */
  readonly refuse: (problem: string, offset: number) => Error;
}

export class ByteReader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #options: ByteReaderOptions;
  #offset = 0;

  constructor(bytes: Uint8Array, options: ByteReaderOptions) {
    this.#bytes = copyBytes(bytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#options = options;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.#offset;
  }

  u8(what: string): number {
    return this.#view.getUint8(this.#advance(1, what));
  }

  u16(what: string): number {
    return this.#view.getUint16(this.#advance(2, what), this.#options.littleEndian);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#advance(4, what), this.#options.littleEndian);
  }

  u64(what: string): bigint {
    return this.#view.getBigUint64(this.#advance(8, what), this.#options.littleEndian);
  }

  /** The next `length` bytes, copied. */
  bytes(length: number, what: string): Bytes {
    const start = this.#advance(length, what);
    return this.#bytes.slice(start, start + length);
  }

  /** Whether every byte from here to the end is `value`; also when nothing is left. */
  restIs(value: number): boolean {
    return this.#bytes.subarray(this.#offset).every((byte) => byte === value);
  }

  /** Nothing may be left. */
  end(what: string): void {
    if (this.remaining > 0) throw this.refuse(`${this.remaining} bytes after ${what}`);
  }

  refuse(problem: string): Error {
    return this.#options.refuse(problem, this.#offset);
  }

  #advance(length: number, what: string): number {
    if (length > this.remaining) throw this.refuse(`${what} of ${length} bytes where ${this.remaining} are left`);
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
