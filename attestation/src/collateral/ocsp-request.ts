// An OCSP question (RFC 6960, 4.1.1) about one certificate, without a nonce: the answer is for a mirror, and is judged by its dates.
import { createHash } from 'node:crypto';
import { CertID, OCSPRequest, Request, TBSRequest } from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { fromHex } from '@wardround/protocol/bytes';
import { parseNvidiaCertificates } from '../nvidia/chain.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readAll, readSingle } from '../x509/der.ts';

/** SHA-1 only names the issuer, and is what every responder understands (RFC 5019, 2.1.1). */
const sha1 = '1.3.14.3.2.26';

/**
 * @param chain PEM, in order, with the certificate and its issuer
 * @param fingerprint SHA-256 of the certificate that is asked about, hex
 * @returns DER
 * @throws WardroundError `collateral-chain-missing`, and those of the parser
 */
export function ocspRequest(chain: Bytes, fingerprint: string): Bytes {
  const certificates = parseNvidiaCertificates([chain]);
  const position = certificates.findIndex((certificate) => certificate.fingerprint === fingerprint);
  const certificate = certificates[position];
  const issuer = certificates[position + 1];
  if (certificate === undefined || issuer === undefined) {
    throw new WardroundError('collateral-chain-missing', 'the certificate and its issuer are not in the chain', {
      where: fingerprint,
    });
  }
  const request = new Request({ reqCert: certId(certificate, issuer) });
  const der = AsnConvert.serialize(new OCSPRequest({ tbsRequest: new TBSRequest({ requestList: [request] }) }));
  return new Uint8Array(der);
}

function certId(certificate: Certificate, issuer: Certificate): CertID {
  const [, bits] = readAll(readSingle(issuer.publicKey.export({ type: 'spki', format: 'der' })).value);
  return new CertID({
    // With the NULL that RFC 3370 writes for SHA-1.
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: sha1, parameters: Uint8Array.of(5, 0).buffer }),
    issuerNameHash: digest(fromHex(issuer.subject)),
    issuerKeyHash: digest(bits?.value.slice(1) ?? new Uint8Array(0)),
    serialNumber: fromHex(certificate.serial).buffer,
  });
}

function digest(bytes: Uint8Array): OctetString {
  return new OctetString(createHash('sha1').update(bytes).digest());
}
