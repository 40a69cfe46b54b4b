// One thing wrong in a whole bundle, each with the exact steps and codes by which it is refused.
import { beforeAll, describe, expect, it } from 'vitest';
import { toBase64Url, utf8 } from '@wardround/protocol/bytes';
import { qualifyingDataFor, reportDataFor } from '@wardround/attestation/binding';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import { requireOneSort } from '@wardround/attestation/composite/vendors';
import type { Endorsement, Evidence, EvidenceItem } from '@wardround/attestation/evidence';
import { gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { instantText, platformLevelText, simpleLevelText } from '@wardround/attestation/simulated/intel/collateral';
import { usualTd } from '@wardround/attestation/simulated/intel/quote';
import type { SimulatedNvidiaDevice } from '@wardround/attestation/simulated/nvidia/device';
import { createSimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import { parseCertificate } from '@wardround/attestation/x509/certificate';
import { claimsOf, configuration } from './azure-writer.ts';
import type { BundleRequest, Composite, Sort } from './composite-world.ts';
import {
  appraise,
  bundleOf,
  deviceItem,
  makeComposite,
  nvidiaRulesOf,
  ocspItem,
  otherNonce,
  policyOf,
  protectedFleet,
  quoteItem,
  rimItem,
  tdxCollateralItem,
  waived,
} from './composite-world.ts';
import { answersFor, ueidOf } from './nvidia-world.ts';
import { at, dayMs, failuresOf, mirrorOf, nonce, sessionOpen } from './world.ts';

let world: Composite;
let gpu: SimulatedNvidiaDevice;
let item: EvidenceItem;
beforeAll(async () => {
  world = await makeComposite();
  [gpu] = world.gpus;
  item = deviceItem({ device: gpu });
}, 120_000);

interface Judging {
  readonly sort?: Sort;
  readonly policy?: Policy;
  readonly mirror?: readonly MirroredEndorsement[];
}

/** Every failure; an accepted bundle is a failure of the test. */
function refusals(evidence: Evidence, { sort = 'sevSnp', policy, mirror = [] }: Judging = {}): readonly string[] {
  const report = appraise(evidence, policy ?? policyOf(world, sort, [gpu]), { mirror });
  expect(report.accepted).toBe(false);
  return failuresOf(report);
}

const withGpu = (request: Partial<BundleRequest> = {}): Evidence =>
  bundleOf(world, { sort: 'sevSnp', devices: [item], ...request });
const withItems = (evidence: Evidence, change: (items: readonly EvidenceItem[]) => EvidenceItem[]): Evidence => ({
  ...evidence,
  evidence: change(evidence.evidence),
});
const withEndorsements = (
  evidence: Evidence,
  change: (endorsements: readonly Endorsement[]) => readonly Endorsement[],
): Evidence => ({ ...evidence, endorsements: [...change(evidence.endorsements)] });
const isDevice = ({ type }: EvidenceItem): boolean => type === 'nvidiaGpu' || type === 'nvSwitch';

describe('whom a GPU answered, and who vouches for its answer', () => {
  it.each([
    ['another nonce', (): string => gpuNonceFor(otherNonce)],
    ['the site’s nonce itself, not the derived one', (): string => nonce],
  ])('%s', (_, asked) => {
    const devices = [deviceItem({ device: gpu, nonce: asked() })];
    expect(refusals(withGpu({ devices }))).toEqual([
      'gpu-0/nonce: nvidia-nonce',
      'gpu-0/nonce-known: nvidia-nonce-unknown',
    ]);
  });

  it('evidence that was swapped after the processor vouched for it', () => {
    const other = deviceItem({ device: gpu });
    expect(refusals(withItems(withGpu(), (items) => items.map((one) => (isDevice(one) ? other : one))))).toEqual([
      'gpu-digest: evidence-gpu-digest',
    ]);
  });

  it('a digest in the bundle that fits the swapped evidence, and that no processor vouched for', () => {
    const swapped = bundleOf(world, { sort: 'sevSnp', devices: [deviceItem({ device: gpu })] });
    expect(
      refusals({
        ...withGpu(),
        binding: swapped.binding,
        evidence: [...withGpu().evidence.slice(0, 1), ...swapped.evidence.slice(1)],
      }),
    ).toEqual(['binding: evidence-binding']);
  });

  it('a processor that vouched for none', () => {
    const evidence = withGpu({ bound: { gpuEvidence: 'none' } });
    expect(refusals(evidence)).toEqual(['binding: evidence-binding']);
    expect(refusals({ ...evidence, binding: { ...evidence.binding, gpuEvidence: 'none' } })).toEqual([
      'gpu: evidence-gpu-undeclared',
      'gpu-digest: evidence-gpu-digest',
    ]);
  });

  it('an item of type none beside a GPU', () => {
    expect(refusals(withItems(withGpu(), (items) => [...items, { type: 'none', of: 'gpu' }]))).toEqual([
      'gpu: evidence-gpu-undeclared',
    ]);
  });
});

describe('which devices there are', () => {
  const both = (): Policy => policyOf(world, 'sevSnp', world.gpus);
  const two = (): readonly EvidenceItem[] => world.gpus.map((device) => deviceItem({ device }));
  const digest = 'gpu-digest: evidence-gpu-digest';

  it('one left out', () => {
    const evidence = withGpu({ devices: two() });
    expect(appraise(evidence, both()).accepted).toBe(true);
    expect(
      refusals(
        withItems(evidence, (items) => items.slice(0, -1)),
        { policy: both() },
      ),
    ).toEqual([digest, 'device-count: nvidia-device-count', 'machine: evidence-machine']);
    expect(refusals(withGpu(), { policy: both() })).toEqual([
      'device-count: nvidia-device-count',
      'machine: evidence-machine',
    ]);
  });

  it('one added', () => {
    const third = deviceItem({ device: world.gpus[1] });
    const codes = [
      'gpu-1/ueid-accepted: nvidia-ueid-unknown',
      'device-count: nvidia-device-count',
      'machine: evidence-machine',
    ];
    expect(refusals(withGpu({ devices: [item, third] }))).toEqual(codes);
    expect(refusals(withItems(withGpu(), (items) => [...items, third]))).toEqual([digest, ...codes]);
  });

  it('one twice: the same report, or another of the same device', () => {
    for (const again of [item, deviceItem({ device: gpu })]) {
      expect(refusals(withGpu({ devices: [item, again] }), { policy: both() })).toEqual([
        'devices-distinct: nvidia-device-duplicate',
        'machine: evidence-machine',
      ]);
    }
  });

  it('in another order', () => {
    const evidence = withGpu({ devices: two() });
    const [report, first, second] = evidence.evidence;
    if (report === undefined || first === undefined || second === undefined) throw new Error('no evidence');
    expect(refusals({ ...evidence, evidence: [report, second, first] }, { policy: both() })).toEqual([digest]);
  });

  it('a GPU shown as a switch, and a switch as a GPU', () => {
    const [nvswitch] = world.switches;
    const relabelled = (device: SimulatedNvidiaDevice, type: 'nvidiaGpu' | 'nvSwitch'): EvidenceItem => {
      const own = deviceItem({ device });
      if (own.type !== 'nvidiaGpu' && own.type !== 'nvSwitch') throw new Error('no device');
      return { ...own, type };
    };
    const asSwitch = relabelled(gpu, 'nvSwitch');
    const asGpu = relabelled(nvswitch, 'nvidiaGpu');
    for (const [shown, prefix] of [
      [asSwitch, 'switch-0'],
      [asGpu, 'gpu-0'],
    ] as const) {
      const devices = [shown];
      expect(refusals(withGpu({ devices }))[0]).toBe(`${prefix}/device: nvidia-device-kind`);
    }
  });

  it('none where the policy wants one, one where it wants none, or another number', () => {
    expect(refusals(bundleOf(world, { sort: 'sevSnp' }))).toEqual([
      'gpu: evidence-gpu-required',
      'machine: evidence-machine',
    ]);
    expect(refusals(withGpu(), { policy: policyOf(world, 'sevSnp') })).toEqual(['gpu: evidence-gpu-unwanted']);
    const rules = nvidiaRulesOf([gpu]);
    const more = {
      ...policyOf(world, 'sevSnp', [gpu]),
      gpu: { nvidia: { ...rules, gpus: { ...rules.gpus, count: 2 } } },
    };
    expect(refusals(withGpu(), { policy: more })).toEqual(['device-count: nvidia-device-count']);
  });

  it('a switch left out of a fleet in protected PCIe mode', () => {
    const all = [...world.gpus, ...world.switches];
    const policy = policyOf(world, 'sevSnp', all);
    const devices = protectedFleet(world).slice(0, -1);
    expect(refusals(withGpu({ devices }), { policy })).toEqual([
      'device-count: nvidia-device-count',
      'switch-pairing: nvidia-pairing',
      'machine: evidence-machine',
    ]);
  });

  it('processor and devices that are not on the list together', () => {
    const base = policyOf(world, 'sevSnp', [gpu]);
    const other = world.intel.platform.values.ppid;
    const pairs = (machines: Policy['machines']): Policy => parsePolicy({ ...base, machines });
    const devices = [ueidOf(gpu)];
    const chip = toHexOf(world.snp.chip.chipId);
    for (const machines of [
      [{ processor: chip, devices: [ueidOf(world.gpus[1])] }],
      [{ processor: toHexOf(other), devices }],
      [{ processor: chip, devices: [...devices, ueidOf(world.gpus[1])] }],
    ]) {
      expect(refusals(withGpu(), { policy: pairs(machines) })).toEqual(['machine: evidence-machine']);
    }
    expect(appraise(withGpu(), pairs(waived)).accepted).toBe(true);
    const lapsed = { waived: { reason: 'tried here', until: at.toISOString() } };
    expect(refusals(withGpu(), { policy: pairs(lapsed) })).toEqual(['machine: policy-waiver-expired']);
    expect(() => pairs([{ processor: '0'.repeat(128), devices }])).toThrow('all zero');
  });
});

const toHexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('what NVIDIA says of a device', () => {
  const rims = (...xmls: readonly Uint8Array[]): Evidence =>
    withEndorsements(withGpu(), (all) => [
      ...all.filter(({ type }) => type !== 'rim'),
      ...xmls.map((xml) => rimItem(xml)),
    ]);
  const answers = (...responses: readonly Uint8Array[]): Evidence =>
    withEndorsements(withGpu(), (all) => [...all.filter(({ type }) => type !== 'ocsp'), ...responses.map(ocspItem)]);

  const unmeasured = ['gpu-0/measured: nvidia-not-measured', 'gpu-0/revocation-known: nvidia-revocation-unknown'];

  it('no manifests', () => {
    expect(refusals(rims())).toEqual(unmeasured);
  });

  it('manifests of another version, or under another name', async () => {
    const [driver = new Uint8Array(), vbios = new Uint8Array()] = world.rims;
    const older = await world.nvidia.issueRim('driver', { version: '565.10' });
    const named = (xml: Uint8Array, id: string): Evidence =>
      withEndorsements(withGpu(), (all) => [
        ...all.filter((one) => one.type !== 'rim' || one.id !== id),
        rimItem(xml, id),
      ]);
    expect(refusals(named(older, 'NV_GPU_DRIVER_GH100_570.124.03'))).toEqual([
      'gpu-0/driver-rim-version: rim-version',
      ...unmeasured,
    ]);
    expect(refusals(rims(driver, vbios))).toEqual([
      'gpu-0/driver-rim-version: rim-id',
      'gpu-0/vbios-rim-version: rim-id',
      'gpu-0/measured: nvidia-not-measured',
    ]);
  });

  it('no answers', () => {
    expect(refusals(answers())).toEqual(['gpu-0/revocation-known: nvidia-revocation-unknown']);
  });

  it.each([
    ['out of date', { nextUpdate: new Date(at.getTime() - 60_000) }, 'ocsp-expired'],
    ['on hold', { status: 'hold' }, 'ocsp-revoked'],
    ['revoked', { status: 'revoked' }, 'ocsp-revoked'],
    ['unknown', { status: 'unknown' }, 'ocsp-unknown'],
  ] as const)('an answer %s', (_, options, code) => {
    const chain = gpu.certificates;
    const bad = world.nvidia.answer(chain, 1, { thisUpdate: new Date(at.getTime() - dayMs), ...options });
    const others = [0, 2, 3].map((index) => world.nvidia.answer(chain, index));
    const ofRims = world.ocsp.filter(
      (der) => !answersFor(world.nvidia, [chain]).some((own) => toHexOf(own) === toHexOf(der)),
    );
    expect(refusals(answers(bad, ...others, ...ofRims.slice(-12)))).toContain(`gpu-0/revocation: ${code}`);
  });

  it('an answer that is good in the bundle and revoked in the site’s mirror', () => {
    const revoked = world.nvidia.answer(gpu.certificates, 2, { status: 'revoked' });
    const mirror = [{ endorsement: ocspItem(revoked), mirroredAt: at }];
    expect(refusals(withGpu(), { mirror })).toContain('gpu-0/revocation: ocsp-revoked');
  });

  it('answers older than the policy allows, though in date', () => {
    const evidence = withGpu();
    const report = appraise(evidence, policyOf(world, 'sevSnp', [gpu]), { at: new Date(at.getTime() + dayMs) });
    expect(failuresOf(report)).toContain('gpu-0/revocation-age: nvidia-revocation-too-old');
  });

  it('answers about other certificates only', async () => {
    const stranger = await world.nvidia.issueDevice();
    const foreign = world.nvidia.answer(stranger.certificates, 0);
    expect(refusals(answers(foreign))).toContain('gpu-0/ocsp-answers: ocsp-foreign');
  });

  it('a device of a root that the policy does not name', async () => {
    const vendor = await createSimulatedNvidia(at);
    const device = await vendor.issueDevice();
    const codes = refusals(withGpu({ devices: [deviceItem({ device })] }));
    expect(codes[0]).toBe('gpu-0/chain: nvidia-root-untrusted');
  });
});

describe('genuine and simulated parts', () => {
  it('do not make one machine', () => {
    const held = (value: 'genuine' | 'simulated') => ({ name: 'chain', held: true, value }) as const;
    expect(() => requireOneSort([held('genuine'), held('genuine')])).not.toThrow();
    expect(() => requireOneSort([held('simulated')])).not.toThrow();
    expect(() => requireOneSort([held('genuine'), held('simulated')])).toThrow('genuine and simulated parts');
    expect(() => requireOneSort([held('genuine'), { name: 'chain', held: false }])).toThrow('step chain did not hold');
  });

  it.each(['sevSnp', 'tdx5', 'azureSnp', 'azureTdx'] as const)(
    '%s: a policy for genuine images refuses a simulated processor beside a GPU that it trusts',
    (sort) => {
      const base = policyOf(world, sort, [gpu]);
      const onlyGpu = { ...base, simulatedPlatform: { roots: [world.nvidia.rootSha256] } };
      const codes = refusals(bundleOf(world, { sort, devices: [item] }), { policy: onlyGpu });
      expect(codes[0]).toMatch(/^chain: (?:snp|tdx)-root-untrusted$/);
      expect(codes.filter((code) => code.startsWith('gpu-0/'))).toEqual([]);
    },
  );
});

describe('what Intel says of a platform', () => {
  const evidence = (...collateral: readonly Endorsement[]): Evidence =>
    withEndorsements(bundleOf(world, { sort: 'tdx5' }), () => collateral);
  const own = (): Endorsement => tdxCollateralItem(world.intel.collateral);
  const offered = async (options: Parameters<Composite['intel']['vendor']['collateralFor']>[1]): Promise<Endorsement> =>
    tdxCollateralItem(await world.intel.vendor.collateralFor(world.intel.platform, options));
  const codes = (bundle: Evidence, mirrored: readonly Endorsement[] = []): readonly string[] =>
    refusals(bundle, {
      policy: policyOf(world, 'tdx5'),
      mirror: mirrored.map((endorsement) => ({ endorsement, mirroredAt: at })),
    });
  const levelOf = (status: 'OutOfDate' | 'Revoked', sgx = world.intel.platform.values.components): unknown => [
    platformLevelText({ sgx, pceSvn: world.intel.platform.values.pceSvn, tdx: [...usualTd.teeTcbSvn] }, status, [
      'INTEL-SA-09999',
    ]),
  ];
  const newer = { issueDate: instantText(new Date(at.getTime() - 3_600_000)), tcbEvaluationDataNumber: 21 };

  it('of another family of platforms', async () => {
    const other = await world.intel.vendor.issuePlatform({ values: { fmspc: Buffer.from('00906ed50000', 'hex') } });
    const foreign = tdxCollateralItem(await world.intel.vendor.collateralFor(other));
    expect(codes(evidence(foreign))).toEqual(['tcb-info-platform: tdx-fmspc']);
    expect(appraise(evidence(foreign, own()), policyOf(world, 'tdx5')).accepted).toBe(true);
  });

  it('nothing', () => {
    expect(codes(evidence())).toEqual([
      'revocation-known: tdx-crl-missing',
      'collateral-known: tdx-collateral-missing',
    ]);
  });

  it.each([
    ['OutOfDate', ['tcb-accepted: tdx-tcb-refused']],
    ['Revoked', ['tcb-status: tdx-tcb-revoked']],
  ] as const)('the mirror’s newer word %s counts, not the bundle’s older UpToDate', async (status, expected) => {
    const mirrored = await offered({ tcbInfo: { ...newer, tcbLevels: levelOf(status) } });
    expect(codes(evidence(own()), [mirrored])).toEqual(expected);
    expect(codes(evidence(mirrored), [own()])).toEqual(expected);
    expect(codes(evidence(own(), mirrored))).toEqual(expected);
  });

  it('newer word that knows no level so low counts as well', async () => {
    const higher = world.intel.platform.values.components.map((svn) => svn + 1);
    const mirrored = await offered({ tcbInfo: { ...newer, tcbLevels: levelOf('OutOfDate', higher) } });
    expect(codes(evidence(own()), [mirrored])).toEqual(['platform-tcb: tdx-tcb-no-level']);
  });

  it('a newer issue of the same evaluation counts', async () => {
    const { issueDate } = newer;
    const mirrored = await offered({ tcbInfo: { issueDate, tcbLevels: levelOf('OutOfDate') } });
    expect(codes(evidence(own()), [mirrored])).toEqual(['tcb-accepted: tdx-tcb-refused']);
  });

  it('the newest identity counts, though it comes with older TCB info', async () => {
    const outdated = {
      ...newer,
      tcbLevels: [simpleLevelText(7, 'UpToDate'), simpleLevelText(6, 'OutOfDate', ['INTEL-SA-09999'])],
    };
    const mirrored = await offered({ qeIdentity: outdated });
    const mixed = await offered({ tcbInfo: newer });
    expect(codes(evidence(mixed), [mirrored])).toEqual(['tcb-accepted: tdx-tcb-refused']);
  });

  it('every revocation list counts, whichever set it came in', async () => {
    const revoking = await offered({ pckCrl: { revoked: [serialOf(world.intel.platform.chain[0])] } });
    expect(codes(evidence(own()), [revoking])[0]).toBe('revocation: tdx-revoked');
    expect(codes(evidence(revoking), [own()])[0]).toBe('revocation: tdx-revoked');
  });

  it('spoiled newer word of somebody else changes nothing', async () => {
    const spoiled = await offered({
      tcbInfo: { ...newer, tcbLevels: levelOf('Revoked') },
      signerKey: world.intel.keys.pckCa,
    });
    expect(appraise(evidence(own(), spoiled), policyOf(world, 'tdx5')).accepted).toBe(true);
  });
});

const serialOf = (der: Uint8Array | undefined): string => {
  return parseCertificate(der ?? new Uint8Array()).serial;
};

describe('what the site’s own mirror knows', () => {
  it('an intermediate of AMD’s that the bundle’s own list does not revoke', async () => {
    const revoking = await world.snp.vendor.issueCrl({ revoked: [world.snp.vendor.intermediateSerial('VCEK')] });
    for (const sort of ['sevSnp', 'azureSnp'] as const) {
      const report = appraise(bundleOf(world, { sort }), policyOf(world, sort), { mirror: mirrorOf(revoking) });
      expect(report).toMatchObject({ accepted: false, authentic: false });
      expect(failuresOf(report)[0]).toBe('revocation: snp-revoked');
    }
  });

  it('a TPM key that its own list does not revoke', async () => {
    const revoking = await world.ak.crl({ revoked: [world.ak.serial] });
    const evidence = bundleOf(world, { sort: 'sevSnpTpm' });
    const policy = policyOf(world, 'sevSnpTpm');
    expect(failuresOf(appraise(evidence, policy, { mirror: mirrorOf(revoking) }))).toContain(
      'tpm/ak-revocation: tpm-ak-revoked',
    );
  });
});

describe('a machine behind a paravisor', () => {
  const azure = (request: Partial<BundleRequest> = {}): readonly string[] =>
    refusals(bundleOf(world, { sort: 'azureSnp', ...request }), { policy: policyOf(world, 'azureSnp') });
  const wrongNonce = ['tpm-nonce: tpm-quote-nonce', 'binding: evidence-binding'];

  it.each([
    ['REPORT_DATA itself, cut to what a TPM takes', (data: Uint8Array) => data.subarray(0, 32)],
    ['REPORT_DATA itself', (data: Uint8Array) => data],
    ['the site’s nonce', () => Buffer.from(nonce, 'hex')],
    ['nothing', () => new Uint8Array()],
    [
      'another session’s',
      () => qualifyingDataFor(reportDataFor({ nonce, sessionOpen: otherNonce, gpuEvidence: 'none' })),
    ],
  ])('whose quote’s qualifying data is %s', (_, extraData) => {
    expect(azure({ extraData })).toEqual(wrongNonce);
  });

  it('whose claims are of another machine, or name another configuration', () => {
    const other = bundleOf(world, { sort: 'azureSnp', claims: claimsOf({ 'user-data': 'ab' }) });
    const evidence = bundleOf(world, { sort: 'azureSnp' });
    const [theirs] = other.evidence;
    const [ours] = evidence.evidence;
    if (theirs?.type !== 'tpmQuote' || ours?.type !== 'tpmQuote') throw new Error('no quotes');
    const own = Buffer.from(ours.hclReport, 'base64url');
    const foreign = Buffer.from(theirs.hclReport, 'base64url');
    const mixed = Buffer.concat([own.subarray(0, 1216), foreign.subarray(1216)]);
    const spliced = withItems(evidence, ([, ...rest]) => [{ ...ours, hclReport: toBase64Url(mixed) }, ...rest]);
    const codes = refusals(spliced, { policy: policyOf(world, 'azureSnp') });
    expect(codes[0]).toMatch(/^hcl-(?:binding: hcl-binding|format: hcl-malformed)$/);
    const open = claimsOf({ 'vm-configuration': { ...configuration, 'console-enabled': true } });
    expect(azure({ claims: open })).toEqual(['console: tpm-console']);
  });

  it('on TDX, whose TD quote is another’s', () => {
    const evidence = bundleOf(world, { sort: 'azureTdx' });
    const other = bundleOf(world, { sort: 'azureTdx', td: { td: { mrTd: new Uint8Array(48).fill(9) } } });
    const [theirs] = other.evidence;
    if (theirs === undefined) throw new Error('no quote');
    const codes = refusals(
      withItems(evidence, ([, ...rest]) => [theirs, ...rest]),
      { policy: policyOf(world, 'azureTdx') },
    );
    expect(codes[0]).toBe('hcl-binding: hcl-td-report');
  });

  it('beside what nobody would look at', () => {
    const unjudged = ['contents: evidence-unjudged'];
    const of = (sort: Sort, change: (one: EvidenceItem) => EvidenceItem): readonly string[] =>
      refusals(
        withItems(bundleOf(world, { sort }), (items) => items.map(change)),
        { policy: policyOf(world, sort) },
      );
    const certificates = world.ak.certificates.map(toBase64Url);
    expect(of('azureSnp', (one) => (one.type === 'tpmQuote' ? { ...one, certificates } : one))).toEqual(unjudged);
    expect(of('sevSnpTpm', (one) => (one.type === 'tpmQuote' ? { ...one, hclReport: 'AAAA' } : one))).toEqual(unjudged);
    const eventLog = toBase64Url(utf8('a log'));
    expect(of('azureTdx', (one) => (one.type === 'tdx' ? { ...one, eventLog } : one))).toEqual(unjudged);
  });
});

describe('a second path', () => {
  it('that vouches for something else', () => {
    const evidence = bundleOf(world, {
      sort: 'sevSnpTpm',
      extraData: () => qualifyingDataFor(reportDataFor({ nonce: otherNonce, sessionOpen, gpuEvidence: 'none' })),
    });
    expect(refusals(evidence, { policy: policyOf(world, 'sevSnpTpm') })).toEqual([
      'tpm/tpm-nonce: tpm-quote-nonce',
      'paths-agree: evidence-paths-disagree',
    ]);
  });

  it('that is missing where the policy wants it, and there where it does not', () => {
    expect(refusals(bundleOf(world, { sort: 'sevSnp' }), { policy: policyOf(world, 'sevSnpTpm') })).toEqual([
      'second-path: evidence-second-path-missing',
    ]);
    expect(refusals(bundleOf(world, { sort: 'sevSnpTpm' }), { policy: policyOf(world, 'sevSnp') })).toEqual([
      'second-path: evidence-second-path-unasked',
    ]);
    const both = { ...policyOf(world, 'azureSnp'), secondPath: policyOf(world, 'sevSnpTpm').secondPath };
    expect(refusals(bundleOf(world, { sort: 'azureSnp' }), { policy: both })).toEqual([
      'second-path: evidence-second-path-missing',
    ]);
  });

  it('of a bare key, or without the lists of its authority', () => {
    const evidence = bundleOf(world, { sort: 'sevSnpTpm' });
    const policy = policyOf(world, 'sevSnpTpm');
    const [leaf] = world.ak.certificates;
    const data = qualifyingDataFor(reportDataFor({ nonce, sessionOpen, gpuEvidence: 'none' }));
    const replaced = (item: EvidenceItem): Evidence =>
      withItems(evidence, (items) => items.map((one) => (one.type === 'tpmQuote' ? item : one)));
    expect(refusals(replaced(quoteItem(data, {})), { policy })).toEqual([]);
    expect(refusals(replaced(quoteItem(data, { certificates: leaf === undefined ? [] : [leaf] })), { policy })).toEqual(
      ['tpm/ak-chain: tpm-ak-chain-incomplete'],
    );
    expect(
      refusals(
        withEndorsements(evidence, (all) => all.slice(0, -1)),
        { policy },
      ),
    ).toEqual(['tpm/ak-revocation: tpm-ak-crl-missing']);
  });
});
