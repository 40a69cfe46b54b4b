// Attacks on TDX evidence, each against an otherwise genuine quote of a fake Intel: one thing wrong, one exact refusal.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { derElement, derSequence } from '@wardround/attestation/simulated/der-writer';
import type { IntelCertificateRequest } from '@wardround/attestation/simulated/intel/certificates';
import type { EcKeyPair } from '@wardround/attestation/simulated/ec-certificates';
import { generateP256, intelUsages } from '@wardround/attestation/simulated/intel/certificates';
import {
  platformLevelText,
  signBody,
  simpleLevelText,
  usualTcbInfo,
} from '@wardround/attestation/simulated/intel/collateral';
import { octets, unsigned } from '@wardround/attestation/simulated/intel/pck-extension';
import type { QuoteRequest } from '@wardround/attestation/simulated/intel/platform';
import { pemOf } from '@wardround/attestation/simulated/intel/platform';
import { usualTd } from '@wardround/attestation/simulated/intel/quote';
import type { CollateralOptions, PlatformOptions } from '@wardround/attestation/simulated/intel/vendor';
import { createSimulatedIntel, intelNames } from '@wardround/attestation/simulated/intel/vendor';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { sgxExtension } from '@wardround/attestation/tdx/pck';
import { tdxAuthenticitySteps, tdxCollateralSteps } from '@wardround/attestation/tdx/verify';
import { writeCcLog } from './tdx-log.ts';
import type { TdxWorld } from './tdx-world.ts';
import { at, dayMs, failuresOf, inspectIn, makeTdxWorld } from './tdx-world.ts';

let world: TdxWorld;
let stranger: EcKeyPair;

beforeAll(async () => {
  world = await makeTdxWorld();
  stranger = generateP256();
});

function bytesOf(...head: readonly number[]): Uint8Array {
  return Uint8Array.of(...head, ...new Uint8Array(16 - head.length));
}

const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);
const later = (days: number): Date => new Date(at.getTime() + days * dayMs);

describe('the fake Intel, where its root is trusted', () => {
  it('is authentic, every step ok, and called simulated', () => {
    const inspection = inspectIn(world);
    expect(inspection.steps.map(({ name }) => name)).toEqual([
      ...tdxAuthenticitySteps,
      ...tdxCollateralSteps,
      'event-log',
    ]);
    expect(inspection.steps.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual(['event-log']);
    expect(inspection).toMatchObject({
      kind: 'tdx',
      authentic: true,
      simulated: true,
      fields: { tcbStatus: 'UpToDate', advisoryIds: [], version: 5, bodyType: 'TD 1.5', debug: false },
    });
  });

  const bodies: readonly (readonly [string, QuoteRequest])[] = [
    ['version 4', { version: 4 }],
    ['version 5 with TD 1.0', { version: 5, bodyType: 2 }],
    ['a chain that ends with NUL', {}],
    ['zeros behind the quote', { behind: new Uint8Array(4096) }],
    ['no authentication data', { authData: new Uint8Array(0) }],
    ['much authentication data', { authData: filled(1000, 7) }],
  ];
  it.each(bodies)('is authentic with %s', (name, request) => {
    const nul = name.endsWith('NUL') ? { pckChain: utf8(`${world.platform.chain.map(pemOf).join('')}\0`) } : {};
    expect(inspectIn(world, { request: { ...request, ...nul } })).toMatchObject({ authentic: true });
  });

  it('is authentic with a processor’s authority and no platform instance', async () => {
    const platform = await world.vendor.issuePlatform({
      values: { platformInstanceId: undefined, sgxType: 0 },
      extension: { replace: { '07': undefined } },
      authority: { subject: intelNames.processorCa },
      leaf: { issuer: intelNames.processorCa },
    });
    expect(inspectIn(world, { quote: platform.makeQuote(), collateral: noCollateral }).authentic).toBe(true);
  });

  it('is never trusted where nobody named its root, nor where another was named', async () => {
    const twin = await createSimulatedIntel(at, world.keys);
    for (const roots of [[], [twin.rootSha256]]) {
      const inspection = inspectIn(world, { roots });
      expect(failuresOf(inspection.steps)).toEqual(['chain: tdx-root-untrusted']);
      expect(inspection).toMatchObject({ authentic: false, simulated: false });
    }
  });

  it('says nothing about the platforms of another trusted root', async () => {
    const other = await createSimulatedIntel(at);
    const collateral = await other.collateralFor(world.platform);
    const inspection = inspectIn(world, { collateral, roots: [world.vendor.rootSha256, other.rootSha256] });
    expect(failuresOf(inspection.steps)).toEqual([
      'tcb-info: tdx-root-untrusted',
      'qe-identity: tdx-root-untrusted',
      'revocation: tdx-crl-signature',
    ]);
    expect(inspection.fields?.tcbStatus).toBeNull();
  });
});

describe('a quote with one thing wrong, signed all the same', () => {
  const cases: readonly (readonly [string, QuoteRequest, string])[] = [
    ['version 3', { version: 3 }, 'quote-format: tdx-quote-version'],
    ['version 6', { version: 6 }, 'quote-format: tdx-quote-version'],
    ['a P-384 attestation key', { attestationKeyType: 3 }, 'quote-format: tdx-quote-algorithm'],
    ['an SGX enclave', { teeType: 0 }, 'quote-format: tdx-quote-tee'],
    ['a reserved field', { reserved: 1 }, 'quote-format: tdx-quote-reserved'],
    ['another quoting enclave’s vendor', { vendorId: filled(16, 1) }, 'quote-format: tdx-quote-vendor'],
    ['a body of SGX', { bodyType: 1 }, 'quote-format: tdx-quote-body'],
    ['a body type that is not known', { bodyType: 4 }, 'quote-format: tdx-quote-body'],
    ['certification data of a PPID', { qeCertification: 3 }, 'quote-format: tdx-quote-certification'],
    ['a PCK named, not shown', { pckCertification: 1 }, 'quote-format: tdx-quote-certification'],
    ['a byte behind it', { behind: Uint8Array.of(1) }, 'quote-padding: tdx-quote-trailing'],
    ['a byte behind zeros', { behind: Uint8Array.of(0, 0, 9, 0) }, 'quote-padding: tdx-quote-trailing'],
    ['no certificates', { pckChain: new Uint8Array(0) }, 'certificates: tdx-chain'],
    ['text for certificates', { pckChain: utf8('hello') }, 'certificates: tdx-chain'],
    ['a binding of another key', { qe: { reportData: filled(64, 1) } }, 'qe-report-data: tdx-qe-binding'],
  ];
  it.each(cases)('%s', (_, request, expected) => {
    const inspection = inspectIn(world, { request });
    expect(failuresOf(inspection.steps)).toEqual([expected]);
    expect(inspection.authentic).toBe(false);
  });

  it('the binding of its key followed by something else', () => {
    const quote = world.platform.makeQuote();
    const key = quote.slice(770, 834);
    const binding = sha256(
      key,
      Uint8Array.from({ length: 32 }, (_, index) => index),
    );
    const reportData = concatBytes(binding, filled(32, 1));
    expect(failuresOf(inspectIn(world, { request: { qe: { reportData } } }).steps)).toEqual([
      'qe-report-data: tdx-qe-binding',
    ]);
  });

  it('a quoting enclave that another key vouches for', () => {
    expect(failuresOf(inspectIn(world, { request: { pckKey: stranger } }).steps)).toEqual([
      'qe-report-signature: tdx-qe-signature',
    ]);
  });

  it('a signature, and an attestation key that is no point', () => {
    const quote = world.platform.makeQuote();
    const [signed, key] = [Uint8Array.from(quote), Uint8Array.from(quote)];
    signed[200] = (signed[200] ?? 0) ^ 1;
    key.fill(1, 770, 834);
    expect(failuresOf(inspectIn(world, { quote: signed }).steps)).toEqual(['quote-signature: tdx-quote-signature']);
    expect(failuresOf(inspectIn(world, { quote: key }).steps)).toEqual([
      'qe-report-data: tdx-qe-binding',
      'quote-signature: tdx-attestation-key',
    ]);
  });

  it.each([20, 96, 160, 262])('a reserved byte of the quoting enclave’s report, at %i', (offset) => {
    const quote = world.platform.makeQuote();
    quote[840 + offset] = 1;
    expect(failuresOf(inspectIn(world, { quote }).steps)).toEqual(['quote-format: tdx-quote-reserved']);
  });

  it('more bytes than any quote has', () => {
    expect(failuresOf(inspectIn(world, { request: { behind: new Uint8Array(40_000) } }).steps)).toEqual([
      'quote-format: tdx-quote-size',
    ]);
  });

  it('quotes of another time', () => {
    const last = new Date(at.getTime() + 10 * 365 * dayMs + 1000);
    const failures = (when: Date): readonly string[] =>
      failuresOf(inspectIn(world, { at: when, collateral: noCollateral }).steps);
    expect(failures(last)).toEqual(['validity: tdx-expired']);
    expect(failures(new Date(at.getTime() - 3_600_001))).toEqual(['validity: tdx-not-yet-valid']);
  });
});

describe('a platform’s certificates with one thing wrong', () => {
  const p384 = generateP256('P-384');
  const wrongUsage = { usages: intelUsages.signer };
  const cases: readonly (readonly [string, () => PlatformOptions, string])[] = [
    ['a leaf of another name', () => ({ leaf: { subject: 'Intel SGX TCB Signing' } }), 'pck: tdx-pck-name'],
    ['a leaf with a P-384 key', () => ({ leaf: { publicKey: p384.publicKey } }), 'pck: tdx-pck-key'],
    ['a leaf that is an authority', () => ({ leaf: authority }), 'pck: tdx-pck-key'],
    ['a leaf without the extension', () => ({ extensions: [] }), 'pck: tdx-pck-extension'],
    ['a leaf that a stranger signed', () => ({ leaf: { issuerKey: stranger } }), 'chain: tdx-chain'],
    ['a leaf of another issuer', () => ({ leaf: { issuer: intelNames.processorCa } }), 'chain: tdx-chain'],
    ['a leaf signed with SHA-384', () => ({ leaf: { hash: 'SHA-384' } }), 'chain: tdx-chain'],
    ['an authority that a stranger signed', () => ({ authority: { issuerKey: stranger } }), 'chain: tdx-chain'],
    ['an authority that is none', () => ({ authority: { authority: false } }), 'chain: tdx-chain'],
    ['an authority that may not issue', () => ({ authority: wrongUsage }), 'chain: tdx-chain'],
    ['an authority of another name', () => sameName('Intel SGX PCK Other CA'), 'chain: tdx-chain'],
    ['an expired leaf', () => ({ leaf: { validity: until(-1) } }), 'validity: tdx-expired'],
    ['an expired authority', () => ({ authority: { validity: until(-1) } }), 'validity: tdx-expired'],
    ['a leaf of tomorrow', () => ({ leaf: { validity: from(1) } }), 'validity: tdx-not-yet-valid'],
  ];
  const authority: Partial<IntelCertificateRequest> = { authority: true, usages: intelUsages.authority };
  const sameName = (name: string): PlatformOptions => ({ authority: { subject: name }, leaf: { issuer: name } });
  const until = (days: number): IntelCertificateRequest['validity'] => ({
    notBefore: later(-9),
    notAfter: later(days),
  });
  const from = (days: number): IntelCertificateRequest['validity'] => ({ notBefore: later(days), notAfter: later(9) });

  it.each(cases)('%s', async (_, options, expected) => {
    const platform = await world.vendor.issuePlatform(options());
    const inspection = inspectIn(world, { quote: platform.makeQuote(), collateral: noCollateral });
    expect(failuresOf(inspection.steps)).toContain(expected);
    expect(failuresOf(inspection.steps)[0]).toBe(expected);
    expect(inspection.authentic).toBe(false);
  });

  it('certificates too few, too many, twice, or in another order', () => {
    const [leaf, middle, root] = world.platform.chain.map(pemOf);
    const chains = [
      `${leaf}${middle}`,
      `${leaf}${middle}${root}${root}`,
      `${leaf}${leaf}${root}`,
      `${leaf}\n${middle}${root}`,
    ];
    for (const chain of chains) {
      const { steps } = inspectIn(world, { request: { pckChain: utf8(chain) } });
      expect(failuresOf(steps)).toEqual(['certificates: tdx-chain']);
    }
    const swapped = inspectIn(world, { request: { pckChain: utf8(`${leaf}${root}${middle}`) } });
    expect(failuresOf(swapped.steps)).toEqual(['chain: tdx-root-untrusted']);
    const backwards = inspectIn(world, { request: { pckChain: utf8(`${root}${middle}${leaf}`) } });
    expect(failuresOf(backwards.steps)).toEqual(['pck: tdx-pck-name']);
  });

  it('a root that names ours and has another key', async () => {
    const forged = await createSimulatedIntel(at, { ...world.keys, root: stranger });
    const platform = await forged.issuePlatform();
    const inspection = inspectIn(world, { quote: platform.makeQuote(), collateral: noCollateral });
    expect(failuresOf(inspection.steps)).toEqual(['chain: tdx-root-untrusted']);
  });

  const octet = (length: number): Uint8Array => octets(new Uint8Array(length));
  const members: readonly (readonly [string, PlatformOptions['extension']])[] = [
    ...['01', '02', '03', '04', '05'].map((name) => [`no member ${name}`, { replace: { [name]: undefined } }] as const),
    ...['0201', '0210', '0211', '0212'].map(
      (name) => [`no member ${name}`, { replace: { [name]: undefined } }] as const,
    ),
    ['a PPID of 15 bytes', { replace: { '01': octet(15) } }],
    ['a PCE id of 3 bytes', { replace: { '03': octet(3) } }],
    ['an FMSPC of 5 bytes', { replace: { '04': octet(5) } }],
    ['a platform instance of 8 bytes', { replace: { '06': octet(8) } }],
    ['an FMSPC that is an INTEGER', { replace: { '04': unsigned(1) } }],
    ['an SGX type that is not known', { replace: { '05': derElement(0x0a, Uint8Array.of(3)) } }],
    ['an SGX type that is an INTEGER', { replace: { '05': unsigned(1) } }],
    ['a component of 256', { replace: { '0203': unsigned(256) } }],
    ['a component below zero', { replace: { '0203': derElement(2, Uint8Array.of(0x80)) } }],
    ['a component in two ways', { replace: { '0203': derElement(2, Uint8Array.of(0, 5)) } }],
    ['an empty component', { replace: { '0203': derElement(2, new Uint8Array(0)) } }],
    ['a PCESVN of three bytes', { replace: { '0211': derElement(2, Uint8Array.of(1, 0, 0)) } }],
    ['a CPUSVN of 15 bytes', { replace: { '0212': octet(15) } }],
    ['a nineteenth member of the TCB', { replace: { '0213': unsigned(1) } }],
    ['a member that is not known', { add: [['08', unsigned(1)]] }],
    ['a second FMSPC', { add: [['04', octet(6)]] }],
    [
      'a configuration that is no BOOLEAN',
      {
        replace: {
          '07': derSequence(
            derSequence(
              derElement(6, Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 1, 0x0d, 1, 7, 1)),
              unsigned(1),
            ),
          ),
        },
      },
    ],
    ['a TCB that is no SEQUENCE', { replace: { '02': octet(4) } }],
  ];
  it.each(members)('an SGX extension with %s', async (_, extension) => {
    const platform = await world.vendor.issuePlatform(extension === undefined ? {} : { extension });
    const inspection = inspectIn(world, { quote: platform.makeQuote(), collateral: noCollateral });
    expect(failuresOf(inspection.steps)).toEqual(['pck: tdx-pck-extension']);
  });

  it.each([
    ['bytes behind it', concatBytes(derSequence(), Uint8Array.of(0))],
    ['a length that lies', Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff)],
    ['no bytes', new Uint8Array(0)],
    ['a member of a foreign arc', derSequence(derSequence(derElement(6, Uint8Array.of(42, 3, 4)), unsigned(1)))],
    ['a member of three parts', derSequence(derSequence(derElement(6, Uint8Array.of(42)), unsigned(1), unsigned(1)))],
  ])('an SGX extension that is broken: %s', async (_, value) => {
    const platform = await world.vendor.issuePlatform({ extensions: [{ oid: sgxExtension, value: copyBytes(value) }] });
    const inspection = inspectIn(world, { quote: platform.makeQuote(), collateral: noCollateral });
    expect(failuresOf(inspection.steps)).toEqual(['pck: tdx-pck-extension']);
  });
});

describe('collateral with one thing wrong, signed all the same', () => {
  const zeros = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) };
  const identity = (change: Record<string, unknown>): CollateralOptions => ({
    tcbInfo: {
      tdxModuleIdentities: [{ id: 'TDX_01', ...zeros, tcbLevels: [simpleLevelText(6, 'UpToDate')], ...change }],
    },
  });
  const malformed = 'tcb-info: tdx-collateral-malformed';
  const cases: readonly (readonly [string, CollateralOptions, string])[] = [
    ['TCB info of SGX', { tcbInfo: { id: 'SGX' } }, malformed],
    ['TCB info of version 2', { tcbInfo: { version: 2 } }, malformed],
    ['TCB info of version 4', { tcbInfo: { version: 4 } }, malformed],
    ['TCB info of another type', { tcbInfo: { tcbType: 1 } }, malformed],
    ['an FMSPC of 5 bytes', { tcbInfo: { fmspc: '00'.repeat(5) } }, malformed],
    ['no levels', { tcbInfo: { tcbLevels: [] } }, malformed],
    ['an issue date that is none', { tcbInfo: { issueDate: '2026-13-45T00:00:00Z' } }, malformed],
    ['a next update without a zone', { tcbInfo: { nextUpdate: '2027-01-01T00:00:00' } }, malformed],
    ['no evaluation number', { tcbInfo: { tcbEvaluationDataNumber: undefined } }, malformed],
    ['an evaluation number in words', { tcbInfo: { tcbEvaluationDataNumber: '20' } }, malformed],
    ['two identities of one module', twoIdentities(), malformed],
    ['15 components', { tcbInfo: { tcbLevels: [level([1], 'UpToDate')] } }, malformed],
    ['TCB info of another family', { tcbInfo: { fmspc: '00'.repeat(6) } }, 'tcb-info-platform: tdx-fmspc'],
    ['TCB info of another PCE', { tcbInfo: { pceId: '0001' } }, 'tcb-info-platform: tdx-pce-id'],
    ['TCB info of tomorrow', { tcbInfo: { issueDate: text(1) } }, 'tcb-info-current: tdx-collateral-not-yet-valid'],
    ['TCB info of yesterday', { tcbInfo: { nextUpdate: text(-1) } }, 'tcb-info-current: tdx-collateral-expired'],
    ['an identity of SGX’s enclave', { qeIdentity: { id: 'QE' } }, 'qe-identity: tdx-collateral-malformed'],
    ['an identity of version 1', { qeIdentity: { version: 1 } }, 'qe-identity: tdx-collateral-malformed'],
    [
      'an identity of tomorrow',
      { qeIdentity: { issueDate: text(1) } },
      'qe-identity-current: tdx-collateral-not-yet-valid',
    ],
    [
      'an identity of yesterday',
      { qeIdentity: { nextUpdate: text(-1) } },
      'qe-identity-current: tdx-collateral-expired',
    ],
    ['another signer of the enclave', { qeIdentity: { mrsigner: '00'.repeat(32) } }, 'qe-enclave: tdx-qe-identity'],
    ['another product', { qeIdentity: { isvprodid: 1 } }, 'qe-enclave: tdx-qe-identity'],
    ['other attributes', { qeIdentity: { attributes: '13'.padEnd(32, '0') } }, 'qe-enclave: tdx-qe-identity'],
    ['another MISCSELECT', { qeIdentity: { miscselect: '01000000' } }, 'qe-enclave: tdx-qe-identity'],
    [
      'an enclave below every level',
      { qeIdentity: { tcbLevels: [simpleLevelText(7, 'UpToDate')] } },
      'qe-enclave: tdx-tcb-no-level',
    ],
    ['no identity of this module', { tcbInfo: { tdxModuleIdentities: [] } }, 'tdx-module: tdx-module-unknown'],
    ['identities left out', { tcbInfo: { tdxModuleIdentities: undefined } }, 'tdx-module: tdx-module-unknown'],
    ['an identity of another version', identity({ id: 'TDX_03' }), 'tdx-module: tdx-module-unknown'],
    ['another signer of the module', identity({ mrsigner: '11'.repeat(48) }), 'tdx-module: tdx-module-signer'],
    ['other attributes of the module', identity({ attributes: '01'.repeat(8) }), 'tdx-module: tdx-module-attributes'],
    [
      'a module below every level',
      identity({ tcbLevels: [simpleLevelText(7, 'UpToDate')] }),
      'tdx-module: tdx-tcb-no-level',
    ],
    ['a revoked module', identity({ tcbLevels: [simpleLevelText(6, 'Revoked')] }), 'tcb-status: tdx-tcb-revoked'],
    [
      'a revoked enclave',
      { qeIdentity: { tcbLevels: [simpleLevelText(6, 'Revoked')] } },
      'tcb-status: tdx-tcb-revoked',
    ],
    ['a signer of another name', { signer: { subject: 'Intel SGX PCK Platform CA' } }, 'tcb-info: tdx-chain'],
    [
      'a signer that is an authority',
      { signer: { authority: true, usages: intelUsages.authority } },
      'tcb-info: tdx-signer',
    ],
    [
      'an expired signer',
      { signer: { validity: { notBefore: later(-9), notAfter: later(-1) } } },
      'tcb-info-current: tdx-expired',
    ],
    [
      'a signer of tomorrow',
      { signer: { validity: { notBefore: later(1), notAfter: later(9) } } },
      'tcb-info-current: tdx-not-yet-valid',
    ],
    [
      'a list of yesterday',
      { pckCrl: { nextUpdate: later(-1), thisUpdate: later(-2) } },
      'revocation: tdx-crl-expired',
    ],
    ['a list of tomorrow', { pckCrl: { thisUpdate: later(1) } }, 'revocation: tdx-crl-not-yet-valid'],
    [
      'a root’s list of yesterday',
      { rootCrl: { nextUpdate: later(-1), thisUpdate: later(-2) } },
      'revocation: tdx-crl-expired',
    ],
    ['a list of another issuer', { pckCrl: { issuer: intelNames.processorCa } }, 'revocation: tdx-crl-issuer'],
    ['a list signed with SHA-384', { pckCrl: { hash: 'SHA-384' } }, 'revocation: tdx-crl-signature'],
    [
      'a list that is a delta',
      { pckCrl: { extensions: [{ oid: '2.5.29.27', value: unsigned(1), critical: true }] } },
      'revocation: crl-malformed',
    ],
  ];

  function text(days: number): string {
    return `${later(days).toISOString().slice(0, 19)}Z`;
  }

  function level(sgx: readonly number[], status: 'UpToDate'): unknown {
    return platformLevelText({ sgx, pceSvn: 0, tdx: Array.from({ length: 16 }, () => 0) }, status);
  }

  function twoIdentities(): CollateralOptions {
    const one = { ...zeros, tcbLevels: [simpleLevelText(6, 'UpToDate')] };
    return {
      tcbInfo: {
        tdxModuleIdentities: [
          { id: 'TDX_0a', ...one },
          { id: 'TDX_0A', ...one },
        ],
      },
    };
  }

  it.each(cases)('%s', async (_, options, expected) => {
    const collateral = await world.vendor.collateralFor(world.platform, options);
    const inspection = inspectIn(world, { collateral });
    expect(failuresOf(inspection.steps)[0]).toBe(expected);
    expect(new Set(failuresOf(inspection.steps).map((failure) => failure.split(': ')[1])).size).toBe(1);
    expect(inspection.authentic).toBe(false);
  });

  it('signed by a stranger, or under a signer that a stranger made', async () => {
    const unsigned_ = await world.vendor.collateralFor(world.platform, { signerKey: stranger });
    expect(failuresOf(inspectIn(world, { collateral: unsigned_ }).steps)).toEqual([
      'tcb-info: tdx-collateral-signature',
      'qe-identity: tdx-collateral-signature',
    ]);
    const forged = await world.vendor.collateralFor(world.platform, { signer: { issuerKey: stranger } });
    expect(failuresOf(inspectIn(world, { collateral: forged }).steps)).toEqual([
      'tcb-info: tdx-chain',
      'qe-identity: tdx-chain',
    ]);
  });

  it('lists that a stranger signed', async () => {
    for (const options of [{ pckCrl: { issuerKey: stranger } }, { rootCrl: { issuerKey: stranger } }]) {
      const collateral = await world.vendor.collateralFor(world.platform, options);
      expect(failuresOf(inspectIn(world, { collateral }).steps)).toEqual(['revocation: tdx-crl-signature']);
    }
  });

  it('a chain of the list that is another authority’s', async () => {
    const twin = await world.vendor.issuePckAuthority({ publicKey: stranger.publicKey });
    const collateral = { pckCrlIssuerChain: [twin, world.vendor.root] };
    expect(failuresOf(inspectIn(world, { collateral }).steps)).toEqual(['crl-chain: tdx-chain']);
  });

  it('a second chain beside the right one', () => {
    const [signer = new Uint8Array(0)] = world.collateral.tcbInfoIssuerChain;
    const chains: readonly (readonly Uint8Array[])[] = [
      [signer],
      [world.vendor.root],
      [signer, world.vendor.root, ...world.platform.chain],
    ];
    for (const tcbInfoIssuerChain of chains) {
      const { steps } = inspectIn(world, { collateral: { tcbInfoIssuerChain } });
      expect(failuresOf(steps)).toEqual(['tcb-info: tdx-chain']);
    }
  });

  const bodies: readonly (readonly [string, (inner: string) => string])[] = [
    ['without a signature', (inner) => `{"tcbInfo":${inner}}`],
    ['with a short signature', (inner) => `{"tcbInfo":${inner},"signature":"00"}`],
    ['with a second document', (inner) => `{"tcbInfo":${inner},"tcbInfo":{},"signature":"${'00'.repeat(64)}"}`],
    ['with the signature first', (inner) => `{"signature":"${'00'.repeat(64)}","tcbInfo":${inner}}`],
    ['with a duplicate member', (inner) => body(inner.replace('{"id"', '{"id":"SGX","id"'))],
    ['with a fraction', (inner) => body(inner.replace('"version":3', '"version":3.0'))],
    ['as an array', (inner) => body(`[${inner}]`)],
    ['that is cut', (inner) => `{"tcbInfo":${inner.slice(0, -1)},"signature":"${'00'.repeat(64)}"}`],
    ['that is no JSON', () => 'hello'],
    ['that is empty', () => ''],
    ['that is nested', () => `{"tcbInfo":${'['.repeat(50_000)},"signature":"${'00'.repeat(64)}"}`],
    ['that is blank', () => ' '.repeat(250_000)],
    ['that is too large', () => ' '.repeat(300_000)],
  ];
  const body = (inner: string): string =>
    Buffer.from(signBody('tcbInfo', inner, world.keys.tcbSigning.privateKey)).toString('utf8');
  it.each(bodies)('TCB info %s', (_, change) => {
    const inner = JSON.stringify(usualTcbInfo(world.platform.values, at));
    const { steps } = inspectIn(world, { collateral: { tcbInfo: utf8(change(inner)) } });
    expect(failuresOf(steps)).toEqual([malformed]);
  });

  it('reads white space around the signed text, and signs every character within', () => {
    const inner = JSON.stringify(usualTcbInfo(world.platform.values, at), null, 2);
    const signed = body(inner);
    const spaced = signed.replace('{"tcbInfo":', '{\n  "tcbInfo" : ').concat('\n');
    expect(inspectIn(world, { collateral: { tcbInfo: utf8(spaced) } }).authentic).toBe(true);
    const respaced = signed.replace('"version": 3', '"version":  3');
    expect(respaced).not.toBe(signed);
    expect(failuresOf(inspectIn(world, { collateral: { tcbInfo: utf8(respaced) } }).steps)).toEqual([
      'tcb-info: tdx-collateral-signature',
    ]);
  });
});

describe('revocation', () => {
  const serialOf = (der: Uint8Array): string => {
    const length = der[der[1] === 0x82 ? 14 : 13] ?? 0;
    const start = der[1] === 0x82 ? 15 : 14;
    return toHex(der.subarray(start, start + length));
  };

  it.each([
    ['the platform’s key', 'pckCrl', 0],
    ['the platform’s authority', 'rootCrl', 1],
  ] as const)('of %s', async (_, list, position) => {
    for (const serial of ['4a'.repeat(20), `00${'fa'.repeat(19)}`, '01']) {
      const wanted = { serial };
      const platform = await world.vendor.issuePlatform(position === 0 ? { leaf: wanted } : { authority: wanted });
      const revoked = [serialOf(platform.chain[position] ?? new Uint8Array(0))];
      const collateral = await world.vendor.collateralFor(platform, { [list]: { revoked } });
      const inspection = inspectIn(world, { quote: platform.makeQuote(), collateral });
      expect(failuresOf(inspection.steps)).toEqual(['revocation: tdx-revoked']);
    }
  });

  it('of the signer of TCB info', async () => {
    const serial = '3b'.repeat(20);
    const collateral = await world.vendor.collateralFor(world.platform, {
      signer: { serial },
      rootCrl: { revoked: [serial] },
    });
    expect(failuresOf(inspectIn(world, { collateral }).steps)).toEqual(['revocation: tdx-revoked']);
  });

  it('stands on an old list, or in the site’s own mirror, as well', async () => {
    const serial = '5c'.repeat(20);
    const platform = await world.vendor.issuePlatform({ leaf: { serial } });
    const collateral = await world.vendor.collateralFor(platform);
    const old = await world.vendor.issueCrl('pck', {
      revoked: [serial],
      thisUpdate: later(-90),
      nextUpdate: later(-60),
    });
    const quote = platform.makeQuote();
    expect(inspectIn(world, { quote, collateral }).authentic).toBe(true);
    expect(failuresOf(inspectIn(world, { quote, collateral, extraCrls: [old] }).steps)).toEqual([
      'revocation: tdx-revoked',
    ]);
  });

  it('is known from the site’s own mirror alone', () => {
    const { pckCrl = new Uint8Array(0), rootCrl = new Uint8Array(0) } = world.collateral;
    const none = { pckCrl: undefined, rootCrl: undefined };
    const inspection = inspectIn(world, { collateral: none, extraCrls: [rootCrl, pckCrl] });
    expect(inspection.steps.find(({ name }) => name === 'revocation')?.status).toBe('ok');
  });

  it.each([
    ['pckCrl', 'no CRL of Intel SGX PCK Platform CA given'],
    ['rootCrl', 'no CRL of Intel SGX Root CA given'],
  ] as const)('is not known without %s', (list, reason) => {
    const { steps, authentic } = inspectIn(world, { collateral: { [list]: undefined } });
    expect(steps).toContainEqual({ name: 'revocation', status: 'not-evaluated', reason });
    expect(authentic).toBe(true);
  });

  it('fails where one list is spoiled and the other missing', () => {
    const spoiled = Uint8Array.from(world.collateral.rootCrl ?? []);
    spoiled[spoiled.byteLength - 1] = (spoiled.at(-1) ?? 0) ^ 1;
    const { steps } = inspectIn(world, { collateral: { pckCrl: undefined, rootCrl: spoiled } });
    expect(failuresOf(steps)).toEqual(['revocation: tdx-crl-signature']);
  });
});

describe('the verdict on a TCB', () => {
  const tdx = [...usualTd.teeTcbSvn];
  const below = (index: number): readonly number[] => tdx.map((svn, at_) => (at_ === index ? svn + 1 : svn));

  async function statusWith(options: CollateralOptions, request: QuoteRequest = {}): Promise<unknown> {
    const { fields, steps } = inspectIn(world, {
      collateral: await world.vendor.collateralFor(world.platform, options),
      request,
    });
    return failuresOf(steps)[0] ?? [fields?.tcbStatus, fields?.advisoryIds];
  }

  it('is the worst of platform, module and quoting enclave, with every advisory', async () => {
    const qeOld = { qe: { isvSvn: 5 } };
    expect(await statusWith({}, qeOld)).toEqual(['OutOfDate', ['INTEL-SA-00837']]);
    const td = { teeTcbSvn: bytesOf(5, 1, 3), teeTcbSvn2: bytesOf(5, 1, 3) };
    expect(await statusWith({}, { td })).toEqual(['OutOfDate', ['INTEL-SA-01099']]);
    expect(await statusWith({}, { td, ...qeOld })).toEqual(['OutOfDate', ['INTEL-SA-00837', 'INTEL-SA-01099']]);
    const configured = { qeIdentity: { tcbLevels: [simpleLevelText(4, 'ConfigurationNeeded', ['INTEL-SA-00001'])] } };
    expect(await statusWith(configured)).toEqual(['ConfigurationNeeded', ['INTEL-SA-00001']]);
    expect(await statusWith(configured, { td })).toEqual([
      'OutOfDateConfigurationNeeded',
      ['INTEL-SA-00001', 'INTEL-SA-01099'],
    ]);
  });

  it('does not depend on the order in which levels are written', async () => {
    const { components, pceSvn } = world.platform.values;
    const zeros = components.map(() => 0);
    const levels = [
      platformLevelText({ sgx: zeros, pceSvn: 0, tdx: zeros }, 'OutOfDate', ['INTEL-SA-09999']),
      platformLevelText({ sgx: components, pceSvn: pceSvn + 1, tdx }, 'OutOfDate', ['INTEL-SA-09998']),
      platformLevelText({ sgx: components, pceSvn, tdx }, 'UpToDate'),
      platformLevelText({ sgx: components, pceSvn: pceSvn - 1, tdx }, 'OutOfDate', ['INTEL-SA-09997']),
    ];
    for (const tcbLevels of [levels, levels.toReversed()])
      expect(await statusWith({ tcbInfo: { tcbLevels } })).toEqual(['UpToDate', []]);
  });

  it('is refused where one TCB gets two', async () => {
    const { components: sgx, pceSvn } = world.platform.values;
    const tcbLevels = [
      platformLevelText({ sgx, pceSvn, tdx }, 'UpToDate'),
      platformLevelText({ sgx, pceSvn, tdx }, 'OutOfDate'),
    ];
    expect(await statusWith({ tcbInfo: { tcbLevels } })).toBe('platform-tcb: tdx-collateral-malformed');
  });

  it('needs every component, and leaves the module’s two to its identity', async () => {
    const { components, pceSvn } = world.platform.values;
    const with_ = (needed: Parameters<typeof platformLevelText>[0]): CollateralOptions => ({
      tcbInfo: { tcbLevels: [platformLevelText(needed, 'UpToDate')] },
    });
    for (let index = 0; index < 16; index += 1) {
      const sgx = components.map((svn, position) => (position === index ? svn + 1 : svn));
      expect(await statusWith(with_({ sgx, pceSvn, tdx }))).toBe('platform-tcb: tdx-tcb-no-level');
      const answer = await statusWith(with_({ sgx: components, pceSvn, tdx: below(index) }));
      expect(answer).toEqual(index < 2 ? ['UpToDate', []] : 'platform-tcb: tdx-tcb-no-level');
    }
    expect(await statusWith(with_({ sgx: components, pceSvn: pceSvn + 1, tdx }))).toBe(
      'platform-tcb: tdx-tcb-no-level',
    );
  });

  it('judges a module of no major version by the platform’s levels', async () => {
    const { components: sgx, pceSvn } = world.platform.values;
    const tcbLevels = [platformLevelText({ sgx, pceSvn, tdx: [5, 0, 3, ...tdx.slice(3)] }, 'UpToDate')];
    const request = (svn: number): QuoteRequest => ({
      td: { teeTcbSvn: bytesOf(svn, 0, 3), teeTcbSvn2: bytesOf(svn, 0, 3) },
    });
    expect(await statusWith({ tcbInfo: { tcbLevels } }, request(5))).toEqual(['UpToDate', []]);
    expect(await statusWith({ tcbInfo: { tcbLevels } }, request(4))).toBe('platform-tcb: tdx-tcb-no-level');
    const signed = { ...request(5), td: { ...request(5).td, mrSignerSeam: filled(48, 1) } };
    expect(await statusWith({ tcbInfo: { tcbLevels } }, signed)).toBe('tdx-module: tdx-module-signer');
  });
});

describe('an event log', () => {
  it('explains the registers that hold what it says', () => {
    const { log, rtmrs } = writeCcLog([
      [1, 'boot'],
      [2, 'loader'],
      [2, 'kernel'],
    ]);
    const inspection = inspectIn(world, { request: { td: { rtmrs } }, eventLog: log });
    expect(inspection.steps.at(-1)).toMatchObject({ name: 'event-log', status: 'ok' });
    expect(inspection.authentic).toBe(true);
  });

  it('leaves open a register that it never mentions', () => {
    const { log, rtmrs } = writeCcLog([[1, 'boot']]);
    const inspection = inspectIn(world, { request: { td: { rtmrs: rtmrs.with(3, filled(48, 9)) } }, eventLog: log });
    expect(inspection.steps.at(-1)?.reason).toMatch(/^explains RTMR0, RTMR1, RTMR2, by/);
  });

  it('that says something else is refused, and so is one that cannot be read', () => {
    const { log } = writeCcLog([[1, 'boot']]);
    expect(failuresOf(inspectIn(world, { eventLog: log }).steps)).toEqual(['event-log: tdx-event-log']);
    expect(failuresOf(inspectIn(world, { eventLog: log.slice(0, -1) }).steps)).toEqual([
      'event-log: event-log-malformed',
    ]);
  });
});
