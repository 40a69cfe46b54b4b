// Azure's paravisor: genuine evidence verifies from the chip to the quote; with one thing wrong on the way, it is refused there.
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, sha256, sha384, sha512, toHex, utf8 } from '@wardround/protocol/bytes';
import type { AzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { parseHclReport } from '@wardround/attestation/azure/hcl-report';
import type { AzureSnpInspection } from '@wardround/attestation/azure/inspect';
import { inspectAzureSnp } from '@wardround/attestation/azure/inspect';
import type { AzureTdxInspection } from '@wardround/attestation/azure/inspect-tdx';
import { inspectAzureTdx } from '@wardround/attestation/azure/inspect-tdx';
import { azureSnpSteps, verifyAzureSnp } from '@wardround/attestation/azure/verify-snp';
import { azureTdxSteps } from '@wardround/attestation/azure/verify-tdx';
import { amdRoots, trustedRoots } from '@wardround/attestation/roots';
import { StepLog } from '@wardround/attestation/steps';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { claimsOf, configuration, hclOf, jwkOf, snpReportOver, tdReportOver, vtpmQuote } from './azure-writer.ts';
import type { HclParts } from './azure-writer.ts';
import type { World } from './world.ts';
import { at, makeWorld } from './world.ts';
import { indexed, nonce, p256Key, registers, rsaKey } from './tpm-writer.ts';
import { haveVectors, vector } from './vectors.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? error.code : `uncoded ${String(error)}`;
  }
  return 'none';
}

const failures = ({ steps }: Pick<StepLog, 'steps'>): readonly string[] =>
  steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
const statusOf = ({ steps }: Pick<StepLog, 'steps'>, name: string): string =>
  steps.find((step) => step.name === name)?.status ?? 'absent';

interface Genuine {
  readonly certificates?: readonly string[];
  readonly nonce?: Uint8Array;
  readonly at?: string;
}

function inspectSnp(evidence: AzureEvidence, given: Genuine = {}): AzureSnpInspection {
  return inspectAzureSnp({
    evidence,
    certificates: (given.certificates ?? ['snp/chains/ask_ark_milan.pem']).map(vector),
    crls: [],
    nonce: given.nonce,
    eventLog: undefined,
    at: new Date(given.at ?? '2025-06-01T00:00:00Z'),
    trustedRoots: amdRoots,
  });
}

function inspectTdx(evidence: AzureEvidence, given: Genuine = {}): AzureTdxInspection {
  return inspectAzureTdx({
    evidence,
    collateral: noCollateral,
    extraCrls: [],
    nonce: given.nonce,
    eventLog: undefined,
    at: new Date(given.at ?? '2025-06-01T00:00:00Z'),
    trustedRoots: intelRoots,
  });
}

const file = (path: string): AzureEvidence => parseAzureEvidence(vector(`azure/${path}`));
const challenge = utf8('challenge');

describe.skipIf(!haveVectors)('genuine evidence on SEV-SNP', () => {
  it.each([
    ['az-snp-vtpm/evidence-v0.json', 1],
    ['az-snp-vtpm/evidence-v1.json', 1],
    ['az-snp-vtpm/evidence-v2.json', 1],
  ])('%s verifies from the chip to the registers', (path, version) => {
    const inspection = inspectSnp(file(path));
    expect(inspection.steps.map(({ name }) => name)).toEqual(azureSnpSteps);
    expect(failures(inspection)).toEqual([]);
    expect(inspection).toMatchObject({ authentic: true, simulated: false, kind: 'azure-snp' });
    expect(inspection.fields).toMatchObject({
      hcl: { version, platform: 'snp', hash: 'sha256', secureBoot: true, consoleEnabled: true, tpmEnabled: true },
      snp: { version: 3, product: 'Milan', vmpl: 0 },
      tpm: { bank: 'sha256', attestationKey: { origin: 'attested', algorithm: { type: 'rsa', bits: 2048 } } },
    });
    expect(Object.keys(inspection.fields?.tpm?.pcrs ?? {})).toHaveLength(24);
    expect(inspection.steps.filter(({ status }) => status === 'not-evaluated').map(({ name }) => name)).toEqual([
      'revocation',
      'tpm-nonce',
      'pcr-event-log',
    ]);
  });

  it('answers its nonce: the word challenge, or 48 bytes which the guest also wrote to the paravisor', () => {
    expect(failures(inspectSnp(file('az-snp-vtpm/evidence-v1.json'), { nonce: challenge }))).toEqual([]);
    expect(failures(inspectSnp(file('az-snp-vtpm/evidence-v1.json'), { nonce: utf8('Challenge') }))).toEqual([
      'tpm-nonce: tpm-quote-nonce',
    ]);
    const { fields } = inspectSnp(file('az-snp-vtpm/evidence-v2.json'));
    expect(fields?.tpm?.extraData).toMatch(/^982f5c6e[0-9a-f]{88}$/);
    expect(fields?.hcl.userData?.startsWith(fields.tpm?.extraData ?? 'nothing')).toBe(true);
  });

  it('needs no certificates of AMD’s beside the chip’s own, but none of another product', () => {
    const alone = inspectSnp(file('az-snp-vtpm/evidence-v1.json'), { certificates: [] });
    expect(failures(alone)).toEqual([]);
    expect(alone.authentic).toBe(true);
    const foreign = inspectSnp(file('az-snp-vtpm/evidence-v1.json'), {
      certificates: ['snp/chains/ask_ark_genoa.pem'],
    });
    expect(failures(foreign)).toEqual(['chain: snp-chain-incomplete']);
    expect(statusOf(foreign, 'hcl-binding')).toBe('ok');
    expect(statusOf(foreign, 'hcl-key')).toBe('not-evaluated');
    expect(statusOf(foreign, 'tpm-signature')).toBe('not-evaluated');
    expect(foreign.authentic).toBe(false);
  });

  it('as a bare report, with the chip’s chain beside it', () => {
    const evidence = file('az-snp-vtpm/hcl-report.bin');
    const inspection = inspectSnp(evidence, {
      certificates: ['azure/az-snp-vtpm/vcek.pem'],
      at: '2024-01-01T00:00:00Z',
    });
    expect(failures(inspection)).toEqual([]);
    expect(inspection.authentic).toBe(true);
    expect(inspection.fields?.tpm).toBeNull();
  });

  it('of one chip with the certificate of another', () => {
    const evidence = file('kinvolk/hcl-report-snp.bin');
    const inspection = inspectSnp(evidence, { certificates: ['azure/kinvolk/certs.pem'], at: '2024-06-01T00:00:00Z' });
    expect(failures(inspection)).toEqual(['chip-id: snp-chip-mismatch', 'signature: snp-signature']);
    expect(statusOf(inspection, 'hcl-binding')).toBe('ok');
    expect(statusOf(inspection, 'hcl-hardware')).toBe('not-evaluated');
    expect(inspection.authentic).toBe(false);
  });

  it('with the quote of another machine', () => {
    const one = file('az-snp-vtpm/evidence-v1.json');
    const other = file('az-snp-vtpm/evidence-v2.json');
    expect(failures(inspectSnp({ ...one, quote: other.quote }))).toEqual(['tpm-signature: tpm-quote-signature']);
    expect(failures(inspectSnp({ ...one, hclReport: other.hclReport }))).not.toEqual([]);
  });

  it('called TDX, and TDX called SEV-SNP', () => {
    expect(failures(inspectTdx(file('az-snp-vtpm/evidence-v1.json')))).toEqual(['hcl-format: hcl-platform']);
    expect(failures(inspectSnp(file('az-tdx-vtpm/evidence-v1.json')))).toEqual(['hcl-format: hcl-platform']);
  });
});

describe.skipIf(!haveVectors)('genuine evidence on TDX', () => {
  it.each(['az-tdx-vtpm/evidence-v0.json', 'az-tdx-vtpm/evidence-v1.json'])(
    '%s verifies from the platform to the registers',
    (path) => {
      const inspection = inspectTdx(file(path), { nonce: challenge });
      expect(inspection.steps.map(({ name }) => name)).toEqual(azureTdxSteps);
      expect(failures(inspection)).toEqual([]);
      expect(inspection).toMatchObject({ authentic: true, simulated: false, kind: 'azure-tdx' });
      expect(inspection.fields).toMatchObject({
        hcl: { version: 2, platform: 'tdx', secureBoot: true, consoleEnabled: true },
        tdx: { version: 4, debug: false },
        tpm: { bank: 'sha256' },
      });
    },
  );

  it.each(['az-tdx-vtpm/hcl-report.bin', 'kinvolk/hcl-report-tdx.bin'])(
    '%s alone: its hash holds, and nobody vouches for it',
    (path) => {
      const inspection = inspectTdx(file(path));
      expect(failures(inspection)).toEqual([]);
      expect(statusOf(inspection, 'td-report')).toBe('ok');
      expect(statusOf(inspection, 'hcl-binding')).toBe('not-evaluated');
      expect(inspection.authentic).toBe(false);
    },
  );

  it('with the TD quote of another machine', () => {
    const evidence = { ...file('az-tdx-vtpm/evidence-v1.json'), tdQuote: vector('tdx/trustee/tdx_quote_6.dat') };
    expect(failures(inspectTdx(evidence))).toEqual(['hcl-binding: hcl-binding']);
  });

  it('with a TDREPORT that the quote is not of', () => {
    const evidence = file('az-tdx-vtpm/evidence-v1.json');
    const { hclReport } = evidence;
    const changed = hclReport.slice();
    changed.set([0x2a], 0x20 + 528);
    changed.set(sha384(changed.subarray(0x20 + 512, 0x20 + 1024)), 0x20 + 80);
    expect(failures(inspectTdx({ ...evidence, hclReport: changed }))).toEqual(['hcl-binding: hcl-td-report']);
    expect(failures(inspectTdx({ ...evidence, hclReport: hclReport.with(0x20 + 528, 0x2a) }))).toEqual([
      'td-report: hcl-td-report',
      'hcl-binding: hcl-td-report',
    ]);
  });

  it('with the paravisor’s report of another machine', () => {
    const evidence = file('az-tdx-vtpm/evidence-v1.json');
    const other = file('kinvolk/hcl-report-tdx.bin');
    expect(failures(inspectTdx({ ...evidence, hclReport: other.hclReport }))).toEqual(['hcl-binding: hcl-binding']);
  });
});

describe('a TDREPORT', () => {
  const claims = claimsOf();
  const inspect = (hardwareReport: Uint8Array): readonly string[] =>
    failures(
      inspectTdx({
        hclReport: hclOf({ claims, reportType: 4, hardwareReport }),
        quote: undefined,
        certificates: [],
        tdQuote: undefined,
      }),
    );

  it.each([
    ['of these claims', tdReportOver(claims), []],
    ['of other claims', tdReportOver(utf8('{}')), ['td-report: hcl-binding']],
    ['with something behind the hash', tdReportOver(claims).with(160, 1), ['td-report: hcl-binding']],
    ['of another sort', tdReportOver(claims).with(0, 0), ['td-report: hcl-td-report']],
    ['with a reserved byte', tdReportOver(claims).with(200, 1), ['td-report: hcl-td-report']],
    ['with another MRTD than it hashes', tdReportOver(claims).with(530, 1), ['td-report: hcl-td-report']],
    ['with another MRSEAM than it hashes', tdReportOver(claims).with(290, 1), ['td-report: hcl-td-report']],
    ['with something behind it', concatBytes(tdReportOver(claims), Uint8Array.of(1)), ['hcl-format: hcl-malformed']],
  ] as const)('%s', (_, report, expected) => {
    expect(inspect(report)).toEqual(expected);
  });
});

describe('a machine on the simulated vendor’s chip', () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld('Genoa');
  }, 60_000);

  interface Machine {
    readonly hcl?: HclParts;
    readonly claims?: Uint8Array;
    readonly reportData?: Uint8Array;
    readonly quote?: { readonly message: Uint8Array; readonly signature: Uint8Array };
    readonly change?: (hcl: Bytes) => Uint8Array;
  }

  function verify({
    hcl,
    claims = claimsOf(),
    reportData,
    quote = vtpmQuote(),
    change,
  }: Machine): StepLog & { authentic: boolean } {
    const log = new StepLog();
    const hardwareReport = snpReportOver(world.chip, claims, reportData);
    const whole = hclOf({ claims, hardwareReport, ...hcl });
    const { authentic } = verifyAzureSnp(
      {
        hclReport: change === undefined ? whole : change(whole),
        quote: { ...quote, pcrs: indexed('sha256', registers), nonce, eventLog: undefined },
        certificates: [world.chip.certificate, world.intermediate, world.vendor.root],
        crls: [world.crl],
        at,
        roots: trustedRoots([world.vendor.rootSha256]),
      },
      log,
    );
    return Object.assign(log, { authentic });
  }

  it('verifies with every step ok but the event log', () => {
    const log = verify({});
    expect(log.steps.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual(['pcr-event-log']);
    expect(log.authentic).toBe(true);
  });

  it.each([
    ['sha384', 2, sha384],
    ['sha512', 3, sha512],
  ] as const)('may hash its claims with %s', (_, hashType, hash) => {
    const log = verify({ hcl: { hashType }, reportData: hash(claimsOf()) });
    expect(failures(log)).toEqual([]);
  });

  const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const duplicated = utf8(Buffer.from(claimsOf()).toString().replace('{"keys"', '{"keys":[],"keys"'));
  const weak = { ...jwkOf(rsaKey), n: 'AQAB' };
  const cases: readonly (readonly [string, Machine, readonly string[]])[] = [
    ['no HCL report', { hcl: { magic: 'HCLB' } }, ['hcl-format: hcl-malformed']],
    ['header version 3', { hcl: { version: 3 } }, ['hcl-format: hcl-version']],
    ['request data version 2', { hcl: { requestVersion: 2 } }, ['hcl-format: hcl-version']],
    ['report type 3', { hcl: { reportType: 3 } }, ['hcl-format: hcl-platform']],
    ['report type 4', { hcl: { reportType: 4 } }, ['hcl-format: hcl-platform']],
    ['hash type 4', { hcl: { hashType: 4 } }, ['hcl-format: hcl-malformed']],
    ['another hash', { hcl: { hashType: 2 } }, ['hcl-binding: hcl-binding']],
    ['a size that lies', { hcl: { size: 1 } }, ['hcl-format: hcl-malformed']],
    ['a data size that lies', { hcl: { dataSize: 1 } }, ['hcl-format: hcl-malformed']],
    ['claims of 4 GiB', { hcl: { claimSize: 0xffff_ffff } }, ['hcl-format: hcl-malformed']],
    ['a failed request', { hcl: { status: 1 } }, ['hcl-format: hcl-malformed']],
    ['another request', { hcl: { request: 1 } }, ['hcl-format: hcl-malformed']],
    ['a reserved byte', { hcl: { reserved: new Uint8Array(12).with(3, 1) } }, ['hcl-format: hcl-malformed']],
    ['something behind the claims', { hcl: { tail: Uint8Array.of(0, 1) } }, ['hcl-format: hcl-malformed']],
    ['larger than any', { hcl: { tail: new Uint8Array(8_192) } }, ['hcl-format: hcl-malformed']],
    ['other claims', { hcl: { claims: claimsOf({ 'user-data': '00' }) } }, ['hcl-binding: hcl-binding']],
    ['claims that hardware does not vouch for', { reportData: sha256(utf8('other')) }, ['hcl-binding: hcl-binding']],
    [
      'something behind the hash',
      { reportData: concatBytes(sha256(claimsOf()), Uint8Array.of(1)) },
      ['hcl-binding: hcl-binding'],
    ],
    ['a report that was changed', { change: (hcl) => hcl.with(0x20 + 0x90, 1) }, ['signature: snp-signature']],
    ['no attestation key', { claims: claimsOf({ keys: [jwkOf(rsaKey, 'HCLEkPub')] }) }, ['hcl-claims: hcl-ak-count']],
    [
      'two attestation keys',
      { claims: claimsOf({ keys: [jwkOf(otherKey), jwkOf(rsaKey)] }) },
      ['hcl-claims: hcl-ak-count'],
    ],
    [
      'one attestation key twice',
      { claims: claimsOf({ keys: [jwkOf(rsaKey), jwkOf(rsaKey)] }) },
      ['hcl-claims: hcl-ak-count'],
    ],
    [
      'another attestation key',
      { claims: claimsOf({ keys: [jwkOf(otherKey)] }) },
      ['tpm-signature: tpm-quote-signature'],
    ],
    ['a member twice', { claims: duplicated }, ['hcl-claims: hcl-claims']],
    ['a member that is not known', { claims: claimsOf({ extra: 1 }) }, ['hcl-claims: hcl-claims']],
    ['no configuration', { claims: claimsOf({ 'vm-configuration': undefined }) }, ['hcl-claims: hcl-claims']],
    [
      'a configuration without Secure Boot',
      { claims: claimsOf({ 'vm-configuration': { ...configuration, 'secure-boot': undefined } }) },
      ['hcl-claims: hcl-claims'],
    ],
    [
      'a console that is a text',
      { claims: claimsOf({ 'vm-configuration': { ...configuration, 'console-enabled': 'false' } }) },
      ['hcl-claims: hcl-claims'],
    ],
    ['user data that is no hex', { claims: claimsOf({ 'user-data': 'xyz' }) }, ['hcl-claims: hcl-claims']],
    ['no JSON', { claims: utf8('{"keys":') }, ['hcl-claims: hcl-claims']],
    ['too many claims', { claims: claimsOf({ 'user-data': ' '.repeat(4_096) }) }, ['hcl-claims: hcl-claims']],
    ['a key that is weak', { claims: claimsOf({ keys: [weak] }) }, ['ak-key: tpm-ak-weak']],
    [
      'a key of another sort',
      { claims: claimsOf({ keys: [{ ...jwkOf(rsaKey), ...p256Key.publicKey.export({ format: 'jwk' }) }] }) },
      ['hcl-claims: hcl-claims'],
    ],
    ['a quote by another key', { quote: vtpmQuote(otherKey) }, ['tpm-signature: tpm-quote-signature']],
    [
      'a quote that is none',
      { quote: { message: utf8('quote'), signature: utf8('signature') } },
      ['tpm-quote: tpm-quote-magic'],
    ],
  ];

  it.each(cases)('%s', (_, machine, expected) => {
    const log = verify(machine);
    expect(failures(log)).toEqual(expected);
    expect(log.authentic).toBe(false);
  });

  it('whose key was not attested signs nothing', () => {
    const log = verify({ reportData: sha256(utf8('other')) });
    for (const name of ['hcl-key', 'ak-key', 'ak-chain', 'tpm-signature', 'pcr-values'])
      expect(statusOf(log, name), name).toBe('not-evaluated');
  });

  it('is refused at any length but its own, and with any bit of its header or claims turned', () => {
    const claims = claimsOf();
    const whole = hclOf({ claims, hardwareReport: snpReportOver(world.chip, claims), tail: new Uint8Array() });
    for (let length = 0; length < whole.byteLength; length += 7)
      expect(codeOf(() => parseHclReport(whole.subarray(0, length)))).toBe('hcl-malformed');
    const signed = [
      ...Array.from({ length: 0x20 }, (_, index) => index),
      ...Array.from({ length: 20 + claims.byteLength }, (_, index) => 0x4c0 + index),
    ];
    for (const offset of signed.filter((_, index) => index < 60 || index % 41 === 0)) {
      const bit = 1 << (offset & 7);
      const log = verify({ change: (hcl) => hcl.with(offset, (hcl[offset] ?? 0) ^ bit) });
      expect(log.authentic, `offset ${offset}`).toBe(false);
      expect(failures(log).join()).not.toContain('attestation-internal');
    }
    expect(toHex(whole.subarray(0, 4))).toBe('48434c41');
  });
});

describe('a file of Azure evidence', () => {
  it('that is none is refused by its code', () => {
    for (const text of ['', '{}', '[]', '{"version":1}', '{"version":3}', 'null', '{"version":1,"version":1}'])
      expect(codeOf(() => parseAzureEvidence(utf8(text)))).toBe('azure-evidence-malformed');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => parseAzureEvidence(bytes))).toMatch(/^(?:none|azure-evidence-malformed)$/);
      }),
    );
  });
});
