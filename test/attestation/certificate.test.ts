// The checks that Node's own `verify` leaves out, one at a time.
import { beforeAll, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { parseCertificate, parseCertificates, requireIssuedBy } from '@wardround/attestation/x509/certificate';
import type { Certificate } from '@wardround/attestation/x509/certificate';
import { rsa4096PssSha384 } from '@wardround/attestation/x509/signature-scheme';
import { parseCrl, requireCrlSignedBy } from '@wardround/attestation/x509/crl';
import { readAll, readSingle } from '@wardround/attestation/x509/der';
import { authorityUsages, signCertificate } from '@wardround/attestation/simulated/certificates';
import { derSequence } from '@wardround/attestation/simulated/der-writer';
import type { CertificateRequest } from '@wardround/attestation/simulated/certificates';
import type { VendorKeys } from '@wardround/attestation/simulated/vendor';
import type { World } from './world.ts';
import { at, dayMs, makeWorld, vendorKeys } from './world.ts';

let world: World;
let keys: VendorKeys;
let root: Certificate;
let intermediate: Certificate;

beforeAll(async () => {
  world = await makeWorld('Genoa');
  keys = await vendorKeys();
  root = parseCertificate(world.vendor.root);
  intermediate = parseCertificate(world.intermediate);
}, 120_000);

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? `${error.code}: ${error.got ?? ''}` : String(error);
  }
  return 'accepted';
}

async function issue(change: Partial<CertificateRequest>): Promise<Certificate> {
  const der = await signCertificate({
    subject: 'child',
    issuer: 'SEV-Genoa',
    serial: '01',
    validity: { notBefore: at, notAfter: new Date(at.getTime() + dayMs) },
    publicKey: keys.root.publicKey,
    issuerKey: keys.intermediate,
    extensions: [],
    ...change,
  });
  return parseCertificate(der);
}

describe('a certificate', () => {
  it('is issued by the authority that it names and that signed it', async () => {
    expect(refusal(() => requireIssuedBy(root, root, rsa4096PssSha384))).toBe('accepted');
    expect(refusal(() => requireIssuedBy(intermediate, root, rsa4096PssSha384))).toBe('accepted');
    const child = await issue({});
    expect(refusal(() => requireIssuedBy(child, intermediate, rsa4096PssSha384))).toBe('accepted');
  });

  it('is not issued by an authority of another name, though its key signed', async () => {
    const child = await issue({ issuer: 'SEV-Genoa2' });
    expect(refusal(() => requireIssuedBy(child, intermediate, rsa4096PssSha384))).toBe(
      'certificate-not-issued: another issuer name',
    );
  });

  it('may not be an authority itself under one that ends the path', async () => {
    const child = await issue({ authority: { usages: authorityUsages.intermediate } });
    expect(refusal(() => requireIssuedBy(child, intermediate, rsa4096PssSha384))).toBe(
      'certificate-not-issued: a path too long',
    );
  });

  it('has a fingerprint over its very bytes, and its serial as it is, zero included', () => {
    expect(root.fingerprint).toBe(world.vendor.rootSha256);
    expect(parseCertificate(world.chip.certificate).serial).toBe('00');
    expect(root.authority).toEqual({ mayIssue: true, maySignCrl: true, pathLength: undefined });
    expect(intermediate.authority).toEqual({ mayIssue: true, maySignCrl: false, pathLength: 0 });
  });

  it('is bounded', () => {
    const large = new Uint8Array(8_193).fill(0x30);
    expect(refusal(() => parseCertificate(large))).toMatch(/^certificate-malformed/);
    expect(parseCertificates([])).toEqual([]);
  });
});

describe('a revocation list', () => {
  it('counts only when signed by the issuer that it names', () => {
    const crl = parseCrl(world.crl);
    expect(refusal(() => requireCrlSignedBy(crl, root, rsa4096PssSha384))).toBe('accepted');
    expect(refusal(() => requireCrlSignedBy({ ...crl, issuer: intermediate.subject }, root, rsa4096PssSha384))).toBe(
      'crl-signature: another issuer name',
    );
    expect(refusal(() => requireCrlSignedBy(crl, intermediate, rsa4096PssSha384))).toBe(
      'crl-signature: another issuer name',
    );
    expect(refusal(() => requireCrlSignedBy({ ...crl, signatureAlgorithm: 'other' }, root, rsa4096PssSha384))).toMatch(
      /^crl-signature: another algorithm/,
    );
  });

  it('has exactly three parts, with one algorithm inside and outside', () => {
    const parts = readAll(readSingle(world.crl).value).map(({ encoded }) => encoded);
    const [list, algorithm, signature] = parts;
    if (list === undefined || algorithm === undefined || signature === undefined) throw new Error('not three parts');
    expect(refusal(() => parseCrl(derSequence(list, algorithm, signature)))).toBe('accepted');
    expect(refusal(() => parseCrl(derSequence(list, algorithm, signature, Uint8Array.of(5, 0))))).toBe(
      'crl-malformed: more than three parts',
    );
    expect(refusal(() => parseCrl(derSequence(list, algorithm)))).toBe('crl-malformed: not three parts');
    const other = Uint8Array.from(algorithm);
    other[other.byteLength - 1] = 32;
    expect(refusal(() => parseCrl(derSequence(list, other, signature)))).toBe(
      'crl-malformed: two different signature algorithms',
    );
  });
});
