// Writes the few DER values that certificates of chips hold, in their one encoding.
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, utf8 } from '@wardround/protocol/bytes';
import { derTags } from '../x509/der.ts';

/** 0 to 255; from 128 on with a leading zero byte. */
export function derInteger(value: number): Bytes {
  return derElement(derTags.integer, value < 0x80 ? Uint8Array.of(value) : Uint8Array.of(0, value));
}

/** `text` is ASCII. */
export function derIa5String(text: string): Bytes {
  return derElement(derTags.ia5String, utf8(text));
}

export function derSequence(...parts: readonly Uint8Array[]): Bytes {
  return derElement(derTags.sequence, concatBytes(...parts));
}

/** A BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Bytes {
  return derElement(derTags.bitString, concatBytes(Uint8Array.of(0), bytes));
}

/** Any other element; `tag` is one byte. */
export function derElement(tag: number, value: Uint8Array): Bytes {
  const { byteLength } = value;
  if (byteLength < 0x80) return concatBytes(Uint8Array.of(tag, byteLength), value);
  if (byteLength < 0x100) return concatBytes(Uint8Array.of(tag, 0x81, byteLength), value);
  if (byteLength < 0x1_0000) return concatBytes(Uint8Array.of(tag, 0x82, byteLength >> 8, byteLength & 0xff), value);
  throw new RangeError(`${byteLength} bytes are more than a certificate needs`);
}
