// The signature schemes that vendors sign certificates and lists with. Each vendor has exactly one; a verifier names the one it expects, and any
// other is refused, however well it verifies.
import type { KeyObject } from 'node:crypto';
import { constants, verify } from 'node:crypto';
import { z } from 'zod';
import type { Bytes } from '@wardround/protocol/bytes';

/** What an AlgorithmIdentifier says: padding or curve family, and hash; `other` is none that we know. */
export type SignatureAlgorithm = 'rsaPssSha384' | 'rsaPkcs1Sha256' | 'ecdsaSha256' | 'ecdsaSha384' | 'other';

const hashed = (name: string, hash: string): z.ZodType =>
  z.object({ name: z.literal(name), hash: z.object({ name: z.literal(hash) }) });

const known: readonly (readonly [Exclude<SignatureAlgorithm, 'other'>, z.ZodType])[] = [
  ['rsaPssSha384', z.intersection(hashed('RSA-PSS', 'SHA-384'), z.object({ saltLength: z.literal(48) }))],
  ['rsaPkcs1Sha256', hashed('RSASSA-PKCS1-v1_5', 'SHA-256')],
  ['ecdsaSha256', hashed('ECDSA', 'SHA-256')],
  ['ecdsaSha384', hashed('ECDSA', 'SHA-384')],
];

/** Reads WebCrypto's algorithm object, as @peculiar/x509 gives it. */
export function readSignatureAlgorithm(algorithm: unknown): SignatureAlgorithm {
  return known.find(([, shape]) => shape.safeParse(algorithm).success)?.[0] ?? 'other';
}

/** An algorithm together with the one kind of key that it is accepted from. */
export interface SignatureScheme {
  readonly algorithm: Exclude<SignatureAlgorithm, 'other'>;
  /** In words, for refusals. */
  readonly name: string;
  readonly keyName: string;
  readonly fits: (key: KeyObject) => boolean;
}

const rsaOf =
  (bits: number) =>
  (key: KeyObject): boolean =>
    key.asymmetricKeyType === 'rsa' && key.asymmetricKeyDetails?.modulusLength === bits;

const curve =
  (name: string) =>
  (key: KeyObject): boolean =>
    key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === name;

/** AMD: RSASSA-PSS with a salt of 48 bytes (RFC 4055). */
export const rsa4096PssSha384: SignatureScheme = {
  algorithm: 'rsaPssSha384',
  name: 'RSA-PSS with SHA-384',
  keyName: 'RSA-4096',
  fits: rsaOf(4096),
};

/** Intel. */
export const ecdsaP256Sha256: SignatureScheme = {
  algorithm: 'ecdsaSha256',
  name: 'ECDSA with SHA-256',
  keyName: 'P-256',
  fits: curve('prime256v1'),
};

/** NVIDIA. */
export const ecdsaP384Sha384: SignatureScheme = {
  algorithm: 'ecdsaSha384',
  name: 'ECDSA with SHA-384',
  keyName: 'P-384',
  fits: curve('secp384r1'),
};

/** TPM vendors and clouds sign attestation keys' certificates with RSA of 2048 to 4096 bits. */
export const rsaPkcs1Sha256: SignatureScheme = {
  algorithm: 'rsaPkcs1Sha256',
  name: 'RSA PKCS #1 v1.5 with SHA-256',
  keyName: 'RSA-2048 to RSA-4096',
  fits: (key) => [2048, 3072, 4096].some((bits) => rsaOf(bits)(key)),
};

export interface SignedBytes {
  readonly signed: Bytes;
  /** As X.509 carries it: DER for ECDSA. */
  readonly signature: Bytes;
}

/** Whether `key` made this signature under `scheme`, for what X.509 frames but Node cannot check (lists, OCSP). Wrong keys never fit. */
export function signatureHolds(scheme: SignatureScheme, key: KeyObject, { signed, signature }: SignedBytes): boolean {
  if (!scheme.fits(key)) return false;
  switch (scheme.algorithm) {
    case 'rsaPssSha384':
      return verify('sha384', signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }, signature);
    case 'ecdsaSha384':
      return verify('sha384', signed, { key, dsaEncoding: 'der' }, signature);
    case 'ecdsaSha256':
      return verify('sha256', signed, { key, dsaEncoding: 'der' }, signature);
    case 'rsaPkcs1Sha256':
      return verify('sha256', signed, key, signature);
  }
}
