// Writes event logs for tests, with anything in them wrong that a test asks for.
import { createHash } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, utf8 } from '@wardround/protocol/bytes';
import { noAction } from '@wardround/attestation/event-log/event-types';

const hashes: ReadonlyMap<number, { name: string; bytes: number }> = new Map([
  [0x04, { name: 'sha1', bytes: 20 }],
  [0x0b, { name: 'sha256', bytes: 32 }],
  [0x0c, { name: 'sha384', bytes: 48 }],
  [0x0d, { name: 'sha512', bytes: 64 }],
]);

const u16 = (value: number): Bytes => Uint8Array.of(value & 0xff, value >> 8);
const u32 = (value: number): Bytes => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

export interface HeaderParts {
  readonly register?: number;
  readonly type?: number;
  readonly digest?: Uint8Array;
  readonly signature?: string;
  readonly wordSize?: number;
  readonly count?: number;
  readonly algorithms?: readonly number[];
  readonly sizes?: readonly number[];
  readonly vendor?: Uint8Array;
  readonly vendorSize?: number;
}

export function headerOf(parts: HeaderParts): Bytes {
  const algorithms = parts.algorithms ?? [0x0b, 0x0c];
  const vendor = parts.vendor ?? new Uint8Array();
  const data = concatBytes(
    utf8(parts.signature ?? 'Spec ID Event03\0'),
    u32(0),
    Uint8Array.of(0, 2, 0, parts.wordSize ?? 2),
    u32(parts.count ?? algorithms.length),
    ...algorithms.flatMap((id, index) => [u16(id), u16(parts.sizes?.[index] ?? hashes.get(id)?.bytes ?? 32)]),
    Uint8Array.of(parts.vendorSize ?? vendor.byteLength),
    vendor,
  );
  return concatBytes(
    u32(parts.register ?? 0),
    u32(parts.type ?? noAction),
    parts.digest ?? new Uint8Array(20),
    u32(data.byteLength),
    data,
  );
}

export interface EventParts {
  readonly register?: number;
  readonly type?: number;
  readonly algorithms?: readonly number[];
  readonly digestCount?: number;
  /** What the digests are over, where that is not `data`. */
  readonly digestsOf?: Uint8Array;
  readonly digests?: 'zero';
  readonly data?: Uint8Array;
  readonly size?: number;
}

export function eventOf(parts: EventParts): Bytes {
  const algorithms = parts.algorithms ?? [0x0b, 0x0c];
  const data = parts.data ?? utf8('event');
  const digests = algorithms.flatMap((id) => {
    const { name, bytes } = hashes.get(id) ?? { name: 'sha256', bytes: 32 };
    const digest = createHash(name)
      .update(parts.digestsOf ?? data)
      .digest();
    return [u16(id), parts.digests === 'zero' ? new Uint8Array(bytes) : copyBytes(digest)];
  });
  return concatBytes(
    u32(parts.register ?? 1),
    u32(parts.type ?? 0x0d),
    u32(parts.digestCount ?? algorithms.length),
    ...digests,
    u32(parts.size ?? data.byteLength),
    data,
  );
}

export interface LogParts {
  readonly algorithms?: readonly number[];
  readonly header?: HeaderParts;
  readonly events?: readonly Uint8Array[];
  readonly tail?: Uint8Array;
}

export function logOf({ algorithms, header, events, tail }: LogParts): Bytes {
  const head = headerOf({ ...(algorithms === undefined ? {} : { algorithms }), ...header });
  return concatBytes(head, ...(events ?? []), tail ?? new Uint8Array());
}
