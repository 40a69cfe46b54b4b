// Bytes and their two text forms, strictly: no trimming, no padding repaired, no upper case where lower is meant.
import { createHash, timingSafeEqual } from 'node:crypto';
import { WardroundError } from './errors.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** @throws WardroundError `encoding-hex` unless `text` is an even number of lower-case hex digits (exactly `byteLength` bytes where given). */
export function fromHex(text: string, byteLength?: number): Bytes {
  if (!/^(?:[0-9a-f]{2})*$/.test(text) || (byteLength !== undefined && text.length !== 2 * byteLength)) {
    const expected = byteLength === undefined ? 'lower-case hex' : `${2 * byteLength} lower-case hex digits`;
    throw new WardroundError('encoding-hex', 'not the expected hexadecimal text', { expected, got: text });
  }
  return copyBytes(Buffer.from(text, 'hex'));
}

/** Unpadded base64url, RFC 4648 section 5. */
export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/** @throws WardroundError `encoding-base64url` unless `text` is the one canonical unpadded encoding of its bytes. */
export function fromBase64Url(text: string): Bytes {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) {
    throw new WardroundError('encoding-base64url', 'not canonical base64url', {
      expected: 'unpadded base64url, RFC 4648 section 5',
      got: text,
    });
  }
  return copyBytes(bytes);
}

/** A copy with its own, exactly sized ArrayBuffer (WebCrypto wants that, and callers cannot change it later). */
export function copyBytes(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  const total = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const out = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.byteLength;
  }
  return out;
}

/** Constant time for equal lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return digestOf('sha256', parts);
}

export function sha384(...parts: readonly Uint8Array[]): Bytes {
  return digestOf('sha384', parts);
}

export function sha512(...parts: readonly Uint8Array[]): Bytes {
  return digestOf('sha512', parts);
}

function digestOf(algorithm: string, parts: readonly Uint8Array[]): Bytes {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return copyBytes(hash.digest());
}

/** SHA-256 over `label ‖ 0x00 ‖ parts`: the labels contain no zero byte, so no two labels' inputs can meet. */
export function labelledSha256(label: string, ...parts: readonly Uint8Array[]): Bytes {
  return sha256(utf8(label), Uint8Array.of(0), ...parts);
}

/** SHA-512 over `label ‖ 0x00 ‖ parts`. */
export function labelledSha512(label: string, ...parts: readonly Uint8Array[]): Bytes {
  return sha512(utf8(label), Uint8Array.of(0), ...parts);
}
