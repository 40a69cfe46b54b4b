// Signing keys (Ed25519): generated, imported, exported to a key file, and never printed.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign } from 'jose';
import { z } from 'zod';
import { fromBase64Url, toBase64Url, toHex } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { type SigningPublicKey, signingPublicKeySchema } from './documents/primitives.ts';
import { requireStrongPoint } from './ed25519-points.ts';
import { WardroundError } from './errors.ts';

const x32 = z
  .string()
  .length(43)
  .regex(/^[A-Za-z0-9_-]+$/);

/** An Ed25519 public key as documents carry it (RFC 8037). */
export type PublicKey = SigningPublicKey;

const secretKeySchema = z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: x32, d: x32 });
/** The private JWK that a key file holds (mode 0600). Secret: never log it. */
export type SecretKeyJwk = z.infer<typeof secretKeySchema>;

/** The protected header of our signatures, in canonical order. */
export interface SigningHeader {
  readonly alg: 'EdDSA';
  readonly kid: string;
  readonly typ: string;
}

/** An Ed25519 private key that signs, and shows itself to nobody who did not ask for it by name. */
export class SigningKey {
  readonly publicKey: PublicKey;
  readonly thumbprint: string;
  readonly #secret: KeyObject;

  constructor(secret: KeyObject) {
    this.publicKey = publicJwk(secret);
    this.thumbprint = thumbprint(this.publicKey);
    this.#secret = secret;
  }

  /** Compact JWS over `payload`. Documents are signed through `signDocument`, which decides header and payload. */
  async sign(payload: Uint8Array, header: SigningHeader): Promise<string> {
    return await new CompactSign(payload).setProtectedHeader({ ...header }).sign(this.#secret);
  }

  /** The secret, for the writer of the key file and for nobody else. */
  exportSecret(): SecretKeyJwk {
    return secretKeySchema.parse(this.#secret.export({ format: 'jwk' }));
  }

  toString(): string {
    return `SigningKey ${this.thumbprint} [redacted]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A fresh Ed25519 key from the operating system's randomness. */
export function generateSigningKey(): SigningKey {
  return new SigningKey(generateKeyPairSync('ed25519').privateKey);
}

/**
 * Reads a private JWK as {@link SigningKey.exportSecret} wrote it.
 *
 * @throws WardroundError `key-invalid` (never quoting the input) when it is malformed or its halves do not belong together
 */
export function importSigningKey(jwk: unknown): SigningKey {
  const parsed = secretKeySchema.safeParse(jwk);
  if (!parsed.success) throw invalid('not an Ed25519 private key');
  const { kty, crv, x, d } = parsed.data;
  if (!isCanonical32(x) || !isCanonical32(d)) throw invalid('not an Ed25519 private key');
  const key = new SigningKey(createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' }));
  if (key.publicKey.x !== x) throw invalid('the private key does not belong to its public half');
  return key;
}

/**
 * Checks a public key's `x` and returns the key. A key of small order is refused: under it one signature fits many messages.
 *
 * @throws WardroundError `key-invalid`, `key-weak`
 */
export function importVerifyingKey(x: string): PublicKey {
  if (!x32.safeParse(x).success || !isCanonical32(x)) throw invalid('not an Ed25519 public key');
  requireStrongPoint(fromBase64Url(x));
  return { kty: 'OKP', crv: 'Ed25519', x };
}

/** RFC 7638 thumbprint, SHA-256, as lower-case hex. @throws WardroundError `key-invalid`, `key-weak` */
export function thumbprint(publicKey: PublicKey): string {
  const { kty, crv, x } = importVerifyingKey(publicKey.x);
  return toHex(createHash('sha256').update(canonicalJson({ kty, crv, x })).digest());
}

function publicJwk(secret: KeyObject): PublicKey {
  if (secret.type !== 'private' || secret.asymmetricKeyType !== 'ed25519') throw invalid('not an Ed25519 private key');
  return signingPublicKeySchema.parse(createPublicKey(secret).export({ format: 'jwk' }));
}

function isCanonical32(text: string): boolean {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.byteLength === 32 && toBase64Url(bytes) === text;
}

function invalid(message: string): WardroundError {
  return new WardroundError('key-invalid', message, {
    expected: 'an OKP JWK with crv Ed25519 and canonical 32-byte members',
  });
}
