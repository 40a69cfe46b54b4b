// X.509 certificates: parsed once into plain facts, and the checks that Node's own `verify` leaves out.
import 'reflect-metadata';
import { X509Certificate as NodeCertificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509Certificate } from '@peculiar/x509';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, sha256, toHex } from '@wardround/protocol/bytes';
import { derTags, readAll, readSingle } from './der.ts';
import { readTime } from './der-time.ts';
import { ParsedOnce } from './parsed-once.ts';
import { readArmoured } from './pem.ts';
import type { SignatureAlgorithm, SignatureScheme } from './signature-scheme.ts';
import { readSignatureAlgorithm } from './signature-scheme.ts';

export interface CertificateExtension {
  readonly critical: boolean;
  readonly value: Bytes;
}

export interface Certificate {
  readonly der: Bytes;
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string;
  /** DER of the names, as hex: compared whole, never by display form. */
  readonly subject: string;
  readonly issuer: string;
  /** Empty where the subject is: then a critical subjectAltName stands in its place (RFC 5280, 4.1.2.6; Google's attestation keys). */
  readonly commonName: string;
  /** Lower-case hex of the INTEGER's contents; AMD's leaves carry the non-positive serial 0. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
  readonly authority: {
    readonly mayIssue: boolean;
    readonly maySignCrl: boolean;
    readonly pathLength: number | undefined;
  };
  readonly publicKey: KeyObject;
  /** How it is signed; whether that is accepted is its verifier's word. */
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const limits = { label: 'CERTIFICATE', maxInputBytes: 65_536 } as const;
const usualCount = 16;
const maxCertificateBytes = 8_192;
const subjectAlternativeName = '2.5.29.17';
/** Key usage, subjectAltName (whom a certificate names is for nobody to rely on here: keys count, and who vouches for them), basic constraints. */
const understoodCritical: ReadonlySet<string> = new Set(['2.5.29.15', subjectAlternativeName, '2.5.29.19']);
const emptyName = '3000';

/**
 * Every certificate in `inputs` (PEM or DER by content), exact duplicates dropped.
 * @param maxObjects more than these are refused before any is parsed
 * @throws WardroundError `certificate-malformed`, `pem-malformed`, `pem-too-large`
 */
export function parseCertificates(inputs: readonly Uint8Array[], maxObjects = usualCount): readonly Certificate[] {
  const seen = new Map<string, Certificate>();
  for (const der of readArmoured(inputs, { ...limits, maxObjects })) {
    const certificate = parseCertificate(der);
    seen.set(certificate.fingerprint, certificate);
  }
  return [...seen.values()];
}

/**
 * One DER certificate, whole: no trailing bytes, no duplicate extension, no critical extension we do not understand.
 * @throws WardroundError `certificate-malformed`
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.byteLength > maxCertificateBytes) throw malformed(`more than ${maxCertificateBytes} bytes`);
  if (readSingle(der).tag !== derTags.sequence) throw malformed('not a SEQUENCE');
  const fingerprint = toHex(sha256(der));
  return parsedOnce.get(fingerprint, () => parseNew(copyBytes(der), fingerprint));
}

/** A TDX quote with its collateral has 9 different certificates, a machine with 8 GPUs and their manifests about 60. */
const parsedOnce = new ParsedOnce<Certificate>(256);

function parseNew(der: Bytes, fingerprint: string): Certificate {
  try {
    return describe(der, fingerprint);
  } catch (error) {
    if (error instanceof WardroundError) throw error;
    throw new WardroundError('certificate-malformed', 'not a certificate that can be read', { cause: error });
  }
}

function describe(der: Bytes, fingerprint: string): Certificate {
  const parsed = new X509Certificate(der);
  const subject = toHex(new Uint8Array(parsed.subjectName.toArrayBuffer()));
  const extensions = readExtensions(parsed);
  const authority = readAuthority(parsed);
  const isUnnamed = subject === emptyName && extensions.get(subjectAlternativeName)?.critical === true;
  if (isUnnamed && parsed.getExtension(BasicConstraintsExtension)?.ca === true)
    throw malformed('an authority without a name');
  return {
    der,
    fingerprint,
    subject,
    issuer: toHex(new Uint8Array(parsed.issuerName.toArrayBuffer())),
    commonName: isUnnamed ? '' : onlyCommonName(parsed),
    serial: parsed.serialNumber.toLowerCase(),
    ...readValidity(der),
    extensions,
    authority,
    publicKey: new NodeCertificate(der).publicKey,
    signatureAlgorithm: readSignatureAlgorithm(parsed.signatureAlgorithm),
  };
}

/** RFC 5280, 4.1: in a TBSCertificate, behind an optional version, serial, signature algorithm and issuer. */
function readValidity(der: Bytes): Pick<Certificate, 'notBefore' | 'notAfter'> {
  const [signed] = readAll(readSingle(der).value);
  const fields = signed === undefined ? [] : readAll(signed.value);
  const validity = fields[fields[0]?.tag === versionTag ? 4 : 3];
  const [notBefore, notAfter, ...more] = (validity === undefined ? [] : readAll(validity.value)).map(readTime);
  if (notBefore === undefined || notAfter === undefined || more.length > 0)
    throw malformed('dates that are not two instants');
  return { notBefore, notAfter };
}

const versionTag = 0xa0;

function onlyCommonName(parsed: X509Certificate): string {
  const names = parsed.subjectName.getField('CN');
  const [name] = names;
  if (name === undefined || names.length !== 1) throw malformed('not exactly one common name');
  return name;
}

/** A second extension of the same kind would let two readers of one certificate see two machines. */
function readExtensions(parsed: X509Certificate): ReadonlyMap<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>();
  for (const { type, critical, value } of parsed.extensions) {
    if (extensions.has(type)) throw malformed(`extension ${type} twice`);
    if (critical && !understoodCritical.has(type))
      throw malformed(`critical extension ${type}, which we do not understand`);
    extensions.set(type, { critical, value: new Uint8Array(value) });
  }
  return extensions;
}

function readAuthority(parsed: X509Certificate): Certificate['authority'] {
  const constraints = parsed.getExtension(BasicConstraintsExtension);
  const usages = parsed.getExtension(KeyUsagesExtension)?.usages ?? 0;
  const isCa = constraints?.ca === true && constraints.critical;
  return {
    mayIssue: isCa && (usages & KeyUsageFlags.keyCertSign) !== 0,
    maySignCrl: isCa && (usages & KeyUsageFlags.cRLSign) !== 0,
    pathLength: constraints?.pathLength,
  };
}

/**
 * Refuses unless `issuer` signed `certificate` with `scheme` and may do so. Node's `verify` checks the signature alone: names, CA
 * flag, key usage and path length are checked here, dates by whoever asks.
 * @throws WardroundError `certificate-not-issued`
 */
export function requireIssuedBy(certificate: Certificate, issuer: Certificate, scheme: SignatureScheme): void {
  const refuse = (got: string): never => {
    throw new WardroundError(
      'certificate-not-issued',
      `${certificate.commonName} is not issued by ${issuer.commonName}`,
      { got },
    );
  };
  if (certificate.issuer !== issuer.subject) refuse('another issuer name');
  if (!issuer.authority.mayIssue) refuse('an issuer that is no certificate authority');
  if (certificate.authority.mayIssue && certificate !== issuer && issuer.authority.pathLength === 0)
    refuse('a path too long');
  if (!scheme.fits(issuer.publicKey)) refuse(`an issuer key that is not ${scheme.keyName}`);
  if (certificate.signatureAlgorithm !== scheme.algorithm) refuse(`another signature algorithm than ${scheme.name}`);
  if (!new NodeCertificate(certificate.der).verify(issuer.publicKey)) refuse('a signature that does not verify');
}

function malformed(got: string): WardroundError {
  return new WardroundError('certificate-malformed', 'not a certificate that can be accepted', { got });
}
