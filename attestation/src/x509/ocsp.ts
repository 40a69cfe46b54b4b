// OCSP answers (RFC 6960): is this certificate revoked, says its issuer, or somebody to whom the issuer gave that task? The frame is read by
// our own DER reader, so that the signed bytes are those that came and nothing trails.
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ResponseData } from '@peculiar/asn1-ocsp';
import { AsnConvert } from '@peculiar/asn1-schema';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import type { Certificate } from './certificate.ts';
import { parseCertificate, requireIssuedBy } from './certificate.ts';
import type { DerElement } from './der.ts';
import { derTags, readAll, readSingle } from './der.ts';
import type { SignatureAlgorithm, SignatureScheme } from './signature-scheme.ts';
import { signatureHolds } from './signature-scheme.ts';

export type OcspStatus = 'good' | 'revoked' | 'unknown';

/** One certificate's answer. Hashes and the serial are lower-case hex. */
export interface OcspAnswer {
  readonly hash: string;
  readonly issuerNameHash: string;
  readonly issuerKeyHash: string;
  readonly serial: string;
  readonly status: OcspStatus;
  /** CRLReason of a revoked one, by its number; 6 is certificate hold. */
  readonly reason: number | undefined;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

export interface OcspResponse {
  /** DER of the responder's name, or SHA-1 of its key, as hex. */
  readonly responder: { readonly name: string } | { readonly keyHash: string };
  /** Hex, where the answer was made for a question with one. */
  readonly nonce: string | undefined;
  readonly answers: readonly OcspAnswer[];
  readonly certificates: readonly Certificate[];
  readonly signed: Bytes;
  readonly signature: Bytes;
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const oids = {
  basic: '06092b0601050507300101',
  nonce: '1.3.6.1.5.5.7.48.1.2',
  /** Extended key usage of a delegated responder, and its DER. */
  extendedKeyUsage: '2.5.29.37',
  ocspSigning: '06082b06010505070309',
} as const;

const tags = { enumerated: 0x0a, explicit0: 0xa0, responderName: 0xa1, responderKey: 0xa2 } as const;
const maxResponseBytes = 16_384;
const maxDepth = 16;
const maxAnswers = 16;
const maxCertificates = 4;

const hashNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '1.3.14.3.2.26': 'sha1',
    '2.16.840.1.101.3.4.2.1': 'sha256',
    '2.16.840.1.101.3.4.2.2': 'sha384',
    '2.16.840.1.101.3.4.2.3': 'sha512',
  }),
);

/** DER of the AlgorithmIdentifiers that we know, parameters as their specifications say. */
const signatureAlgorithms: Readonly<Record<string, SignatureAlgorithm>> = {
  '300a06082a8648ce3d040303': 'ecdsaSha384',
  '300a06082a8648ce3d040302': 'ecdsaSha256',
  '300d06092a864886f70d01010b0500': 'rsaPkcs1Sha256',
};

/** One DER OCSPResponse, whole. @throws WardroundError `ocsp-malformed`, `ocsp-unsuccessful` */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  if (der.byteLength > maxResponseBytes) throw malformed(`more than ${maxResponseBytes} bytes`);
  try {
    return describe(copyBytes(der));
  } catch (error) {
    if (error instanceof WardroundError && error.code.startsWith('ocsp-')) throw error;
    throw new WardroundError('ocsp-malformed', 'not an OCSP response that can be read', { cause: error });
  }
}

function describe(der: Bytes): OcspResponse {
  requireDer(der, maxDepth);
  const [data, algorithm, signature, certificates, ...rest] = parts(readSingle(readBasicResponse(der)));
  if (data === undefined || algorithm === undefined || signature === undefined || rest.length > 0) {
    throw malformed('not a basic response of three or four parts');
  }
  const parsed = AsnConvert.parse(data.encoded, ResponseData);
  return {
    responder: readResponder(data),
    nonce: readNonce(parsed),
    answers: readAnswers(parsed),
    certificates: readCertificates(certificates),
    signed: data.encoded,
    signature: wholeBits(signature),
    signatureAlgorithm: signatureAlgorithms[toHex(algorithm.encoded)] ?? 'other',
  };
}

/** Every nested element has one definite, shortest length: what asn1-schema reads afterwards, it cannot read in another way. */
function requireDer(bytes: Bytes, depthLeft: number): void {
  if (depthLeft === 0) throw malformed('nested too deeply');
  for (const { tag, value } of readAll(bytes)) if ((tag & 0x20) !== 0) requireDer(value, depthLeft - 1);
}

/** OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] EXPLICIT SEQUENCE { OID, OCTET STRING } } */
function readBasicResponse(der: Bytes): Bytes {
  const [status, bytes, ...rest] = parts(readSingle(der));
  if (status?.tag !== tags.enumerated || rest.length > 0) throw malformed('not an OCSP response');
  if (toHex(status.value) !== '00') {
    throw new WardroundError('ocsp-unsuccessful', 'the responder did not answer', {
      got: `status ${toHex(status.value)}`,
    });
  }
  const [type, basic, ...more] = bytes?.tag === tags.explicit0 ? parts(readSingle(bytes.value)) : [];
  if (type === undefined || toHex(type.encoded) !== oids.basic || more.length > 0) throw malformed('no basic response');
  if (basic?.tag !== derTags.octetString) throw malformed('no response bytes');
  requireDer(basic.value, maxDepth);
  return basic.value;
}

function parts(element: DerElement): readonly DerElement[] {
  if (element.tag !== derTags.sequence) throw malformed('not a SEQUENCE where one belongs');
  return readAll(element.value);
}

function wholeBits({ tag, value }: DerElement): Bytes {
  if (tag !== derTags.bitString || value[0] !== 0) throw malformed('no signature of whole bytes');
  return value.slice(1);
}

function readResponder(data: DerElement): OcspResponse['responder'] {
  const members = parts(data);
  const responder = members[0]?.tag === tags.explicit0 ? members[1] : members[0];
  if (responder?.tag === tags.responderName) return { name: toHex(responder.value) };
  if (responder?.tag !== tags.responderKey) throw malformed('no responder');
  const { tag, value } = readSingle(responder.value);
  if (tag !== derTags.octetString || value.byteLength !== 20) throw malformed('no SHA-1 of the responder’s key');
  return { keyHash: toHex(value) };
}

function readNonce(data: ResponseData): string | undefined {
  const extensions = data.responseExtensions ?? [];
  requireUnderstood(extensions, new Set([oids.nonce]));
  const nonce = extensions.find(({ extnID }) => extnID === oids.nonce);
  if (nonce === undefined) return undefined;
  const { tag, value } = readSingle(new Uint8Array(nonce.extnValue.buffer));
  if (tag !== derTags.octetString || value.byteLength === 0 || value.byteLength > 128) throw malformed('an odd nonce');
  return toHex(value);
}

function requireUnderstood(
  extensions: readonly { readonly extnID: string; readonly critical: boolean }[],
  understood: ReadonlySet<string>,
): void {
  const seen = new Set<string>();
  for (const { extnID, critical } of extensions) {
    if (seen.has(extnID)) throw malformed(`extension ${extnID} twice`);
    if (critical && !understood.has(extnID)) throw malformed(`critical extension ${extnID}`);
    seen.add(extnID);
  }
}

function readAnswers({ responses }: ResponseData): readonly OcspAnswer[] {
  if (responses.length === 0 || responses.length > maxAnswers) throw malformed(`${responses.length} answers`);
  return responses.map(({ certID, certStatus, thisUpdate, nextUpdate, singleExtensions }) => {
    requireUnderstood(singleExtensions ?? [], new Set());
    const hash = hashNames.get(certID.hashAlgorithm.algorithm);
    if (hash === undefined) throw malformed(`hash ${certID.hashAlgorithm.algorithm}`);
    if (nextUpdate === undefined) throw malformed('no next update');
    const { revoked } = certStatus;
    return {
      hash,
      issuerNameHash: toHex(new Uint8Array(certID.issuerNameHash.buffer)),
      issuerKeyHash: toHex(new Uint8Array(certID.issuerKeyHash.buffer)),
      serial: toHex(new Uint8Array(certID.serialNumber)),
      status: revoked === undefined ? (certStatus.good === undefined ? 'unknown' : 'good') : 'revoked',
      reason: revoked?.revocationReason?.reason,
      thisUpdate,
      nextUpdate,
    };
  });
}

function readCertificates(element: DerElement | undefined): readonly Certificate[] {
  if (element === undefined) return [];
  if (element.tag !== tags.explicit0) throw malformed('an odd fourth part');
  const certificates = parts(readSingle(element.value));
  if (certificates.length > maxCertificates) throw malformed(`${certificates.length} certificates`);
  return certificates.map(({ encoded }) => parseCertificate(encoded));
}

/** What a good answer proves: not revoked at `thisUpdate`, says its issuer. */
export interface OcspState {
  readonly commonName: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly nonce: string | undefined;
}

export interface OcspQuestion {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly scheme: SignatureScheme;
  readonly at: Date;
}

/** Whether any of `responses` says anything about this certificate. */
export function isAnswered({ certificate, issuer }: OcspQuestion, responses: readonly OcspResponse[]): boolean {
  return responses.some(({ answers }) => answers.some((answer) => isAbout(answer, certificate, issuer)));
}

/**
 * Every answer about the certificate is signed by its issuer or the issuer's delegate and says `good` (a hold is a revocation), and one of
 * them is current: the newest is returned. Undefined where nothing answers.
 * @throws WardroundError `ocsp-responder`, `ocsp-signature`, `ocsp-revoked`, `ocsp-unknown`, `ocsp-not-yet-valid`, `ocsp-expired`
 */
export function requireGood(question: OcspQuestion, responses: readonly OcspResponse[]): OcspState | undefined {
  const { certificate, issuer, at } = question;
  const own = responses.flatMap((response) => {
    const answers = response.answers.filter((answer) => isAbout(answer, certificate, issuer));
    if (answers.length > 0) requireOcspSigned(response, question);
    return answers.map((answer) => ({ ...answer, nonce: response.nonce }));
  });
  for (const answer of own) requireStatusGood(answer, certificate);
  if (own.length === 0) return undefined;
  const begun = own.filter(({ thisUpdate }) => thisUpdate <= at);
  const current = begun.filter(({ nextUpdate }) => at <= nextUpdate);
  const [newest] = current.toSorted((left, right) => right.thisUpdate.getTime() - left.thisUpdate.getTime());
  if (newest !== undefined) {
    const { thisUpdate, nextUpdate, nonce } = newest;
    return { commonName: certificate.commonName, thisUpdate, nextUpdate, nonce };
  }
  const detail = {
    where: certificate.commonName,
    expected: own
      .map((answer) => `${answer.thisUpdate.toISOString()} to ${answer.nextUpdate.toISOString()}`)
      .join(', '),
    got: at.toISOString(),
  };
  if (begun.length === 0) throw new WardroundError('ocsp-not-yet-valid', 'the OCSP answer is not valid yet', detail);
  throw new WardroundError('ocsp-expired', 'the OCSP answer is out of date', detail);
}

function isAbout(answer: OcspAnswer, certificate: Certificate, issuer: Certificate): boolean {
  return (
    answer.serial === certificate.serial &&
    certificate.issuer === issuer.subject &&
    answer.issuerNameHash === hashHex(answer.hash, Buffer.from(issuer.subject, 'hex')) &&
    answer.issuerKeyHash === hashHex(answer.hash, keyBits(issuer.publicKey))
  );
}

function requireStatusGood({ status, reason }: OcspAnswer, { commonName }: Certificate): void {
  if (status === 'good') return;
  if (status === 'unknown') {
    throw new WardroundError('ocsp-unknown', 'the responder does not know this certificate', { where: commonName });
  }
  throw new WardroundError('ocsp-revoked', 'a certificate is revoked', {
    where: commonName,
    got: reason === 6 ? 'on hold' : `reason ${reason ?? 'not given'}`,
    action: 'stop',
  });
}

/** RFC 6960, 4.2.2.2: the issuer itself, or a certificate that it issued for signing OCSP. */
function requireOcspSigned(response: OcspResponse, { issuer, scheme, at }: OcspQuestion): void {
  const responder = isResponder(issuer, response) ? issuer : delegateOf(response, { issuer, scheme, at });
  const { signatureAlgorithm } = response;
  if (signatureAlgorithm === scheme.algorithm && signatureHolds(scheme, responder.publicKey, response)) return;
  throw new WardroundError('ocsp-signature', 'the OCSP answer is not signed by its responder', {
    where: responder.commonName,
    expected: scheme.name,
    action: 'stop',
  });
}

function delegateOf(
  response: OcspResponse,
  { issuer, scheme, at }: Pick<OcspQuestion, 'issuer' | 'scheme' | 'at'>,
): Certificate {
  const refuse = (got: string, cause?: unknown): never => {
    throw new WardroundError('ocsp-responder', 'the OCSP answer is from nobody who may give it', {
      expected: `${issuer.commonName}, or a certificate that it issued for this`,
      got,
      cause,
      action: 'stop',
    });
  };
  const delegate = response.certificates.find((certificate) => isResponder(certificate, response));
  if (delegate === undefined) return refuse('a responder whose certificate is not there');
  try {
    requireIssuedBy(delegate, issuer, scheme);
  } catch (cause) {
    return refuse('a responder that the issuer did not make', cause);
  }
  const usage = delegate.extensions.get(oids.extendedKeyUsage);
  if (usage === undefined || !namesOcspSigning(usage.value))
    return refuse('a certificate that is not for signing OCSP');
  if (at < delegate.notBefore || at > delegate.notAfter) return refuse('a responder’s certificate out of its dates');
  return delegate;
}

function namesOcspSigning(value: Bytes): boolean {
  return parts(readSingle(value)).some(({ encoded }) => toHex(encoded) === oids.ocspSigning);
}

function isResponder(certificate: Certificate, { responder }: OcspResponse): boolean {
  return 'name' in responder
    ? certificate.subject === responder.name
    : hashHex('sha1', keyBits(certificate.publicKey)) === responder.keyHash;
}

/** The BIT STRING of a SubjectPublicKeyInfo, as CertID and ResponderID hash it. */
function keyBits(key: KeyObject): Bytes {
  const [, bits] = readAll(readSingle(key.export({ type: 'spki', format: 'der' })).value);
  if (bits === undefined) throw malformed('no public key');
  return wholeBits(bits);
}

/** SHA-1 only names things here; nothing relies on its collision resistance beyond the serial and the issuer's signature. */
function hashHex(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest('hex');
}

function malformed(got: string): WardroundError {
  return new WardroundError('ocsp-malformed', 'not an OCSP response that can be accepted', { got });
}
