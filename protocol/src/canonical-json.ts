// Canonical JSON, the only form in which documents are signed, hashed and accepted: RFC 8785, and nothing that a reader could take two ways.
import canonicalize from 'canonicalize';
import { type Bytes, labelledSha256, toHex, utf8 } from './bytes.ts';
import { WardroundError } from './errors.ts';
import {
  type JsonValue,
  type ReadJson,
  readJson,
  requireSafeInteger,
  requireWellFormed,
  setOwn,
} from './json-scanner.ts';
import { labels } from './labels.ts';

export interface JsonLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** Where it is not given, only the bytes bound it. */
  readonly maxValues?: number;
}

export const documentLimits: JsonLimits = { maxBytes: 4 * 1024 * 1024, maxDepth: 32 };

/**
 * Parses JSON under limits and our rules (no duplicate keys, integers only, no lone surrogates), white space allowed: for files that
 * other programs write. What is signed or hashed is read by {@link parseStrictJson} instead.
 *
 * @throws WardroundError `json-too-large`, `json-utf8`, and those of `readJson`
 */
export function parseLimitedJson(bytes: Uint8Array, limits: JsonLimits = documentLimits): JsonValue {
  return read(bytes, limits).value;
}

function read(bytes: Uint8Array, { maxBytes, maxDepth, maxValues = Infinity }: JsonLimits): ReadJson {
  requireSize(bytes, maxBytes);
  return readJson(decodeUtf8(bytes), { maxDepth, maxValues });
}

function requireSize({ byteLength }: Uint8Array, maxBytes: number): void {
  if (byteLength <= maxBytes) return;
  throw new WardroundError('json-too-large', 'larger than any document may be', {
    expected: `at most ${maxBytes} bytes`,
    got: `${byteLength} bytes`,
  });
}

/**
 * Parses a document's bytes; accepts them only if they are the one RFC 8785 encoding of their value. The reader sees that as it goes:
 * encoding the value again to compare cost a hostile document's reader ten times as much.
 *
 * @throws WardroundError `json-too-large` (before anything is read), `json-utf8`, `json-syntax`, `json-depth`, `json-values`,
 * `json-duplicate-key`, `json-number`, `json-surrogate`, `json-not-canonical`
 */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits = documentLimits): JsonValue {
  const { value, canonical } = read(bytes, limits);
  if (!canonical) {
    throw new WardroundError('json-not-canonical', 'valid JSON, but not in its canonical form', {
      expected: 'the bytes of RFC 8785: sorted member names, no white space, shortest escapes',
    });
  }
  return value;
}

/**
 * The RFC 8785 bytes of a value under the same rules as {@link parseStrictJson}: what this returns, that accepts.
 *
 * @throws WardroundError `json-value` for anything that is not plain data (undefined, class instances, holes, bigint), `json-depth`
 * (cycles too), `json-number`, `json-surrogate`, `json-too-large`
 */
export function canonicalJson(value: unknown, limits: JsonLimits = documentLimits): Bytes {
  const text = canonicalize(ownCopy(value, { where: '$', depthLeft: limits.maxDepth }));
  if (text === undefined) throw new WardroundError('json-value', 'not a JSON value');
  const bytes = utf8(text);
  requireSize(bytes, limits.maxBytes);
  return bytes;
}

/** Digest of a document: hex SHA-256 over the label with its kind and the value's canonical bytes. @throws as {@link canonicalJson} */
export function digestOf(kind: string, value: unknown): string {
  return digestOfBytes(kind, canonicalJson(value));
}

/** Like {@link digestOf}, over bytes that {@link parseStrictJson} accepted. @throws WardroundError `document-kind` */
export function digestOfBytes(kind: string, bytes: Uint8Array): string {
  return toHex(labelledSha256(`${labels.document} ${requireKind(kind)}`, bytes));
}

/** @throws WardroundError `document-kind` unless `kind` is a plain word, so that it cannot run into what is hashed or typed after it. */
export function requireKind(kind: string): string {
  if (!/^[A-Za-z][A-Za-z0-9-]{0,63}$/.test(kind)) {
    throw new WardroundError('document-kind', 'not the name of a document kind', { got: kind });
  }
  return kind;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    // ignoreBOM keeps a byte order mark in the text, where it is a syntax error like any other stray character.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new WardroundError('json-utf8', 'not valid UTF-8', { cause });
  }
}

interface Place {
  readonly where: string;
  readonly depthLeft: number;
}

/** Reads each property of the caller's value once into our own plain object, so that nothing can change between check and use. */
function ownCopy(value: unknown, place: Place): JsonValue {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
      requireSafeInteger(value, place.where);
      return value;
    case 'string':
      requireWellFormed(value, place.where);
      return value;
    case 'object':
      return value === null ? null : ownContainer(value, place);
    default:
      throw notData(place.where, typeof value);
  }
}

function ownContainer(value: object, { where, depthLeft }: Place): JsonValue {
  if (depthLeft <= 0) throw new WardroundError('json-depth', 'nested too deeply', { where });
  if (Array.isArray(value)) {
    return Array.from(value, (item: unknown, index) =>
      ownCopy(item, { where: `${where}[${index}]`, depthLeft: depthLeft - 1 }),
    );
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notData(where, 'a class instance');
  if (Object.getOwnPropertySymbols(value).length > 0) throw notData(where, 'a symbol member');
  const copy = {};
  for (const [key, member] of Object.entries(value)) {
    requireWellFormed(key, where);
    setOwn(copy, key, ownCopy(member, { where: `${where}.${key}`, depthLeft: depthLeft - 1 }));
  }
  return copy;
}

function notData(where: string, got: string): WardroundError {
  return new WardroundError('json-value', 'not plain JSON data', {
    expected: 'null, boolean, integer, string, array or object',
    got,
    where,
  });
}
