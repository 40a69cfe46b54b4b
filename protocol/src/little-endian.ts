// Numbers on the wire are little-endian, as in memory on every machine we run on; anything else is refused rather than swapped.
import { endianness } from 'node:os';
import { WardroundError } from './errors.ts';

/** The bytes of a typed array, not copied. @throws WardroundError `platform-endianness` on a big-endian machine */
export function littleEndianBytes(view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  requireLittleEndian();
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** @throws WardroundError `platform-endianness` */
export function requireLittleEndian(): void {
  if (endianness() !== 'LE') {
    throw new WardroundError('platform-endianness', 'this machine stores numbers big-endian', { action: 'stop' });
  }
}
