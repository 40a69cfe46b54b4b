// The bundle's format, strictly, and the 64 bytes that bind it.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { reportDataFor } from '@wardround/attestation/binding';
import type { Evidence } from '@wardround/attestation/evidence';
import { evidenceDigest, parseEvidence, parseEvidenceBytes } from '@wardround/attestation/evidence';

const hex = '0a'.repeat(32);
const bundle: Evidence = {
  kind: 'Evidence',
  version: 1,
  binding: { nonce: hex, sessionOpen: hex, gpuEvidence: 'none', carriedBy: 'cpu' },
  evidence: [
    { type: 'sevSnp', report: 'AAAA' },
    { type: 'tdx', quote: 'AAAA', eventLog: 'none' },
    { type: 'nvidiaGpu', report: 'AAAA', certificates: ['AAAA'] },
    { type: 'nvSwitch', report: 'AAAA', certificates: ['AAAA'] },
    {
      type: 'tpmQuote',
      hclReport: 'AAAA',
      certificates: [],
      quote: 'AAAA',
      signature: 'AAAA',
      bank: 'sha256',
      pcrs: [{ index: 0, value: hex }],
      eventLog: 'AAAA',
    },
    { type: 'none', of: 'gpu' },
  ],
  endorsements: [
    { type: 'certificate', der: 'AAAA' },
    { type: 'crl', der: 'AAAA' },
    { type: 'rim', id: 'NV_GPU_DRIVER_GH100_550.90.07', xml: '<SoftwareIdentity/>' },
    { type: 'ocsp', response: 'AAAA' },
    {
      type: 'tdxCollateral',
      tcbInfo: '{}',
      tcbInfoIssuerChain: ['AAAA'],
      qeIdentity: '{}',
      qeIdentityIssuerChain: ['AAAA'],
      pckCrl: 'AAAA',
      pckCrlIssuerChain: ['AAAA'],
      rootCrl: 'AAAA',
    },
  ],
};

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? `${error.code} ${error.where ?? ''}`.trim() : String(error);
  }
  return 'accepted';
}

describe('an evidence bundle', () => {
  it('holds every kind of evidence and endorsement that later verifiers need', () => {
    expect(parseEvidence(bundle)).toEqual(bundle);
    expect(parseEvidenceBytes(canonicalJson(bundle))).toEqual(bundle);
  });

  it.each([
    ['another kind', { ...bundle, kind: 'Proof' }, 'evidence-invalid kind'],
    ['another version', { ...bundle, version: 2 }, 'evidence-invalid version'],
    ['an unknown member', { ...bundle, note: '' }, 'evidence-invalid $'],
    ['no evidence', { ...bundle, evidence: [] }, 'evidence-invalid evidence'],
    [
      'too much evidence',
      { ...bundle, evidence: Array.from({ length: 33 }, () => ({ type: 'none', of: 'gpu' })) },
      'evidence-invalid evidence',
    ],
    ['evidence of an unknown type', { ...bundle, evidence: [{ type: 'sgx' }] }, 'evidence-invalid evidence.0.type'],
    [
      'an oversized report',
      { ...bundle, evidence: [{ type: 'sevSnp', report: 'A'.repeat(6000) }] },
      'evidence-invalid evidence.0.report',
    ],
    [
      'padded base64',
      { ...bundle, evidence: [{ type: 'sevSnp', report: 'AA==' }] },
      'evidence-invalid evidence.0.report',
    ],
    ['a short nonce', { ...bundle, binding: { ...bundle.binding, nonce: 'ab' } }, 'evidence-invalid binding.nonce'],
    [
      'an upper-case nonce',
      { ...bundle, binding: { ...bundle.binding, nonce: hex.toUpperCase() } },
      'evidence-invalid binding.nonce',
    ],
    ['another absence', { ...bundle, evidence: [{ type: 'none', of: 'cpu' }] }, 'evidence-invalid evidence.0.of'],
  ])('with %s is refused at its path', (_, value, code) => {
    expect(codeOf(() => parseEvidence(value))).toBe(code);
  });

  it('as bytes is refused unless canonical and bounded', () => {
    expect(codeOf(() => parseEvidenceBytes(Buffer.from(JSON.stringify(bundle, null, 1))))).toBe('json-not-canonical');
    expect(codeOf(() => parseEvidenceBytes(new Uint8Array(1_500_001)))).toBe('json-too-large');
    expect(codeOf(() => parseEvidenceBytes(Buffer.from('['.repeat(10_000))))).toMatch(/^json-/);
  });

  it('has a digest that changes with any of its parts', () => {
    const changed = { ...bundle, endorsements: bundle.endorsements.slice(1) };
    expect(evidenceDigest(bundle)).toMatch(/^[0-9a-f]{64}$/);
    expect(evidenceDigest(changed)).not.toBe(evidenceDigest(bundle));
  });
});

describe('report data', () => {
  it('is SHA-512 over the label, a zero byte and the canonical JSON of what it binds', () => {
    const json = `{"gpuEvidence":"none","nonce":"${hex}","sessionOpen":"${'0b'.repeat(32)}"}`;
    const expected = createHash('sha512').update(`wardround/v1 report-data\0${json}`).digest('hex');
    expect(toHex(reportDataFor({ nonce: hex, sessionOpen: '0b'.repeat(32), gpuEvidence: 'none' }))).toBe(expected);
  });

  it('differs for each nonce, session and GPU', () => {
    const base = { nonce: hex, sessionOpen: hex, gpuEvidence: 'none' } as const;
    const other = 'ee'.repeat(32);
    const all = [
      base,
      { ...base, nonce: other },
      { ...base, sessionOpen: other },
      { ...base, gpuEvidence: other },
      { ...base, gpuEvidence: hex },
    ];
    expect(new Set(all.map((binding) => toHex(reportDataFor(binding)))).size).toBe(all.length);
  });
});
