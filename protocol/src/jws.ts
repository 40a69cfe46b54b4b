// Signed documents: compact JWS (EdDSA) with an exact header, whose payload is canonical JSON. Everything here parses hostile text.
import { compactVerify, importJWK } from 'jose';
import { z } from 'zod';
import { type Bytes, fromBase64Url, utf8 } from './bytes.ts';
import {
  canonicalJson,
  digestOfBytes,
  documentLimits,
  type JsonLimits,
  parseStrictJson,
  requireKind,
} from './canonical-json.ts';
import { WardroundError } from './errors.ts';
import type { JsonValue } from './json-scanner.ts';
import { importVerifyingKey, type PublicKey, type SigningKey, thumbprint } from './keys.ts';

/** Four thirds of the largest payload, a header and a signature. */
export function maxJwsLength({ maxBytes }: Pick<JsonLimits, 'maxBytes'>): number {
  return Math.ceil((maxBytes * 4) / 3) + 1024;
}

// The exact set of members: `jwk jku x5c crit b64`, or anything else that could choose the key or change the payload, is one too many.
const headerSchema = z.strictObject({ alg: z.string(), kid: z.string().regex(/^[0-9a-f]{64}$/), typ: z.string() });

/** Keys whose signature is accepted: a list, or a lookup by thumbprint (hex). */
export type AllowedKeys =
  readonly PublicKey[] | ((kid: string) => PublicKey | undefined | Promise<PublicKey | undefined>);

export interface VerifiedDocument<T> {
  readonly value: T;
  /** Hex digest over the kind's label and the payload's bytes: the name by which other documents call this one. */
  readonly digest: string;
  /** Thumbprint of the key that signed. */
  readonly signer: string;
}

/** The `typ` of a document's signature: a plan can never be taken for an approval, whatever its fields. */
export function typOf(kind: string): string {
  return `wardround-${requireKind(kind)}+jws`;
}

/**
 * Signs a document: canonical bytes under the header {alg, kid, typ}. The caller has validated `value` with the kind's schema.
 *
 * @param limits the kind's: what no reader would take is never signed
 * @throws WardroundError `json-*` where the value has no canonical form, `document-kind`
 */
export async function signDocument({
  kind,
  value,
  key,
  limits = documentLimits,
}: {
  kind: string;
  value: unknown;
  key: SigningKey;
  limits?: JsonLimits;
}): Promise<string> {
  const payload = canonicalJson(value, limits);
  parseStrictJson(payload, limits);
  return await key.sign(payload, { alg: 'EdDSA', kid: key.thumbprint, typ: typOf(kind) });
}

/**
 * Verifies a signed document, in the order in which a hostile one costs least: size, form, header, signer, signature, payload, schema.
 * What the caller still owes: that this signer may say this, here and now.
 *
 * @throws WardroundError `jws-too-large`, `jws-format`, `jws-header`, `jws-typ`, `jws-signer`, `jws-signature`, `json-*`,
 * `document-invalid` with the path of what is wrong
 */
export async function verifyDocument<T>({
  jws,
  kind,
  schema,
  keys,
  limits = documentLimits,
}: {
  jws: string;
  kind: string;
  schema: z.ZodType<T>;
  keys: AllowedKeys;
  limits?: JsonLimits;
}): Promise<VerifiedDocument<T>> {
  requireLength(jws, limits);
  const parts = splitJws(jws);
  const header = readHeader(parts.header);
  requireTyp(header.typ, kind);
  const publicKey = await allowedKey(header.kid, keys);
  const payload = decodePart(parts.payload);
  if (decodePart(parts.signature).byteLength !== 64)
    throw new WardroundError('jws-signature', 'not an Ed25519 signature');
  await requireSignature(jws, publicKey);
  const value = parseDocument({ kind, schema, value: parseStrictJson(payload, limits) });
  return { value, digest: digestOfBytes(kind, payload), signer: header.kid };
}

/**
 * What a document claims to be, its signature unchecked: for relays that route and store, and for finding out which key to ask for.
 * No decision may rest on it.
 *
 * @param limitsOf asked with the kind that the header names, before the payload is looked at; it may throw for one that it does not know
 * @throws WardroundError `jws-too-large`, `jws-format`, `jws-header`, `jws-typ`, `document-kind`, `json-*`
 */
export function UNVERIFIED_peekDocument(
  jws: string,
  limitsOf: (kind: string) => JsonLimits = () => documentLimits,
): {
  kind: string;
  signer: string;
  digest: string;
  value: JsonValue;
} {
  requireLength(jws, documentLimits);
  const parts = splitJws(jws);
  const header = readHeader(parts.header);
  const kind = /^wardround-(.+)\+jws$/.exec(header.typ)?.[1];
  if (kind === undefined) throw new WardroundError('jws-typ', 'not signed as a document of ours', { got: header.typ });
  const limits = limitsOf(requireKind(kind));
  requireLength(jws, limits);
  decodePart(parts.signature);
  const payload = decodePart(parts.payload);
  const value = parseStrictJson(payload, limits);
  return { kind, signer: header.kid, digest: digestOfBytes(kind, payload), value };
}

/**
 * A value as its strict schema reads it. A schema that would change the value (defaults, coercion, stripping) is refused as well, because
 * then the digest would name something else than what was read.
 *
 * @throws WardroundError `document-invalid` with the path, `document-altered`
 */
export function parseDocument<T>({ kind, schema, value }: { kind: string; schema: z.ZodType<T>; value: unknown }): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw new WardroundError('document-invalid', first?.message ?? 'not a valid document', {
      where: [kind, ...(first?.path ?? []).map(String)].join('.'),
      cause: parsed.error,
    });
  }
  if (!sameJson(parsed.data, value)) {
    throw new WardroundError('document-altered', 'the schema would change what was signed', {
      where: kind,
      action: 'stop',
    });
  }
  return parsed.data;
}

/** Whether two values of plain data are the same, whatever the order of their members. */
function sameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [ofA, ofB] = [Object.entries(a), Object.entries(b)];
  if (ofA.length !== ofB.length) return false;
  const members = new Map<string, unknown>(ofB);
  return ofA.every(([name, member]) => members.has(name) && sameJson(member, members.get(name)));
}

function requireLength(jws: string, limits: JsonLimits): void {
  if (typeof jws !== 'string') throw new WardroundError('jws-format', 'a signed document is text');
  const longest = maxJwsLength(limits);
  if (jws.length <= longest) return;
  throw new WardroundError('jws-too-large', 'larger than such a signed document may be', {
    expected: `at most ${longest} characters`,
    got: `${jws.length} characters`,
  });
}

/** The header is decoded; the others are the caller's to decode, when it knows how large they may be. */
function splitJws(jws: string): { header: Bytes; payload: string; signature: string } {
  const [header, payload, signature, ...rest] = jws.split('.', 4);
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw new WardroundError('jws-format', 'not a compact JWS', { expected: 'three parts' });
  }
  // A second spelling of the same bytes would give one document two names.
  return { header: decodePart(header), payload, signature };
}

function decodePart(part: string): Bytes {
  try {
    return fromBase64Url(part);
  } catch (cause) {
    throw new WardroundError('jws-format', 'a part is not canonical base64url', { cause });
  }
}

function readHeader(bytes: Bytes): z.infer<typeof headerSchema> {
  const header = headerSchema.safeParse(parseHeaderJson(bytes));
  if (!header.success) {
    throw new WardroundError('jws-header', 'the header is not exactly alg, kid and typ', { cause: header.error });
  }
  if (header.data.alg !== 'EdDSA') {
    throw new WardroundError('jws-header', 'not our signature algorithm', { expected: 'EdDSA', got: header.data.alg });
  }
  return header.data;
}

function parseHeaderJson(bytes: Bytes): JsonValue {
  try {
    return parseStrictJson(bytes, { maxBytes: 1024, maxDepth: 2 });
  } catch (cause) {
    throw new WardroundError('jws-header', 'the header is not canonical JSON', { cause });
  }
}

function requireTyp(typ: string, kind: string): void {
  const expected = typOf(kind);
  if (typ !== expected)
    throw new WardroundError('jws-typ', 'signed as another kind of document', { expected, got: typ });
}

async function allowedKey(kid: string, keys: AllowedKeys): Promise<PublicKey> {
  const key = typeof keys === 'function' ? await keys(kid) : keys.find((candidate) => thumbprint(candidate) === kid);
  if (key === undefined || thumbprint(key) !== kid) {
    throw new WardroundError('jws-signer', 'signed by a key that may not sign this', { got: kid });
  }
  return importVerifyingKey(key.x);
}

async function requireSignature(jws: string, publicKey: PublicKey): Promise<void> {
  try {
    await compactVerify(utf8(jws), await importJWK({ ...publicKey }, 'EdDSA'), { algorithms: ['EdDSA'] });
  } catch (cause) {
    throw new WardroundError('jws-signature', 'the signature does not verify', { cause });
  }
}
