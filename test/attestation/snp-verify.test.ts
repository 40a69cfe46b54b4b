// Attacks on authenticity, each against an otherwise genuine report of the simulated vendor: one thing wrong, one exact refusal.
import 'reflect-metadata';
import { generateKeyPairSync } from 'node:crypto';
import { KeyUsageFlags } from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasCode } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import { authorityUsages } from '@wardround/attestation/simulated/certificates';
import type { ReportFields } from '@wardround/attestation/simulated/report';
import type { ChipOptions, CrlOptions, IntermediateOptions } from '@wardround/attestation/simulated/vendor';
import { derIa5String, derInteger } from '@wardround/attestation/simulated/der-writer';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { generateChipKey } from '@wardround/attestation/simulated/chip';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import { snpExtensions } from '@wardround/attestation/snp/leaf';
import type { SnpProduct } from '@wardround/attestation/snp/product';
import type { World } from './world.ts';
import { at, dayMs, failuresOf, inspect, makeWorld, reportOf, vendorKeys, worldOf } from './world.ts';

const products = ['Milan', 'Genoa', 'Turin'] as const;
let worlds: Record<SnpProduct, World>;
let genoa: World;
let turin: World;
let vlek: World;

beforeAll(async () => {
  const [milan, genoaWorld, turinWorld] = [
    await makeWorld('Milan'),
    await makeWorld('Genoa'),
    await makeWorld('Turin'),
  ];
  worlds = { Milan: milan, Genoa: genoaWorld, Turin: turinWorld };
  genoa = genoaWorld;
  turin = turinWorld;
  vlek = await makeWorld('Genoa', 'VLEK');
}, 120_000);

describe('the simulated vendor, where its root is trusted', () => {
  it.each(products)('%s is authentic, every step ok, and called simulated', (product) => {
    const inspection = inspect(worlds[product]);
    expect(inspection.steps.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(inspection).toMatchObject({ authentic: true, simulated: true, fields: { product } });
  });

  it('is authentic with a VLEK as well, which names no chip', () => {
    const inspection = inspect(vlek);
    expect(inspection.authentic).toBe(true);
    expect(inspection.fields?.certificate).toMatchObject({
      kind: 'VLEK',
      provider: 'CN=cloud.example',
      hardwareId: null,
    });
    expect(inspection.fields?.chipId).toBe('00'.repeat(64));
  });

  it.each([2, 3, 4, 5])('is authentic in report version %i', (version) => {
    expect(failuresOf(inspect(genoa, { report: reportOf(genoa, { version }) }))).toEqual([]);
  });

  it.each([0x10, 0x1f, 0xa0, 0xaf])('is Genoa for model %i', (model) => {
    expect(
      failuresOf(inspect(genoa, { report: reportOf(genoa, { cpuid: { family: 0x19, model, stepping: 0 } }) })),
    ).toEqual([]);
  });

  it('is never trusted where nobody named its root', () => {
    const inspection = inspect(genoa, { rootSha256: undefined });
    expect(failuresOf(inspection)).toEqual(['chain: snp-root-untrusted']);
    expect(inspection).toMatchObject({ authentic: false, simulated: false });
  });

  it('is never trusted where another root was named', async () => {
    const twin = await createSimulatedVendor({ product: 'Genoa', at, keys: await vendorKeys() });
    expect(failuresOf(inspect(genoa, { rootSha256: twin.rootSha256 }))).toEqual(['chain: snp-root-untrusted']);
  });

  it('does not depend on the order of the certificates, nor on repetitions of one', () => {
    const { chip, intermediate, vendor } = genoa;
    const shuffled = [vendor.root, intermediate, chip.certificate, intermediate, vendor.root];
    expect(inspect(genoa, { certificates: shuffled }).authentic).toBe(true);
  });

  it('reads PEM with several certificates', () => {
    const { chip, intermediate, vendor } = genoa;
    const pem = Buffer.from(
      [chip.certificate, intermediate, vendor.root].map((der) => toPem(der, 'CERTIFICATE')).join(''),
    );
    expect(inspect(genoa, { certificates: [pem], crls: [Buffer.from(toPem(genoa.crl, 'X509 CRL'))] }).authentic).toBe(
      true,
    );
  });
});

function toPem(der: Uint8Array, label: string): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

describe('a report with one field wrong, signed all the same', () => {
  const tcb = { bootLoader: 10, tee: 0, snp: 23, microcode: 219 };
  const cases: readonly (readonly [string, Partial<ReportFields>, readonly string[]])[] = [
    ['version 1', { version: 1 }, ['report-format: snp-report-version']],
    ['version 6', { version: 6 }, ['report-format: snp-report-version']],
    ['version 0xffffffff', { version: 0xffff_ffff }, ['report-format: snp-report-version']],
    ['signature algorithm 0', { signatureAlgorithm: 0 }, ['report-format: snp-report-algorithm']],
    ['signature algorithm 2', { signatureAlgorithm: 2 }, ['report-format: snp-report-algorithm']],
    ['policy without bit 17', { policy: 0x1_0137n }, ['report-format: snp-report-reserved']],
    ['policy with bit 26', { policy: 0x402_0137n }, ['report-format: snp-report-reserved']],
    ['policy with bit 63', { policy: (1n << 63n) | 0x2_0137n }, ['report-format: snp-report-reserved']],
    ['requested by the host', { vmpl: 0xffff_ffff }, ['guest-request: snp-requested-by-host']],
    ['privilege level 4', { vmpl: 4 }, ['guest-request: snp-requested-by-host']],
    ['chip key masked', { chipKeyMasked: true }, ['chip-key: snp-chip-key-masked']],
    ['signing key VLEK', { signingKey: 1 }, ['signing-key: snp-signing-key']],
    ['signing key none', { signingKey: 7 }, ['signing-key: snp-signing-key']],
    ['signing key reserved', { signingKey: 2 }, ['signing-key: snp-signing-key']],
    ['cpuid of Milan', { cpuid: { family: 0x19, model: 0x01, stepping: 1 } }, ['product: snp-product']],
    ['cpuid of Turin', { cpuid: { family: 0x1a, model: 0x02, stepping: 1 } }, ['product: snp-product']],
    ['cpuid unknown', { cpuid: { family: 0x19, model: 0x20, stepping: 1 } }, ['product: snp-product']],
    ['cpuid zero in version 3', { cpuid: { family: 0, model: 0, stepping: 0 } }, ['product: snp-product']],
    ['boot loader below the key’s', { reportedTcb: { ...tcb, bootLoader: 9 } }, ['reported-tcb: snp-tcb-mismatch']],
    ['tee above the key’s', { reportedTcb: { ...tcb, tee: 1 } }, ['reported-tcb: snp-tcb-mismatch']],
    ['snp above the key’s', { reportedTcb: { ...tcb, snp: 24 } }, ['reported-tcb: snp-tcb-mismatch']],
    ['microcode above the key’s', { reportedTcb: { ...tcb, microcode: 220 } }, ['reported-tcb: snp-tcb-mismatch']],
    ['another chip', { chipId: new Uint8Array(64).fill(7) }, ['chip-id: snp-chip-mismatch']],
    ['no chip', { chipId: new Uint8Array(64) }, ['chip-id: snp-chip-mismatch']],
  ];

  it.each(cases)('%s', (_, fields, expected) => {
    const inspection = inspect(genoa, { report: reportOf(genoa, fields) });
    expect(failuresOf(inspection)).toEqual(expected);
    expect(inspection.authentic).toBe(false);
  });

  it('a Turin machine whose fmc is not the key’s', () => {
    const reportedTcb = { ...turin.chip.tcb, fmc: 2 };
    expect(failuresOf(inspect(turin, { report: reportOf(turin, { reportedTcb }) }))).toEqual([
      'reported-tcb: snp-tcb-mismatch',
    ]);
  });

  it('a Turin machine whose chip id goes on after eight bytes', () => {
    const chipId = Uint8Array.from(turin.chip.chipId);
    chipId[8] = 1;
    expect(failuresOf(inspect(turin, { report: reportOf(turin, { chipId }) }))).toEqual(['chip-id: snp-chip-mismatch']);
  });

  it('a VLEK report that claims the chip’s own key', () => {
    expect(failuresOf(inspect(vlek, { report: reportOf(vlek, { signingKey: 0 }) }))).toEqual([
      'signing-key: snp-signing-key',
    ]);
  });

  const reservedOffsets = [
    0x00d, 0x049, 0x04b, 0x04c, 0x04f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x1f8, 0x200, 0x208, 0x29f,
  ] as const;
  it.each(reservedOffsets)('a reserved byte at offset %i set before signing', (offset) => {
    const report = reportOf(genoa);
    report[offset] = 1;
    expect(failuresOf(inspect(genoa, { report: genoa.chip.signReport(report) }))).toEqual([
      'report-format: snp-report-reserved',
    ]);
  });

  it('the reserved bits of the key flags', () => {
    const report = reportOf(genoa);
    report[0x048] = 0x20;
    expect(failuresOf(inspect(genoa, { report: genoa.chip.signReport(report) }))).toEqual([
      'report-format: snp-report-reserved',
    ]);
  });

  it.each([0x188, 0x189, 0x18a])('a CPUID byte at offset %i in version 2, which has none', (offset) => {
    const report = reportOf(genoa, { version: 2 });
    report[offset] = 1;
    expect(failuresOf(inspect(genoa, { report: genoa.chip.signReport(report) }))).toEqual([
      'report-format: snp-report-reserved',
    ]);
  });

  it.each([
    ['current', 0x038],
    ['reported', 0x180],
    ['committed', 0x1e0],
    ['launch', 0x1f0],
  ])('a reserved byte of the %s TCB', (_, offset) => {
    const report = reportOf(genoa);
    report[offset + 3] = 1;
    expect(failuresOf(inspect(genoa, { report: genoa.chip.signReport(report) }))).toEqual([
      'reported-tcb: snp-report-reserved',
    ]);
  });
});

describe('a report that was changed after signing', () => {
  it('fails for a flipped bit in any of its bytes', () => {
    const report = reportOf(genoa);
    for (let offset = 0; offset < report.byteLength; offset += 1) {
      const flipped = Uint8Array.from(report);
      flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 8));
      const { authentic, steps } = inspect(genoa, { report: flipped, crls: [] });
      expect({ offset, authentic }).toEqual({ offset, authentic: false });
      expect(steps.some(({ status }) => status === 'failed')).toBe(true);
    }
  }, 60_000);

  it('fails at every shorter and longer length', () => {
    const report = reportOf(genoa);
    for (const length of [0, 1, 0x29f, 0x2a0, 0x330, 1183]) {
      expect(failuresOf(inspect(genoa, { report: report.subarray(0, length) }))).toEqual([
        'report-format: snp-report-size',
      ]);
    }
    for (const extra of [1, 16, 65_536]) {
      const longer = new Uint8Array(1184 + extra);
      longer.set(report);
      expect(failuresOf(inspect(genoa, { report: longer }))).toEqual(['report-format: snp-report-size']);
    }
  });

  it('has no fields when it is no report, and says which steps were not made', () => {
    const inspection = inspect(genoa, { report: new Uint8Array(3) });
    expect(inspection.fields).toBeNull();
    const unmade = inspection.steps.filter(({ status }) => status === 'not-evaluated').map(({ name }) => name);
    expect(unmade).toEqual([
      'guest-request',
      'chip-key',
      'signing-key',
      'product',
      'reported-tcb',
      'chip-id',
      'signature',
    ]);
  });

  it.each([
    ['r = 0', 0x2a0],
    ['s = 0', 0x2e8],
  ])('a signature with %s', (_, offset) => {
    const report = reportOf(genoa);
    report.fill(0, offset, offset + 48);
    expect(failuresOf(inspect(genoa, { report }))).toEqual(['signature: snp-signature']);
  });

  it('a signature of another key, and of another report', () => {
    const stranger = reportOf(vlek, { signingKey: 0, chipId: genoa.chip.chipId });
    expect(failuresOf(inspect(genoa, { report: stranger }))).toEqual(['signature: snp-signature']);
    const report = reportOf(genoa);
    report.set(reportOf(genoa, { guestSvn: 2 }).subarray(0x2a0), 0x2a0);
    expect(failuresOf(inspect(genoa, { report }))).toEqual(['signature: snp-signature']);
  });
});

describe('a leaf with one thing wrong', () => {
  const longAgo = { notBefore: new Date(at.getTime() - 10 * dayMs), notAfter: new Date(at.getTime() - 1000) };
  const notYet = { notBefore: new Date(at.getTime() + 1000), notAfter: new Date(at.getTime() + dayMs) };
  const withChip = async (options: ChipOptions): Promise<readonly string[]> => {
    const chip = await genoa.vendor.issueChip(options);
    return failuresOf(inspect({ ...genoa, chip }));
  };
  const replace = (name: keyof typeof snpExtensions, value: Uint8Array | undefined): ChipOptions => ({
    replace: { [snpExtensions[name]]: value },
  });

  const cases: readonly (readonly [string, ChipOptions, readonly string[]])[] = [
    ['expired', { validity: longAgo }, ['validity: snp-expired']],
    ['not valid yet', { validity: notYet }, ['validity: snp-not-yet-valid']],
    ['another name', { subject: 'SEV-VCEKX' }, ['leaf: snp-leaf-missing']],
    ['a name that every object has', { subject: 'constructor' }, ['leaf: snp-leaf-missing']],
    ['a certificate authority', { authority: true }, ['leaf: snp-leaf-key']],
    ['a product that is unknown', replace('productName', derIa5String('Naples')), ['leaf: snp-product']],
    [
      'a product name that is too long',
      replace('productName', derIa5String('Genoa-B0-and-more')),
      ['leaf: snp-product'],
    ],
    ['no product', replace('productName', undefined), ['leaf: snp-leaf-extension']],
    ['no microcode', replace('microcode', undefined), ['leaf: snp-leaf-extension']],
    ['no hardware id', replace('hardwareId', undefined), ['leaf: snp-leaf-extension']],
    ['a short hardware id', replace('hardwareId', new Uint8Array(63)), ['leaf: snp-leaf-extension']],
    ['a long hardware id', replace('hardwareId', new Uint8Array(65)), ['leaf: snp-leaf-extension']],
    ['a Turin hardware id', replace('hardwareId', new Uint8Array(8)), ['leaf: snp-leaf-extension']],
    ['a level that is no INTEGER', replace('snp', Uint8Array.of(4, 1, 23)), ['leaf: snp-leaf-extension']],
    ['a negative level', replace('microcode', Uint8Array.of(2, 1, 0xdb)), ['leaf: snp-leaf-extension']],
    ['a level above 255', replace('snp', Uint8Array.of(2, 2, 1, 0)), ['leaf: snp-leaf-extension']],
    ['a level padded with a zero', replace('snp', Uint8Array.of(2, 2, 0, 23)), ['leaf: snp-leaf-extension']],
    ['a level with a byte after it', replace('snp', Uint8Array.of(2, 1, 23, 0)), ['leaf: snp-leaf-extension']],
    ['a reserved level', replace('reserved5', derInteger(1)), ['leaf: snp-leaf-extension']],
    ['a Turin level', { add: [{ oid: snpExtensions.fmc, value: derInteger(1) }] }, ['leaf: snp-leaf-extension']],
    [
      'a provider beside the chip',
      { add: [{ oid: snpExtensions.provider, value: derIa5String('x') }] },
      ['leaf: snp-leaf-extension'],
    ],
    [
      'an extension twice',
      { add: [{ oid: snpExtensions.snp, value: derInteger(99) }] },
      ['certificates: certificate-malformed'],
    ],
    [
      'a critical extension unknown',
      { add: [{ oid: '1.2.3.4', value: derInteger(1), critical: true }] },
      ['certificates: certificate-malformed'],
    ],
  ];
  it.each(cases)('%s', async (_, options, expected) => {
    expect(await withChip(options)).toEqual(expected);
  });

  it('a hardware id in an OCTET STRING is the same machine', async () => {
    const chipId = new Uint8Array(64).fill(5);
    const wrapped = Uint8Array.from([4, 64, ...chipId]);
    expect(await withChip({ chipId, replace: { [snpExtensions.hardwareId]: wrapped } })).toEqual([]);
  });

  it('the product of another root', async () => {
    const options = { replace: { [snpExtensions.productName]: derIa5String('Milan-B0') } };
    expect(await withChip(options)).toEqual(['chain: snp-chain', 'product: snp-product']);
  });

  it('signed by another key than its issuer’s', async () => {
    const { root } = await vendorKeys();
    expect(await withChip({ issuerKey: root })).toEqual(['chain: snp-chain']);
  });

  it('an RSA key in place of a chip’s', async () => {
    const { root } = await vendorKeys();
    expect(await withChip({ publicKey: root.publicKey })).toEqual(['leaf: snp-leaf-key']);
  });

  it('certifying another chip key', async () => {
    expect(await withChip({ publicKey: generateChipKey().publicKey })).toEqual(['signature: snp-signature']);
  });

  it('none, and two', async () => {
    const other = await genoa.vendor.issueChip();
    const { chip, intermediate, vendor } = genoa;
    expect(failuresOf(inspect(genoa, { certificates: [intermediate, vendor.root] }))).toEqual([
      'leaf: snp-leaf-missing',
    ]);
    const twin = await genoa.vendor.issueChip({ chipId: chip.chipId });
    const with_ = (second: Uint8Array): readonly string[] =>
      failuresOf(inspect(genoa, { certificates: [chip.certificate, second, intermediate, vendor.root] }));
    expect(with_(other.certificate)).toEqual([]);
    expect(with_(twin.certificate)).toEqual(['leaf: snp-leaf-ambiguous']);
    const neither = [other.certificate, (await genoa.vendor.issueChip()).certificate, intermediate, vendor.root];
    expect(failuresOf(inspect(genoa, { certificates: neither }))).toEqual(['leaf: snp-leaf-ambiguous']);
  });
});

describe('a chain with one thing wrong', () => {
  const withIntermediate = async (options: Omit<IntermediateOptions, 'kind'>): Promise<readonly string[]> => {
    const intermediate = await genoa.vendor.issueIntermediate({ kind: 'VCEK', ...options });
    return failuresOf(inspect({ ...genoa, intermediate }));
  };
  const longAgo = { notBefore: new Date(at.getTime() - 10 * dayMs), notAfter: new Date(at.getTime() - 1000) };

  it('an intermediate that has expired, is no authority, may not sign certificates, or has another name', async () => {
    expect(await withIntermediate({ validity: longAgo })).toEqual(['validity: snp-expired']);
    expect(await withIntermediate({ authority: false })).toEqual(['chain: snp-chain']);
    expect(await withIntermediate({ usages: authorityUsages.root & ~authorityUsages.intermediate })).toEqual([
      'chain: snp-chain',
    ]);
    expect(await withIntermediate({ subject: 'SEV-Turin' })).toEqual(['chain: snp-chain-incomplete']);
  });

  it('a root that has expired, under an intermediate and a leaf that have not', async () => {
    const validity = { notBefore: at, notAfter: new Date(at.getTime() + 20 * 365 * dayMs) };
    const chip = await genoa.vendor.issueChip({ validity });
    const intermediate = await genoa.vendor.issueIntermediate({ kind: 'VCEK', validity });
    const later = new Date(at.getTime() + 11 * 365 * dayMs);
    const inspection = inspect({ ...genoa, chip, intermediate }, { at: later, crls: [] });
    expect(failuresOf(inspection)).toEqual(['validity: snp-expired']);
    expect(inspection.steps.find(({ name }) => name === 'validity')?.reason).toContain('ARK-Genoa');
  });

  it('an intermediate signed by itself, or certifying another key', async () => {
    const { root, intermediate } = await vendorKeys();
    expect(await withIntermediate({ issuerKey: intermediate })).toEqual(['chain: snp-chain']);
    expect(await withIntermediate({ publicKey: root.publicKey })).toEqual(['chain: snp-chain']);
    expect(await withIntermediate({ publicKey: generateChipKey().publicKey })).toEqual(['chain: snp-chain']);
  });

  it.each(['pssSha256', 'pkcs1Sha384'] as const)('a signature of the kind %s anywhere', async (algorithm) => {
    expect(await withIntermediate({ algorithm })).toEqual(['chain: snp-chain']);
    const chip = await genoa.vendor.issueChip({ algorithm });
    expect(failuresOf(inspect({ ...genoa, chip }))).toEqual(['chain: snp-chain']);
    const crl = await genoa.vendor.issueCrl({ algorithm });
    expect(failuresOf(inspect({ ...genoa, crl }))).toEqual(['revocation: snp-crl-signature']);
  });

  it('RSA keys of 2048 bits, for the root or for the intermediate', async () => {
    const strong = await vendorKeys();
    const weak = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const keys of [
      { ...strong, root: weak },
      { ...strong, intermediate: weak },
    ]) {
      const vendor = await createSimulatedVendor({ product: 'Genoa', at, keys });
      const world = await worldOf(vendor, 'VCEK');
      expect(failuresOf(inspect(world))).toEqual(['chain: snp-chain']);
    }
  });

  it('a root that may not sign certificates, and one that may not sign revocation lists', async () => {
    const keys = await vendorKeys();
    const without = async (usage: number): Promise<World> =>
      worldOf(
        await createSimulatedVendor({ product: 'Genoa', at, keys, rootUsages: authorityUsages.root & ~usage }),
        'VCEK',
      );
    expect(failuresOf(inspect(await without(KeyUsageFlags.keyCertSign)))).toEqual(['chain: snp-chain']);
    expect(failuresOf(inspect(await without(KeyUsageFlags.cRLSign)))).toEqual(['revocation: snp-crl-signature']);
  });

  it('a root pinned for another product than the one that it names', () => {
    const inspection = inspectSnp({
      report: reportOf(genoa),
      certificates: [genoa.chip.certificate, genoa.intermediate, genoa.vendor.root],
      crls: [],
      at,
      trustedRoots: [{ kind: 'genuine', product: 'Turin', sha256: genoa.vendor.rootSha256 }],
    });
    expect(failuresOf(inspection)).toEqual(['chain: snp-chain']);
  });

  it('an intermediate of VLEKs in place of one of VCEKs, and of another product', async () => {
    const { chip, vendor } = genoa;
    const swapped = [chip.certificate, vlek.intermediate, vendor.root];
    expect(failuresOf(inspect(genoa, { certificates: swapped }))).toEqual(['chain: snp-chain-incomplete']);
    const foreign = [chip.certificate, turin.intermediate, turin.vendor.root, vendor.root];
    expect(failuresOf(inspect(genoa, { certificates: foreign }))).toEqual(['chain: snp-chain-incomplete']);
  });

  it('two intermediates, or two roots, of one name', async () => {
    const { chip, intermediate, vendor } = genoa;
    const second = await vendor.issueIntermediate({ kind: 'VCEK' });
    expect(failuresOf(inspect(genoa, { certificates: [chip.certificate, intermediate, second, vendor.root] }))).toEqual(
      ['chain: snp-chain-ambiguous'],
    );
    const twin = await createSimulatedVendor({ product: 'Genoa', at, keys: await vendorKeys() });
    expect(
      failuresOf(inspect(genoa, { certificates: [chip.certificate, intermediate, vendor.root, twin.root] })),
    ).toEqual(['chain: snp-chain-ambiguous']);
  });

  it('an intermediate that its leaf issued for itself', async () => {
    const { chip, vendor } = genoa;
    expect(failuresOf(inspect(genoa, { certificates: [chip.certificate, vendor.root] }))).toEqual([
      'chain: snp-chain-incomplete',
    ]);
    const selfMade = await vendor.issueIntermediate({ kind: 'VCEK', issuer: 'SEV-Genoa' });
    expect(failuresOf(inspect(genoa, { certificates: [chip.certificate, selfMade, vendor.root] }))).toEqual([
      'chain: snp-root-untrusted',
    ]);
  });

  it('a simulated root that names a product other than its leaf’s', () => {
    const certificates = [genoa.chip.certificate, genoa.intermediate, turin.vendor.root];
    expect(failuresOf(inspect(genoa, { certificates, rootSha256: turin.vendor.rootSha256 }))).toEqual([
      'chain: snp-chain-incomplete',
    ]);
  });

  it('truncated, lengthened, empty, oversized, too many certificates, or a private key among them', () => {
    const { chip, intermediate, vendor } = genoa;
    const rest = [intermediate, vendor.root];
    const one = (bytes: Uint8Array): readonly string[] =>
      failuresOf(inspect(genoa, { certificates: [bytes, ...rest] }));
    expect(one(chip.certificate.subarray(0, 500))).toEqual(['certificates: der-malformed']);
    expect(one(Uint8Array.from([...chip.certificate, 0]))).toEqual(['certificates: der-malformed']);
    expect(one(new Uint8Array())).toEqual(['certificates: pem-malformed']);
    expect(one(new Uint8Array(65_537).fill(0x30))).toEqual(['certificates: pem-too-large']);
    expect(one(Uint8Array.of(0x30, 0))).toEqual(['certificates: certificate-malformed']);
    expect(failuresOf(inspect(genoa, { certificates: Array.from({ length: 513 }, () => chip.certificate) }))).toEqual([
      'certificates: pem-too-large',
    ]);
    const pem = `${toPem(chip.certificate, 'CERTIFICATE')}${toPem(Uint8Array.of(1, 2, 3), 'PRIVATE KEY')}`;
    expect(one(Buffer.from(pem))).toEqual(['certificates: pem-malformed']);
  });

  it('a bit flipped anywhere in a certificate never makes another machine of it', () => {
    const { chip, intermediate, vendor } = genoa;
    const report = reportOf(genoa);
    const genuine = [chip.certificate, intermediate, vendor.root];
    genuine.forEach((certificate, which) => {
      for (let offset = which; offset < certificate.byteLength; offset += 13) {
        const flipped = Uint8Array.from(certificate);
        flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 8));
        const certificates = genuine.with(which, flipped);
        expect({ which, offset, ...pickVerdict(inspect(genoa, { report, certificates })) }).toEqual({
          which,
          offset,
          authentic: false,
        });
      }
    });
  }, 60_000);
});

function pickVerdict({ authentic }: { readonly authentic: boolean }): { readonly authentic: boolean } {
  return { authentic };
}

describe('revocation', () => {
  const revocationOf = (crls: readonly Uint8Array[], when = at): string => {
    const step = inspect(genoa, { crls, at: when }).steps.find(({ name }) => name === 'revocation');
    return step?.code ?? step?.status ?? 'absent';
  };
  const crl = async (options: CrlOptions): Promise<Uint8Array> => genoa.vendor.issueCrl(options);
  const day = (days: number): Date => new Date(at.getTime() + days * dayMs);

  it('is not evaluated without a list, and that alone does not make evidence unauthentic', () => {
    expect(revocationOf([])).toBe('not-evaluated');
    expect(inspect(genoa, { crls: [] }).authentic).toBe(true);
  });

  it('is refused for a list that is expired, not valid yet, another issuer’s, or signed by another key', async () => {
    const { intermediate } = await vendorKeys();
    expect(revocationOf([await crl({ thisUpdate: day(-9), nextUpdate: day(-1) })])).toBe('snp-crl-expired');
    expect(revocationOf([await crl({ thisUpdate: day(1), nextUpdate: day(9) })])).toBe('snp-crl-not-yet-valid');
    expect(revocationOf([turin.crl])).toBe('snp-crl-issuer');
    expect(revocationOf([await crl({ issuer: 'SEV-Genoa', issuerKey: intermediate })])).toBe('snp-crl-issuer');
    expect(revocationOf([await crl({ issuerKey: intermediate })])).toBe('snp-crl-signature');
  });

  it('finds a revoked intermediate in any list of the root, whatever its date and company', async () => {
    const revoked = [genoa.vendor.intermediateSerial('VCEK')];
    expect(revocationOf([await crl({ revoked })])).toBe('snp-revoked');
    expect(revocationOf([genoa.crl, await crl({ revoked, thisUpdate: day(-9), nextUpdate: day(-1) })])).toBe(
      'snp-revoked',
    );
    expect(revocationOf([await crl({ revoked: ['020099', ...revoked, '020077'] })])).toBe('snp-revoked');
    expect(revocationOf([await crl({ revoked: ['020099', genoa.vendor.intermediateSerial('VLEK')] })])).toBe('ok');
  });

  it('takes the current list among several, and refuses a spoiled one beside a good one', async () => {
    const { intermediate } = await vendorKeys();
    expect(revocationOf([turin.crl, await crl({ thisUpdate: day(-9), nextUpdate: day(-1) }), genoa.crl])).toBe('ok');
    expect(revocationOf([genoa.crl, await crl({ issuerKey: intermediate })])).toBe('snp-crl-signature');
  });

  it('refuses a delta list, an unknown critical extension, truncation and trailing bytes', async () => {
    expect(
      revocationOf([await crl({ extensions: [{ oid: '2.5.29.27', value: derInteger(1), critical: true }] })]),
    ).toBe('crl-malformed');
    expect(revocationOf([genoa.crl.subarray(0, 300)])).toBe('crl-malformed');
    expect(revocationOf([Uint8Array.from([...genoa.crl, 0])])).toBe('crl-malformed');
    expect(revocationOf([genoa.vendor.root])).toBe('crl-malformed');
    expect(revocationOf([new Uint8Array(262_145).fill(0x30)])).toBe('pem-too-large');
  });

  it('holds for no list with a flipped bit', () => {
    for (let offset = 0; offset < genoa.crl.byteLength; offset += 3) {
      const flipped = Uint8Array.from(genoa.crl);
      flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset % 8));
      expect({ offset, result: revocationOf([flipped]) }).not.toEqual({ offset, result: 'ok' });
    }
  });

  it('is valid at its first and last instants', () => {
    expect(revocationOf([genoa.crl], new Date(at.getTime() - 3_600_000))).toBe('ok');
    expect(revocationOf([genoa.crl], day(90))).toBe('ok');
    expect(revocationOf([genoa.crl], new Date(day(90).getTime() + 1))).toBe('snp-crl-expired');
  });
});

describe('the clock', () => {
  it('is refused when it is no instant: every comparison with it would be false', () => {
    expect(catchCode(() => inspect(genoa, { at: new Date('never') }), 'clock-invalid')).toBe(true);
  });
});

function catchCode(act: () => unknown, code: string): boolean {
  try {
    act();
    return false;
  } catch (error) {
    return hasCode(error, code);
  }
}

describe('what is shown', () => {
  it('is JSON, with 64-bit integers as hex', () => {
    const inspection = inspect(turin);
    const again: unknown = JSON.parse(JSON.stringify(inspection));
    expect(again).toMatchObject({
      kind: 'snp',
      fields: {
        version: 5,
        policy: '0x30137',
        launchMitVector: '0x3f',
        chipId: toHex(turin.chip.chipId),
        reportedTcb: { fmc: 1, snp: 4 },
      },
    });
  });
});
