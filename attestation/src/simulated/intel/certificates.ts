// Certificates and revocation lists in the form of Intel's, signed with P-256 keys that the caller holds. NOT a vendor's: see `vendor`.
import 'reflect-metadata';
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import type { JsonName } from '@peculiar/x509';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { ExtraExtension, Validity } from '../certificates.ts';

export interface EcKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Anything but P-256 is what Intel never does, for the verifier's tests. */
export function generateP256(namedCurve: 'P-256' | 'P-384' = 'P-256'): EcKeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

/** Anything but SHA-256 is what Intel never does, for the verifier's tests. */
export type Hash = 'SHA-256' | 'SHA-384';

export interface IntelCertificateRequest {
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly validity: Validity;
  readonly publicKey: KeyObject;
  readonly issuerKey: EcKeyPair;
  readonly usages: number;
  readonly authority: boolean;
  readonly pathLength: number | undefined;
  readonly extensions: readonly ExtraExtension[];
  readonly hash: Hash;
}

export const intelUsages = {
  authority: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  signer: KeyUsageFlags.digitalSignature,
} as const;

/** Says in every certificate what this is. */
function nameOf(commonName: string): JsonName {
  return [{ O: ['wardround simulated silicon, proves nothing'] }, { CN: [commonName] }];
}

/** Signs one certificate. Returns DER. */
export async function signIntelCertificate(request: IntelCertificateRequest): Promise<Bytes> {
  const { issuerKey, hash, authority, pathLength, usages, extensions } = request;
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: request.serial,
      subject: nameOf(request.subject),
      issuer: nameOf(request.issuer),
      notBefore: request.validity.notBefore,
      notAfter: request.validity.notAfter,
      publicKey: new PublicKey(copyBytes(request.publicKey.export({ type: 'spki', format: 'der' }))),
      signingKey: asSigningKey(issuerKey),
      signingAlgorithm: { name: 'ECDSA', hash },
      extensions: [
        new BasicConstraintsExtension(authority, authority ? pathLength : undefined, true),
        new KeyUsagesExtension(usages, true),
        ...extensions.map(asExtension),
      ],
    },
    webcrypto,
  );
  return copyBytes(new Uint8Array(certificate.rawData));
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
      signingKey: asSigningKey(issuerKey),
      signingAlgorithm: { name: 'ECDSA', hash },
      extensions: extensions.map(asExtension),
    },
    webcrypto,
  );
  return copyBytes(new Uint8Array(crl.rawData));
}

function asSigningKey({ privateKey }: EcKeyPair): webcrypto.CryptoKey {
  const namedCurve = privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'P-256' : 'P-384';
  return privateKey.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign']);
}

function asExtension({ oid, value, critical }: ExtraExtension): Extension {
  return new Extension(oid, critical ?? false, copyBytes(value));
}
