// A TPM's other keys: whoever certifies attestation keys certifies keys for other purposes too, under the same root.
import { describe, expect, it } from 'vitest';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { generateP256, intelUsages, signIntelCertificate } from '@wardround/attestation/simulated/intel/certificates';
import { verifyAkChain } from '@wardround/attestation/tpm/ak-chain';
import { readAttestationKey } from '@wardround/attestation/tpm/attestation-key';

const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2027-01-01T00:00:00Z') };

async function chainWith(usages: number): Promise<() => unknown> {
  const [root, leafKey] = [generateP256(), generateP256()];
  const usual = {
    issuer: 'Root',
    issuerKey: root,
    validity,
    pathLength: undefined,
    extensions: [],
    hash: 'SHA-256',
  } as const;
  const authority = await signIntelCertificate({
    ...usual,
    subject: 'Root',
    serial: '4001',
    publicKey: root.publicKey,
    usages: intelUsages.authority,
    authority: true,
  });
  const leaf = await signIntelCertificate({
    ...usual,
    subject: 'Key',
    serial: '4002',
    publicKey: leafKey.publicKey,
    usages,
    authority: false,
  });
  const key = readAttestationKey({ kind: 'given', key: leaf, certificates: [authority] });
  return () => verifyAkChain(key, [{ name: 'google-cloud', sha256: toHex(sha256(authority)) }]);
}

describe('a certificate of the pinned root for another purpose', () => {
  /** KeyUsage, RFC 5280 4.2.1.3, as its flags: keyEncipherment (an endorsement key’s), keyAgreement. */
  it.each([
    ['keyEncipherment', 4],
    ['keyAgreement', 16],
  ])('vouches for no quote: %s', async (_, usages) => {
    expect(await chainWith(usages)).toThrow(expect.objectContaining({ code: 'tpm-ak-chain' }));
  });

  it('vouches where it is for signing', async () => {
    expect(await chainWith(intelUsages.signer)).not.toThrow();
  });
});
