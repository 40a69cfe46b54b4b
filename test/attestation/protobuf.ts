// Just enough of protobuf's wire format to read go-tpm-tools' Attestation message.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';

export interface ProtobufField {
  readonly field: number;
  readonly bytes: Bytes;
  readonly value: number;
}

/** The fields of one message, in order: numbers and byte strings alone. */
export function fieldsOf(message: Uint8Array): readonly ProtobufField[] {
  const fields: ProtobufField[] = [];
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[offset] ?? 0;
      offset += 1;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (offset < message.byteLength) {
    const tag = varint();
    const value = varint();
    const isBytes = (tag & 7) === 2;
    const bytes = isBytes ? copyBytes(message.subarray(offset, offset + value)) : new Uint8Array();
    fields.push({ field: tag >> 3, value, bytes });
    if (isBytes) offset += value;
  }
  return fields;
}

export function firstField(fields: readonly ProtobufField[], number: number): Bytes {
  return fields.find(({ field }) => field === number)?.bytes ?? new Uint8Array();
}
