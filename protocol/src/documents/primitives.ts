// The small types that documents are made of. Every one has exactly one textual form, so equal values are equal bytes.
import * as z from 'zod';

/** SHA-256 as 64 lower-case hex digits: document digests, thumbprints, nonces of 32 bytes. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');

/** A nonce of exactly 32 bytes, lower-case hex. */
export const nonceSchema = sha256Schema;

/** Instant in UTC with milliseconds, exactly as `Date.prototype.toISOString` prints it. */
export const instantSchema = z.string().refine(isInstant, 'expected an instant such as 2027-03-31T23:59:59.000Z');

function isInstant(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(text)) return false;
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString() === text;
}

/** A real number that matters, as its one shortest decimal form: `-0.25`, `100`, never `1e-3`, `.5`, `1.0` or `-0`. */
export const decimalSchema = z
  .string()
  .max(64)
  .regex(/^(?:0|-?(?:0\.\d*[1-9]|[1-9]\d*(?:\.\d*[1-9])?))$/, 'expected a decimal such as 0.25 in its shortest form');

export const positiveDecimalSchema = decimalSchema.refine(
  (text) => text !== '0' && !text.startsWith('-'),
  'expected a decimal above 0',
);
export const nonNegativeDecimalSchema = decimalSchema.refine(
  (text) => !text.startsWith('-'),
  'expected a decimal of at least 0',
);
export const fractionSchema = nonNegativeDecimalSchema.refine(
  (text) => Number(text) <= 1,
  'expected a decimal between 0 and 1',
);

/** A party's short name: what people type, what tables show. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, 'expected 1 to 63 of a-z 0-9 . _ -');

/** A column, tensor or feature name. */
export const fieldNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/, 'expected a name of letters, digits, _ . -');

/** Text for people: no control characters, bounded. */
export const textSchema = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'expected text without control characters');

/** A code from a closed list, kebab-case. */
export const codeSchema = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/)
  .max(64);

export const countSchema = z.int().min(0);
export const positiveCountSchema = z.int().min(1);
export const seedSchema = z.int().min(0);

/** Unpadded base64url, bounded; decoders check canonicity. */
export const base64UrlSchema = (maxBytes: number): z.ZodString =>
  z
    .string()
    .max(Math.ceil((maxBytes * 4) / 3))
    .regex(/^[A-Za-z0-9_-]*$/, 'expected unpadded base64url');

/** Ed25519 public key (RFC 8037), the only signing algorithm of documents. */
export const signingPublicKeySchema = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes in base64url'),
});
export type SigningPublicKey = z.infer<typeof signingPublicKeySchema>;

/** HPKE public key; 1216 bytes for the hybrid of ML-KEM-768 and X25519. */
export const hpkePublicKeySchema = z.strictObject({
  kem: z.literal('MLKEM768-X25519'),
  key: z.string().regex(/^[A-Za-z0-9_-]{1622}$/, 'expected 1216 bytes in base64url'),
});
export type HpkePublicKey = z.infer<typeof hpkePublicKeySchema>;

/** A content-addressed blob: SHA-256 of its manifest, and its size in bytes. */
export const blobSchema = z.strictObject({ manifest: sha256Schema, size: countSchema });
export type Blob = z.infer<typeof blobSchema>;

/** An encapsulated HPKE key (1120 bytes for the hybrid KEM). */
export const encapsulationSchema = z.string().regex(/^[A-Za-z0-9_-]{1494}$/, 'expected 1120 bytes in base64url');

/** Entries in ascending order of one field, none twice: sets have one form. */
export function sortedBy<K extends string>(key: K): (items: readonly Readonly<Record<K, string>>[]) => boolean {
  return (items) => sortedStrings(items.map((item) => item[key]));
}

export function sortedStrings(items: readonly string[]): boolean {
  return items.every((item, i) => i === 0 || (items[i - 1] ?? '') < item);
}
