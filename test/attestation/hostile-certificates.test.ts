// Attacks on what lies under every verifier: dates that cannot be read, certificates without a name, answers chosen among several.
import 'reflect-metadata';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { Extension, BasicConstraintsExtension, PublicKey, X509CertificateGenerator } from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { copyBytes } from '@wardround/protocol/bytes';
import { derElement, derSequence } from '@wardround/attestation/simulated/der-writer';
import { readSingle } from '@wardround/attestation/x509/der';
import { readTime, timeTags } from '@wardround/attestation/x509/der-time';
import { parseCertificate } from '@wardround/attestation/x509/certificate';
import { parseCrl } from '@wardround/attestation/x509/crl';
import type { TdxWorld } from './tdx-world.ts';
import { makeTdxWorld } from './tdx-world.ts';

let world: TdxWorld;

beforeAll(async () => {
  world = await makeTdxWorld();
});

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'accepted';
  } catch (error) {
    return error instanceof WardroundError ? error.code : `uncoded: ${String(error)}`;
  }
}

/** The bytes with their first or second UTCTime replaced by a text of the same length. */
function withTime(der: Uint8Array, which: 0 | 1, text: string): Uint8Array {
  const bytes = Buffer.from(der);
  const first = bytes.indexOf(Buffer.from([0x17, 0x0d]));
  const at = which === 0 ? first : bytes.indexOf(Buffer.from([0x17, 0x0d]), first + 1);
  expect(first).toBeGreaterThan(0);
  bytes.write(text, at + 2, 'latin1');
  return bytes;
}

const spoiledTimes = [
  'zzzzzzzzzzzzz',
  '269923070000Z',
  '260230070000Z',
  '261123240000Z',
  '261123070060Z',
  '261123070000z',
  '26112307000xZ',
  '-6112307000Z0',
  '2611230700+01',
  '\0\0\0\0\0\0\0\0\0\0\0\0Z',
];

describe('a date that is no instant', () => {
  it.each(spoiledTimes)(
    '%j is refused in a certificate, at either end, and never read as some year long ago',
    (text) => {
      for (const which of [0, 1] as const)
        expect(codeOf(() => parseCertificate(withTime(world.vendor.root, which, text)))).toBe('certificate-malformed');
    },
  );

  it.each(spoiledTimes)('%j is refused in a revocation list', async (text) => {
    const crl = await world.vendor.issueCrl('root');
    for (const which of [0, 1] as const)
      expect(codeOf(() => parseCrl(withTime(crl, which, text)))).toBe('crl-malformed');
  });

  it('is told from one that is, in both forms', () => {
    const read = (tag: number, text: string): string | undefined =>
      readTime(readSingle(derElement(tag, Buffer.from(text, 'latin1'))))?.toISOString();
    expect(read(timeTags.utc, '491231235959Z')).toBe('2049-12-31T23:59:59.000Z');
    expect(read(timeTags.utc, '500101000000Z')).toBe('1950-01-01T00:00:00.000Z');
    expect(read(timeTags.generalized, '99991231235959Z')).toBe('9999-12-31T23:59:59.000Z');
    expect(read(timeTags.generalized, '20240229000000Z')).toBe('2024-02-29T00:00:00.000Z');
    for (const text of ['20230229000000Z', '20260101000000', '20260101000000.5Z', '260101000000Z', ''])
      expect(read(timeTags.generalized, text)).toBeUndefined();
    expect(read(0x13, '260101000000Z')).toBeUndefined();
  });
});

/** A certificate without a subject, as Google gives attestation keys. */
async function unnamed(change: {
  readonly critical?: boolean;
  readonly authority?: boolean;
  readonly san?: boolean;
}): Promise<Uint8Array> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = derSequence(derElement(0x82, Buffer.from('1234.instance', 'latin1')));
  const extensions = [
    ...(change.san === false ? [] : [new Extension('2.5.29.17', change.critical ?? true, copyBytes(name))]),
    ...(change.authority === true ? [new BasicConstraintsExtension(true, undefined, true)] : []),
  ];
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: '01',
      subject: [],
      issuer: [{ CN: ['whoever'] }],
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2027-01-01T00:00:00Z'),
      publicKey: new PublicKey(copyBytes(publicKey.export({ type: 'spki', format: 'der' }))),
      signingKey: privateKey.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions,
    },
    webcrypto,
  );
  return new Uint8Array(certificate.rawData);
}

describe('a certificate without a subject', () => {
  it('is read where a critical subjectAltName stands in its place', async () => {
    const { commonName, subject, authority } = parseCertificate(await unnamed({}));
    expect({ commonName, subject, mayIssue: authority.mayIssue }).toEqual({
      commonName: '',
      subject: '3000',
      mayIssue: false,
    });
  });

  it.each([
    ['the name may be passed over', { critical: false }],
    ['there is no name at all', { san: false }],
    ['it is an authority, which others would name as their issuer', { authority: true }],
  ])('is refused where %s', async (_case, change) => {
    const der = await unnamed(change);
    expect(codeOf(() => parseCertificate(der))).toBe('certificate-malformed');
  });
});
