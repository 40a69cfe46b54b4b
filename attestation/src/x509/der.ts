// Just enough strict DER (X.690 section 10) to frame what must not be re-encoded: exact lengths, signed bytes, small values.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';

export interface DerElement {
  readonly tag: number;
  /** The element's contents. */
  readonly value: Bytes;
  /** Tag, length and contents as they were encoded. */
  readonly encoded: Bytes;
}

export const derTags = { integer: 0x02, bitString: 0x03, octetString: 0x04, ia5String: 0x16, sequence: 0x30 } as const;

/** The one element that fills `bytes` exactly. @throws WardroundError `der-malformed`, also for trailing bytes. */
export function readSingle(bytes: Uint8Array): DerElement {
  const elements = readAll(bytes);
  const [only] = elements;
  if (only === undefined || elements.length !== 1) throw malformed(`one element, not ${elements.length}`);
  return only;
}

/** The elements that fill `bytes` exactly. @throws WardroundError `der-malformed` */
export function readAll(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  let offset = 0;
  while (offset < bytes.byteLength) {
    const element = readAt(bytes, offset);
    elements.push(element);
    offset += element.encoded.byteLength;
  }
  return elements;
}

function readAt(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw malformed('a tag and a length');
  if ((tag & 0x1f) === 0x1f) throw malformed('a low tag number');
  const { length, headerLength } =
    first < 0x80 ? { length: first, headerLength: 2 } : readLongLength(bytes, start, first);
  const end = start + headerLength + length;
  if (end > bytes.byteLength) throw malformed('contents as long as their length says');
  return {
    tag,
    value: copyBytes(bytes.subarray(start + headerLength, end)),
    encoded: copyBytes(bytes.subarray(start, end)),
  };
}

/** DER allows one encoding of a length only; four bytes are more than anything we accept. */
function readLongLength(bytes: Uint8Array, start: number, first: number): { length: number; headerLength: number } {
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw malformed('a definite length of at most four bytes');
  let length = 0;
  for (let index = 0; index < count; index += 1) {
    const byte = bytes[start + 2 + index];
    if (byte === undefined) throw malformed('a whole length');
    length = length * 256 + byte;
  }
  const shortest = length < 0x80 ? 0 : Math.ceil(length.toString(16).length / 2);
  if (shortest !== count) throw malformed('the shortest length');
  return { length, headerLength: 2 + count };
}

/** A DER INTEGER between 0 and 255 (AMD encodes 0xDB as `02 02 00 DB`: taking "byte 2" is wrong). */
export function readSmallInteger(bytes: Uint8Array): number {
  const { tag, value } = readSingle(bytes);
  const [first, second] = value;
  if (tag !== derTags.integer || first === undefined) throw malformed('an INTEGER');
  if (value.byteLength === 1 && first < 0x80) return first;
  if (value.byteLength === 2 && first === 0 && second !== undefined && second >= 0x80) return second;
  throw malformed('an INTEGER from 0 to 255 in its shortest form', toHex(value.subarray(0, 8)));
}

/** A DER IA5String of 1 to 128 printable ASCII characters. */
export function readIa5String(bytes: Uint8Array): string {
  const { tag, value } = readSingle(bytes);
  const text = Buffer.from(value).toString('latin1');
  if (tag !== derTags.ia5String || !/^[\x20-\x7e]{1,128}$/.test(text)) throw malformed('a printable IA5String');
  return text;
}

function malformed(expected: string, got?: string): WardroundError {
  return new WardroundError(
    'der-malformed',
    'not the expected DER',
    got === undefined ? { expected } : { expected, got },
  );
}
