// Certificates and revocation lists in the form of Intel's, signed with P-256 keys that the caller holds. NOT a vendor's: see `vendor`.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { KeyUsageFlags, X509CrlGenerator } from '@peculiar/x509';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { ExtraExtension } from '../certificates.ts';
import { asExtension, nameOf } from '../certificates.ts';
import type { EcCertificate, EcKeyPair } from '../ec-certificates.ts';
import { asEcSigningKey, generateEcKey, signOnCurve } from '../ec-certificates.ts';

/** Anything but P-256 is what Intel never does, for the verifier's tests. */
export function generateP256(namedCurve: 'P-256' | 'P-384' = 'P-256'): EcKeyPair {
  return generateEcKey(namedCurve);
}

/** Anything but SHA-256 is what Intel never does, for the verifier's tests. */
export type Hash = EcCertificate['hash'];

export interface IntelCertificateRequest extends Omit<EcCertificate, 'constraints'> {
  readonly authority: boolean;
  readonly pathLength: number | undefined;
}

export const intelUsages = {
  authority: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  signer: KeyUsageFlags.digitalSignature,
} as const;

/** Signs one certificate. Returns DER. */
export async function signIntelCertificate({
  authority,
  pathLength,
  ...request
}: IntelCertificateRequest): Promise<Bytes> {
  const constraints = { authority, pathLength: authority ? pathLength : undefined };
  return await signOnCurve({ ...request, constraints });
}

export interface IntelCrlRequest {
  readonly issuer: string;
  readonly issuerKey: EcKeyPair;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Hex serials. */
  readonly revoked: readonly string[];
  readonly extensions: readonly ExtraExtension[];
  readonly hash: Hash;
}

/** Signs one revocation list. Returns DER. */
export async function signIntelCrl(request: IntelCrlRequest): Promise<Bytes> {
  const { issuer, thisUpdate, nextUpdate, issuerKey, hash, revoked, extensions } = request;
  const crl = await X509CrlGenerator.create(
    {
      issuer: nameOf(issuer),
      thisUpdate,
      nextUpdate,
      entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: thisUpdate })),
      signingKey: asEcSigningKey(issuerKey),
      signingAlgorithm: { name: 'ECDSA', hash },
      extensions: extensions.map(asExtension),
    },
    webcrypto,
  );
  return copyBytes(new Uint8Array(crl.rawData));
}
