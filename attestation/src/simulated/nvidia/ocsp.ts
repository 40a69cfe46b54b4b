// OCSP answers in the genuine form (RFC 6960), written by hand, every field at will.
import { createHash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, fromHex, utf8 } from '@wardround/protocol/bytes';
import { readAll, readSingle } from '../../x509/der.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { derBitString, derElement, derSequence } from '../der-writer.ts';
import type { EcKeyPair } from '../ec-certificates.ts';

export interface OcspFields {
  /** The certificate that the answer is about, DER, and its issuer's. */
  readonly certificate: Uint8Array;
  readonly issuer: Uint8Array;
  /** Who signs: the issuer's key, or a delegate's, whose certificate then travels along. */
  readonly key: EcKeyPair;
  readonly responder: Uint8Array;
  readonly respondBy?: 'name' | 'key';
  readonly certificates?: readonly Uint8Array[];
  readonly status?: 'good' | 'revoked' | 'hold' | 'unknown';
  readonly thisUpdate: Date;
  /** Null leaves it out. */
  readonly nextUpdate: Date | null;
  readonly nonce?: Uint8Array;
  readonly hash?: 'sha1' | 'sha256' | 'sha384';
  /** Replaces parts of the CertID, for the verifier's tests. */
  readonly serial?: Uint8Array;
  readonly issuerNameHash?: Uint8Array;
  readonly issuerKeyHash?: Uint8Array;
  readonly signatureHash?: 'sha256' | 'sha384';
  /** Added to the response's extensions. */
  readonly extensions?: readonly { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array }[];
}

const hashOids = {
  sha1: '06052b0e03021a',
  sha256: '0609608648016503040201',
  sha384: '0609608648016503040202',
} as const;
const oids = {
  basic: '06092b0601050507300101',
  nonce: '06092b0601050507300102',
  ecdsa: { sha256: '06082a8648ce3d040302', sha384: '06082a8648ce3d040303' },
} as const;

/** A whole OCSPResponse with one answer. */
export function signOcsp(fields: OcspFields): Bytes {
  const data = responseData(fields);
  const hash = fields.signatureHash ?? 'sha384';
  const signature = sign(hash, data, { key: fields.key.privateKey, dsaEncoding: 'der' });
  const certificates = fields.certificates ?? [];
  const basic = derSequence(
    data,
    derSequence(fromHex(oids.ecdsa[hash])),
    derBitString(signature),
    ...(certificates.length === 0 ? [] : [derElement(0xa0, derSequence(...certificates))]),
  );
  const bytes = derSequence(fromHex(oids.basic), derElement(0x04, basic));
  return derSequence(derElement(0x0a, Uint8Array.of(0)), derElement(0xa0, bytes));
}

/** What a responder says that does not want to answer. */
export function ocspRefusal(status: number): Bytes {
  return derSequence(derElement(0x0a, Uint8Array.of(status)));
}

function responseData(fields: OcspFields): Bytes {
  const responder = parseCertificate(fields.responder);
  const by =
    fields.respondBy === 'key'
      ? derElement(0xa2, derElement(0x04, hashOf('sha1', keyBits(responder.publicKey))))
      : derElement(0xa1, fromHex(responder.subject));
  const extensions = [
    ...(fields.nonce === undefined ? [] : [derSequence(fromHex(oids.nonce), nested(derElement(0x04, fields.nonce)))]),
    ...(fields.extensions ?? []).map(({ oid, critical, value }) =>
      derSequence(fromHex(oid), ...(critical ? [fromHex('0101ff')] : []), nested(value)),
    ),
  ];
  return derSequence(
    by,
    time(fields.thisUpdate),
    derSequence(answer(fields)),
    ...(extensions.length === 0 ? [] : [derElement(0xa1, derSequence(...extensions))]),
  );
}

function nested(value: Uint8Array): Bytes {
  return derElement(0x04, value);
}

function answer(fields: OcspFields): Bytes {
  const certificate = parseCertificate(fields.certificate);
  const issuer = parseCertificate(fields.issuer);
  const hash = fields.hash ?? 'sha384';
  const id = derSequence(
    derSequence(fromHex(hashOids[hash]), fromHex('0500')),
    derElement(0x04, fields.issuerNameHash ?? hashOf(hash, fromHex(issuer.subject))),
    derElement(0x04, fields.issuerKeyHash ?? hashOf(hash, keyBits(issuer.publicKey))),
    derElement(0x02, fields.serial ?? fromHex(certificate.serial)),
  );
  const next = fields.nextUpdate === null ? [] : [derElement(0xa0, time(fields.nextUpdate))];
  return derSequence(id, statusOf(fields), time(fields.thisUpdate), ...next);
}

function statusOf({ status = 'good', thisUpdate }: OcspFields): Bytes {
  if (status === 'good') return fromHex('8000');
  if (status === 'unknown') return fromHex('8200');
  const reason = status === 'hold' ? [derElement(0xa0, derElement(0x0a, Uint8Array.of(6)))] : [];
  return derElement(0xa1, concatBytes(time(thisUpdate), ...reason));
}

function time(at: Date): Bytes {
  return derElement(0x18, utf8(`${at.toISOString().replaceAll(/[-:T]|\.\d{3}Z/g, '')}Z`));
}

function keyBits(key: KeyObject): Bytes {
  const bits = readAll(readSingle(key.export({ type: 'spki', format: 'der' })).value)[1];
  return bits === undefined ? new Uint8Array() : bits.value.slice(1);
}

function hashOf(algorithm: string, bytes: Uint8Array): Bytes {
  return copyBytes(createHash(algorithm).update(bytes).digest());
}
