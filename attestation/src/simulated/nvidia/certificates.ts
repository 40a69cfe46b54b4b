// Certificates in the form of NVIDIA's, signed with P-384 keys that the caller holds. NOT a vendor's: see `vendor`.
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
} from '@peculiar/x509';
import type { JsonName } from '@peculiar/x509';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { ExtraExtension, Validity } from '../certificates.ts';

export interface EcKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function generateEcKey(curve: 'P-256' | 'P-384' = 'P-384'): EcKeyPair {
  return generateKeyPairSync('ec', { namedCurve: curve });
}

export interface EcCertificateRequest {
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly validity: Validity;
  readonly publicKey: KeyObject;
  readonly issuerKey: EcKeyPair;
  /** Key usages; certificate authorities sign certificates, everybody else data. */
  readonly usages: number;
  readonly authority: boolean;
  readonly extensions: readonly ExtraExtension[];
  /** Anything but SHA-384 is what NVIDIA never does, for the verifier's tests. */
  readonly hash?: 'SHA-256' | 'SHA-384';
}

export const ecUsages = {
  authority: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  signer: KeyUsageFlags.digitalSignature,
  none: KeyUsageFlags.keyAgreement,
} as const;

/** Says in every certificate what this is. */
const organisation = 'wardround simulated silicon, proves nothing';

function nameOf(commonName: string): JsonName {
  return [{ O: [organisation] }, { CN: [commonName] }];
}

/** Signs one certificate. Returns DER. */
export async function signEcCertificate(request: EcCertificateRequest): Promise<Bytes> {
  const { issuerKey, hash = 'SHA-384' } = request;
  const namedCurve = issuerKey.privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'P-256' : 'P-384';
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: request.serial,
      subject: nameOf(request.subject),
      issuer: nameOf(request.issuer),
      notBefore: request.validity.notBefore,
      notAfter: request.validity.notAfter,
      publicKey: new PublicKey(copyBytes(request.publicKey.export({ type: 'spki', format: 'der' }))),
      signingKey: issuerKey.privateKey.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign']),
      signingAlgorithm: { name: 'ECDSA', hash },
      extensions: [
        ...(request.authority ? [new BasicConstraintsExtension(true, undefined, true)] : []),
        new KeyUsagesExtension(request.usages, true),
        ...request.extensions.map(
          ({ oid, value, critical }) => new Extension(oid, critical ?? false, copyBytes(value)),
        ),
      ],
    },
    webcrypto,
  );
  return copyBytes(new Uint8Array(certificate.rawData));
}
