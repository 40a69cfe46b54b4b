// Documents by kind: the one place where a kind's name, its schema and its signature meet.
import type { ZodType } from 'zod';
import { digestOf } from '../canonical-json.ts';
import { type AllowedKeys, parseDocument, signDocument, UNVERIFIED_peekDocument, verifyDocument } from '../jws.ts';
import type { SigningKey } from '../keys.ts';
import { WardroundError } from '../errors.ts';
import { limitsOf } from './limits.ts';
import { type DocumentKind, type DocumentOf, documentKinds, isDocumentKind } from './registry.ts';

/** A document whose signature was verified by one of the keys its reader allowed. */
export interface Verified<K extends DocumentKind> {
  readonly kind: K;
  readonly value: DocumentOf<K>;
  /** Hex; the name by which other documents call this one. */
  readonly digest: string;
  /** Thumbprint of the signing key. */
  readonly signer: string;
  readonly jws: string;
}

/** @throws WardroundError `document-invalid` where the value is not of its kind: nothing malformed is ever signed. */
export async function sign<K extends DocumentKind>(
  kind: K,
  value: DocumentOf<K>,
  key: SigningKey,
): Promise<Verified<K>> {
  parseDocument({ kind, schema: schemaOf(kind), value });
  const jws = await signDocument({ kind, value, key, limits: limitsOf(kind) });
  return { kind, value, digest: digestOf(kind, value), signer: key.thumbprint, jws };
}

/** @throws WardroundError as `verifyDocument` in jws.ts. The caller still owes: that this signer may say this, here and now. */
export async function verify<K extends DocumentKind>(kind: K, jws: string, keys: AllowedKeys): Promise<Verified<K>> {
  return { kind, ...(await verifyDocument({ jws, kind, schema: schemaOf(kind), keys, limits: limitsOf(kind) })), jws };
}

// TypeScript cannot follow a generic index into the registry, whose own type says that this holds.
function schemaOf<K extends DocumentKind>(kind: K): ZodType<DocumentOf<K>> {
  return documentKinds[kind].schema as unknown as ZodType<DocumentOf<K>>;
}

/**
 * What a record claims to be, unverified: to route it and to find the key that must have signed it.
 *
 * @throws WardroundError `document-kind` for a kind that does not exist, `jws-*`, `json-*`
 */
export function UNVERIFIED_kindOf(jws: string): { kind: DocumentKind; signer: string; digest: string; value: unknown } {
  const peeked = UNVERIFIED_peekDocument(jws, (kind) => limitsOf(requireKnown(kind)));
  return { ...peeked, kind: requireKnown(peeked.kind) };
}

function requireKnown(kind: string): DocumentKind {
  if (isDocumentKind(kind)) return kind;
  throw new WardroundError('document-kind', 'no such kind of document', { got: kind, action: 'stop' });
}
