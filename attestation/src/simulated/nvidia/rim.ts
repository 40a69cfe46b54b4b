// Writes and signs reference manifests as NVIDIA does. The text is written in its canonical form (C14N 1.1) by hand, so that signing needs
// no XML library and the verifier's library is checked against something else than itself.
import { sign } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { sha384, utf8 } from '@wardround/protocol/bytes';
import { xmlAlgorithms } from '../../xml/signature.ts';
import type { EcKeyPair } from '../ec-certificates.ts';
import { simulatedMeasurement } from './report.ts';

export interface RimMeasurement {
  readonly index: number;
  readonly active: boolean;
  readonly alternatives: readonly string[];
}

export interface RimFields {
  readonly chip: string;
  readonly edition: 'GPU' | 'SWITCH';
  readonly version: string;
  readonly measurements: readonly RimMeasurement[];
}

export interface RimSigner {
  readonly key: EcKeyPair;
  /** DER, signer first. */
  readonly certificates: readonly Uint8Array[];
}

const namespaces =
  'xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" xmlns:ns0="http://standards.iso.org/iso/19770/-2/2015/schema.xsd"';
const hashes = 'xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384"';
const dsig = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"';

/** Measurements 0 to 63 as a simulated device has them, `active` those that the manifest speaks for. */
export function simulatedGolden(active: readonly number[], count = 64): readonly RimMeasurement[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    active: active.includes(index),
    alternatives: [active.includes(index) ? simulatedMeasurement(index) : '0'.repeat(96)],
  }));
}

/** The signed manifest. */
export function signRim(fields: RimFields, { key, certificates }: RimSigner): Bytes {
  const body = manifestBody(fields);
  const whole = `${body}</SoftwareIdentity>`;
  const reference = [
    '<ds:Reference URI=""><ds:Transforms>',
    `<ds:Transform Algorithm="${xmlAlgorithms.enveloped}"></ds:Transform>`,
    `<ds:Transform Algorithm="${xmlAlgorithms.c14n11}"></ds:Transform>`,
    `</ds:Transforms><ds:DigestMethod Algorithm="${xmlAlgorithms.sha384}"></ds:DigestMethod>`,
    `<ds:DigestValue>${base64(sha384(utf8(whole)))}</ds:DigestValue></ds:Reference>`,
  ].join('');
  const contents = [
    `<ds:CanonicalizationMethod Algorithm="${xmlAlgorithms.c14n11}"></ds:CanonicalizationMethod>`,
    `<ds:SignatureMethod Algorithm="${xmlAlgorithms.ecdsaSha384}"></ds:SignatureMethod>`,
    reference,
  ].join('');
  // Canonical, SignedInfo carries every namespace that is in scope, the default one first, then by prefix.
  const [first, second] = namespaces.split(' xmlns:ns0');
  const canonical = `<ds:SignedInfo ${first ?? ''} ${dsig} xmlns:ns0${second ?? ''} ${hashes}>${contents}</ds:SignedInfo>`;
  const value = sign('sha384', utf8(canonical), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  const chain = certificates.map((der) => `<ds:X509Certificate>${base64(der)}</ds:X509Certificate>`).join('');
  const signature = [
    `<ds:Signature ${dsig}><ds:SignedInfo>${contents}</ds:SignedInfo>`,
    `<ds:SignatureValue>${base64(value)}</ds:SignatureValue>`,
    `<ds:KeyInfo><ds:X509Data>${chain}</ds:X509Data></ds:KeyInfo></ds:Signature>`,
  ].join('');
  return utf8(`${body}${signature}</SoftwareIdentity>`);
}

/** Everything but the closing tag, in canonical form: attributes sorted, no empty-element tags. */
function manifestBody({ chip, edition, version, measurements }: RimFields): string {
  const resources = measurements.map(({ index, active, alternatives }) => {
    const hashed = alternatives.map((hash, at) => ` ns2:Hash${at}="${hash}"`).join('');
    return `<ns0:Resource active="${active ? 'True' : 'False'}" alternatives="${alternatives.length}" index="${index}" name="Measurement_${index}" size="48" type="Measurement"${hashed}></ns0:Resource>\n`;
  });
  return [
    `<SoftwareIdentity ${namespaces} ${hashes} corpus="false" name="${chip}" patch="false" supplemental="false" tagId="simulated-${version}" tagVersion="0" version="1.0">`,
    '<ns0:Entity name="wardround simulated silicon, proves nothing" role="softwareCreator tagCreator"></ns0:Entity>',
    `<ns0:Meta PayloadType="direct" colloquialVersion="${version}" edition="${edition}" product="${chip}"></ns0:Meta>`,
    `<ns0:Payload>\n${resources.join('')}</ns0:Payload>\n`,
  ].join('\n');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
