// Certificates signed with keys on a curve that the caller holds, for every simulated vendor that signs so. NOT a vendor's: see each `vendor`.
import 'reflect-metadata';
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { BasicConstraintsExtension, KeyUsagesExtension, PublicKey, X509CertificateGenerator } from '@peculiar/x509';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { ExtraExtension, Validity } from './certificates.ts';
import { asExtension, nameOf } from './certificates.ts';
import type { KeyPair } from './secret-file.ts';

export type EcKeyPair = KeyPair;

export function generateEcKey(namedCurve: 'P-256' | 'P-384'): EcKeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

/** For the generators of @peculiar/x509. */
export function asEcSigningKey({ privateKey }: EcKeyPair): webcrypto.CryptoKey {
  const namedCurve = privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'P-256' : 'P-384';
  return privateKey.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign']);
}

export interface EcCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly validity: Validity;
  readonly publicKey: KeyObject;
  readonly issuerKey: EcKeyPair;
  readonly usages: number;
  /** Null where the certificate says nothing of it. */
  readonly constraints: { readonly authority: boolean; readonly pathLength: number | undefined } | null;
  readonly extensions: readonly ExtraExtension[];
  readonly hash: 'SHA-256' | 'SHA-384';
}

/** Signs one certificate. Returns DER. */
export async function signOnCurve(request: EcCertificate): Promise<Bytes> {
  const { constraints, extensions, hash, issuerKey, publicKey, usages, validity } = request;
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: request.serial,
      subject: nameOf(request.subject),
      issuer: nameOf(request.issuer),
      notBefore: validity.notBefore,
      notAfter: validity.notAfter,
      publicKey: new PublicKey(copyBytes(publicKey.export({ type: 'spki', format: 'der' }))),
      signingKey: asEcSigningKey(issuerKey),
      signingAlgorithm: { name: 'ECDSA', hash },
      extensions: [
        ...(constraints === null
          ? []
          : [new BasicConstraintsExtension(constraints.authority, constraints.pathLength, true)]),
        new KeyUsagesExtension(usages, true),
        ...extensions.map(asExtension),
      ],
    },
    webcrypto,
  );
  return copyBytes(new Uint8Array(certificate.rawData));
}
