// Certificates and revocation lists in the genuine format, signed by whatever key the caller holds. NOT a vendor's: see `vendor`.
import 'reflect-metadata';
import type { KeyObject } from 'node:crypto';
import { constants, sign, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import type { JsonName } from '@peculiar/x509';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { readAll, readSingle } from '../x509/der.ts';
import type { KeyPair } from './secret-file.ts';
import { derBitString, derInteger, derSequence } from './der-writer.ts';

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface ExtraExtension {
  readonly oid: string;
  readonly value: Uint8Array;
  readonly critical?: boolean;
}

export interface CertificateRequest {
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly validity: Validity;
  readonly publicKey: KeyObject;
  readonly issuerKey: RsaKeyPair;
  /** Present for certificate authorities. */
  readonly authority?: { readonly pathLength?: number; readonly usages: number };
  readonly extensions: readonly ExtraExtension[];
  /** Anything but the default is what AMD never does, for the verifier's tests. */
  readonly algorithm?: SigningAlgorithm;
}

export type SigningAlgorithm = 'pssSha384' | 'pssSha256' | 'pkcs1Sha384';

export type RsaKeyPair = KeyPair;

export const authorityUsages = {
  intermediate: KeyUsageFlags.keyCertSign,
  root: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
} as const;

const algorithms = {
  pssSha384: { name: 'RSA-PSS', hash: 'SHA-384', saltLength: 48 },
  pssSha256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  pkcs1Sha384: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
} as const;

/** Says in every certificate what this is. */
const organisation = 'wardround simulated silicon, proves nothing';

/** What every certificate of a simulated vendor calls somebody. */
export function nameOf(commonName: string): JsonName {
  return [{ O: [organisation] }, { CN: [commonName] }];
}

/** Signs one certificate, with RSA-PSS and SHA-384 as AMD does unless told otherwise. Returns DER. */
export async function signCertificate(request: CertificateRequest): Promise<Bytes> {
  const algorithm = request.algorithm ?? 'pssSha384';
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: request.serial,
      subject: nameOf(request.subject),
      issuer: nameOf(request.issuer),
      notBefore: request.validity.notBefore,
      notAfter: request.validity.notAfter,
      publicKey: asPublicKey(request.publicKey),
      signingKey: asSigningKey(request.issuerKey, algorithm),
      signingAlgorithm: algorithms[algorithm],
      extensions: [...(await authorityExtensions(request)), ...request.extensions.map(asExtension)],
    },
    webcrypto,
  );
  const der = new Uint8Array(certificate.rawData);
  return request.serial === '00' && algorithm === 'pssSha384' ? withSerialZero(der, request.issuerKey) : copyBytes(der);
}

/** AMD's leaves have the non-positive serial 0, which the generator replaces by a random one: put it back and sign again. */
function withSerialZero(der: Uint8Array, { privateKey }: RsaKeyPair): Bytes {
  const [signed, algorithm] = readAll(readSingle(der).value);
  if (signed === undefined || algorithm === undefined) throw new Error('the generator made no certificate');
  const fields = readAll(signed.value).map(({ encoded }) => encoded);
  const changed = derSequence(...fields.with(1, derInteger(0)));
  const padding = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
  return derSequence(changed, algorithm.encoded, derBitString(sign('sha384', changed, padding)));
}

async function authorityExtensions({ authority, publicKey, issuerKey }: CertificateRequest): Promise<Extension[]> {
  if (authority === undefined) return [];
  return [
    await SubjectKeyIdentifierExtension.create(asPublicKey(publicKey), false, webcrypto),
    await AuthorityKeyIdentifierExtension.create(asPublicKey(issuerKey.publicKey), false, webcrypto),
    new BasicConstraintsExtension(true, authority.pathLength, true),
    new KeyUsagesExtension(authority.usages, true),
  ];
}

export interface CrlRequest {
  readonly issuer: string;
  readonly issuerKey: RsaKeyPair;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Hex serials. */
  readonly revoked: readonly string[];
  readonly extensions: readonly ExtraExtension[];
  readonly algorithm?: SigningAlgorithm;
}

/** Signs one revocation list. Returns DER. */
export async function signCrl(request: CrlRequest): Promise<Bytes> {
  const algorithm = request.algorithm ?? 'pssSha384';
  const crl = await X509CrlGenerator.create(
    {
      issuer: nameOf(request.issuer),
      thisUpdate: request.thisUpdate,
      nextUpdate: request.nextUpdate,
      entries: request.revoked.map((serialNumber) => ({ serialNumber, revocationDate: request.thisUpdate })),
      signingKey: asSigningKey(request.issuerKey, algorithm),
      signingAlgorithm: algorithms[algorithm],
      extensions: [
        await AuthorityKeyIdentifierExtension.create(asPublicKey(request.issuerKey.publicKey), false, webcrypto),
        ...request.extensions.map(asExtension),
      ],
    },
    webcrypto,
  );
  return copyBytes(new Uint8Array(crl.rawData));
}

export function asExtension({ oid, value, critical }: ExtraExtension): Extension {
  return new Extension(oid, critical ?? false, copyBytes(value));
}

function asPublicKey(key: KeyObject): PublicKey {
  return new PublicKey(copyBytes(key.export({ type: 'spki', format: 'der' })));
}

function asSigningKey({ privateKey }: RsaKeyPair, algorithm: SigningAlgorithm): webcrypto.CryptoKey {
  const { name, hash } = algorithms[algorithm];
  return privateKey.toCryptoKey({ name, hash }, false, ['sign']);
}
