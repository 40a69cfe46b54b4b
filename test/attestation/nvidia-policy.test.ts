// What a site's policy refuses of genuine NVIDIA devices: one rule, one exact refusal; and all devices of a machine together.
import { beforeAll, describe, expect, it } from 'vitest';
import { gpuEvidenceDigest, gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import { nvidiaFleetSteps, validateNvidiaFleet } from '@wardround/attestation/nvidia/fleet';
import { nvidiaRoots, trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { nvidiaValidationSteps } from '@wardround/attestation/nvidia/validate';
import type { NvidiaAppraisal } from '@wardround/attestation/nvidia/verify';
import { verifyNvidia } from '@wardround/attestation/nvidia/verify';
import type { NvidiaRules } from '@wardround/attestation/policy/nvidia-rules';
import { nvidiaRulesSchema } from '@wardround/attestation/policy/nvidia-rules';
import type { SimulatedNvidiaDevice } from '@wardround/attestation/simulated/nvidia/device';
import type { OpaqueEntry } from '@wardround/attestation/simulated/nvidia/report';
import { entry } from '@wardround/attestation/simulated/nvidia/report';
import type { Step } from '@wardround/attestation/steps';
import { StepLog } from '@wardround/attestation/steps';
import type { NvidiaWorld, Presented } from './nvidia-world.ts';
import {
  answersFor,
  appraise,
  at,
  chainOf,
  chainsOf,
  dayMs,
  evidenceOf,
  failuresOf,
  makeNvidiaWorld,
  nonce,
  rulesFor,
  ueidOf,
  validate,
} from './nvidia-world.ts';

let world: NvidiaWorld;
let rules: NvidiaRules;
let usual: NvidiaAppraisal;

beforeAll(async () => {
  world = await makeNvidiaWorld();
  rules = rulesFor(world);
  usual = appraise(world).appraisal;
});

const waived = { waived: { reason: 'seen in the machine room', until: '2027-01-01T00:00:00.000Z' } };
const lapsed = { waived: { reason: 'seen in the machine room', until: '2026-11-23T08:00:00.000Z' } };
const gpus = (change: Partial<NvidiaRules['gpus']>): NvidiaRules => ({ ...rules, gpus: { ...rules.gpus, ...change } });
const opaqueWith = (field: OpaqueEntry): readonly OpaqueEntry[] => [
  ...world.gpu.usualOpaque.filter(({ type }) => type !== field.type),
  field,
];
const opaqueWithout = (name: Parameters<typeof entry>[0]): readonly OpaqueEntry[] =>
  world.gpu.usualOpaque.filter(({ type }) => type !== entry(name, new Uint8Array()).type);
const reporting = (opaque: readonly OpaqueEntry[]): Presented => ({ report: world.gpu.makeReport({ nonce, opaque }) });

describe('a strict policy', () => {
  it('is a policy, and accepts the device with every step ok', () => {
    expect(nvidiaRulesSchema.parse(rules)).toEqual(rules);
    const steps = validate(usual, rules);
    expect(steps.map(({ name }) => name)).toEqual(nvidiaValidationSteps);
    expect(steps.filter(({ status }) => status !== 'ok')).toEqual([]);
  });

  it('is read strictly', () => {
    for (const key of Object.keys(rules)) {
      const { [key]: _, ...less } = { ...rules } as Record<string, unknown>;
      expect(nvidiaRulesSchema.safeParse(less).success, key).toBe(false);
    }
    for (const key of Object.keys(rules.gpus)) {
      const { [key]: _, ...less } = { ...rules.gpus } as Record<string, unknown>;
      expect(nvidiaRulesSchema.safeParse({ ...rules, gpus: less }).success, key).toBe(false);
    }
    expect(nvidiaRulesSchema.safeParse({ ...rules, odd: 1 }).success).toBe(false);
    expect(nvidiaRulesSchema.safeParse(gpus({ ueids: [] })).success).toBe(false);
    expect(nvidiaRulesSchema.safeParse(gpus({ driver: { minimum: 'newest', allowed: ['1'] } })).success).toBe(false);
  });
});

describe('a device that the policy does not want', () => {
  const mode = (change: Partial<NvidiaRules['gpus']['mode']>): NvidiaRules =>
    gpus({ mode: { ...rules.gpus.mode, ...change } });
  const cases: readonly (readonly [string, () => NvidiaRules, string])[] = [
    [
      'architecture',
      () => gpus({ architectures: { hopper: 'refused', blackwell: 'accepted' } }),
      'device-accepted: nvidia-architecture-refused',
    ],
    ['model', () => gpus({ models: ['GB100 A01 GSP BROM'] }), 'device-accepted: nvidia-model-unknown'],
    ['device', () => gpus({ ueids: ['1'] }), 'ueid-accepted: nvidia-ueid-unknown'],
    ['device, waived too long', () => gpus({ ueids: lapsed }), 'ueid-accepted: policy-waiver-expired'],
    [
      'driver below the floor',
      () => gpus({ driver: { minimum: '570.124.4', allowed: ['570.124.03'] } }),
      'driver-accepted: nvidia-driver-below-floor',
    ],
    [
      'driver below the floor by branch',
      () => gpus({ driver: { minimum: '1000.0', allowed: ['570.124.03'] } }),
      'driver-accepted: nvidia-driver-below-floor',
    ],
    [
      'driver not on the list',
      () => gpus({ driver: { minimum: '570.1', allowed: ['570.124.04'] } }),
      'driver-accepted: nvidia-driver-unknown',
    ],
    [
      'VBIOS not on the list',
      () => gpus({ vbios: { allowed: ['96.00.9F.00.02'] } }),
      'vbios-accepted: nvidia-vbios-unknown',
    ],
    ['feature flag', () => mode({ featureFlags: [1, 2] }), 'mode: nvidia-mode'],
    ['protected PCIe', () => mode({ protectedPcie: 'required' }), 'mode: nvidia-protected-pcie'],
  ];

  it.each(cases)('%s', (_, policy, expected) => {
    expect(failuresOf(validate(usual, policy()))).toEqual([expected]);
  });

  it.each<readonly [string, () => NvidiaRules]>([
    ['device', () => gpus({ ueids: waived })],
    ['model', () => gpus({ models: waived })],
    ['driver', () => gpus({ driver: { minimum: '570.0', allowed: waived } })],
    ['VBIOS', () => gpus({ vbios: { allowed: waived } })],
  ])('is accepted under a waiver, and the waiver is said: %s', (_, policy) => {
    const steps = validate(usual, policy());
    expect(failuresOf(steps)).toEqual([]);
    expect(steps.filter(({ reason }) => reason?.startsWith('waived until') === true)).toHaveLength(1);
  });

  it('a switch where the policy knows none', async () => {
    const nvswitch = await world.vendor.issueDevice({ kind: 'switch' });
    const presented = {
      kind: 'switch' as const,
      report: nvswitch.makeReport({ nonce }),
      certificates: nvswitch.certificates,
    };
    const { appraisal } = appraise(world, { ...presented, rims: [], ocsp: [] });
    const failed = failuresOf(validate(appraisal, rules));
    expect(failed).toContain('device-accepted: nvidia-switch-refused');
  });
});

describe('what a report leaves out or nobody knows', () => {
  const policyFor = (drivers: readonly string[]): Partial<NvidiaRules['gpus']> => ({
    missingFirmwareIdentity: { ...waived, drivers: [...drivers] },
    mode: { ...rules.gpus.mode, missingFeatureFlag: { ...waived, drivers: [...drivers] } },
  });

  it.each([
    ['firmware identity', 'fwid', 'firmware-identity: nvidia-firmware-identity-missing'],
    ['feature flag', 'featureFlag', 'mode: nvidia-mode'],
  ] as const)('%s', (_, name, expected) => {
    const { appraisal } = appraise(world, reporting(opaqueWithout(name)));
    expect(appraisal.authentic).toBe(true);
    expect(failuresOf(validate(appraisal, rules))).toEqual([expected]);
    expect(failuresOf(validate(appraisal, gpus(policyFor(['535.86.09']))))).toEqual([expected]);
    expect(failuresOf(validate(appraisal, gpus(policyFor(['570.124.03']))))).toEqual([]);
  });

  it('no waiver covers a firmware identity that is another', () => {
    const { appraisal } = appraise(world, reporting(opaqueWith(entry('fwid', new Uint8Array(48)))));
    expect(failuresOf(validate(appraisal, gpus(policyFor(['570.124.03']))))).toEqual([
      'firmware-identity: nvidia-firmware-identity-missing',
    ]);
  });

  it('a field without a known meaning', () => {
    const { appraisal } = appraise(world, reporting([...world.gpu.usualOpaque, { type: 99, value: Uint8Array.of(1) }]));
    expect(failuresOf(validate(appraisal, rules))).toEqual(['unknown-fields: nvidia-unknown-field']);
    expect(failuresOf(validate(appraisal, gpus({ acceptedUnknownFields: [98] })))).toHaveLength(1);
    expect(failuresOf(validate(appraisal, gpus({ acceptedUnknownFields: [99] })))).toEqual([]);
  });
});

describe('what was not checked', () => {
  const failed = (presented: Presented, policy = rules, time = at): readonly string[] =>
    failuresOf(validate(appraise(world, presented).appraisal, policy, time));

  it('a nonce that nobody expected', () => {
    const log = new StepLog();
    const { nonce: _, ...evidence } = evidenceOf(world);
    const appraisal = verifyNvidia(evidence, log);
    expect(appraisal.authentic).toBe(true);
    expect(failuresOf(validate(appraisal, rules))).toEqual(['nonce-known: nvidia-nonce-unknown']);
  });

  it.each<readonly [string, () => Presented]>([
    ['no manifest', () => ({ rims: [] })],
    ['no driver’s manifest', () => ({ rims: [{ xml: world.vbiosRim }] })],
    ['no VBIOS’s manifest', () => ({ rims: [{ xml: world.driverRim }] })],
  ])('%s', (_, presented) => {
    expect(failed(presented())).toContain('measured: nvidia-not-measured');
  });

  it('no OCSP answers, or not all', () => {
    expect(failed({ ocsp: [] })).toEqual(['revocation-known: nvidia-revocation-unknown']);
    const [device = [], ...others] = chainsOf(world);
    const some = [...answersFor(world.vendor, others), world.vendor.answer(device, 0), world.vendor.answer(device, 1)];
    expect(failed({ ocsp: some })).toEqual(['revocation-known: nvidia-revocation-unknown']);
    expect(failed({ ocsp: answersFor(world.vendor, [device, chainOf(world.driverRim).slice(1)]) })).toEqual([
      'revocation-known: nvidia-revocation-unknown',
    ]);
  });

  it('the device’s own leaf, where the policy wants an answer about it', () => {
    const [device = [], ...others] = chainsOf(world);
    const ocsp = [...answersFor(world.vendor, others), ...[1, 2, 3].map((index) => world.vendor.answer(device, index))];
    expect(failed({ ocsp })).toEqual(['revocation-known: nvidia-revocation-unknown']);
    const lenient: NvidiaRules = { ...rules, ocsp: { ...rules.ocsp, deviceLeaf: 'issuedByDevice' } };
    expect(failed({ ocsp }, lenient)).toEqual([]);
  });

  it('answers that are too old', () => {
    const policy = (maxAgeSeconds: number): NvidiaRules => ({ ...rules, ocsp: { ...rules.ocsp, maxAgeSeconds } });
    expect(failed({}, policy(3600))).toEqual([]);
    expect(failed({}, policy(3599))).toEqual(['revocation-age: nvidia-revocation-too-old']);
    const old = world.vendor.answer(world.gpu.certificates, 3, { thisUpdate: new Date(at.getTime() - 2 * dayMs) });
    const [device = [], ...others] = chainsOf(world);
    const rest = [0, 1, 2].map((index) => world.vendor.answer(device, index));
    expect(failed({ ocsp: [...rest, old, ...answersFor(world.vendor, others)] })).toEqual([
      'revocation-age: nvidia-revocation-too-old',
    ]);
  });

  it('answers that were not made for this nonce', () => {
    const fresh: NvidiaRules = { ...rules, ocsp: { ...rules.ocsp, nonce: 'required' } };
    const made = (value: string): Presented => ({
      ocsp: answersFor(world.vendor, chainsOf(world), { nonce: Buffer.from(value, 'hex') }),
    });
    expect(failed({}, fresh)).toEqual(['revocation-nonce: nvidia-revocation-nonce']);
    expect(failed(made('ab'.repeat(32)), fresh)).toEqual(['revocation-nonce: nvidia-revocation-nonce']);
    expect(failed(made(nonce), fresh)).toEqual([]);
  });

  it('a genuine device with simulated manifests is neither', () => {
    const roots = { device: trustedNvidiaRoots([world.vendor.rootSha256]).device, rim: [genuineLooking()] };
    expect(failed({ roots })).toEqual(['same-vendor: nvidia-vendors-mixed']);
  });

  const genuineLooking = (): { kind: 'genuine'; sha256: string } => ({
    kind: 'genuine',
    sha256: world.vendor.rootSha256,
  });
});

describe('all devices of a machine', () => {
  const pdi = (number: number): Uint8Array => Uint8Array.from({ length: 8 }, (_, index) => number + index);
  const reversed = (bytes: Uint8Array): Uint8Array => bytes.toReversed();

  function fleet(appraisals: readonly NvidiaAppraisal[], policy: NvidiaRules): readonly Step[] {
    const log = new StepLog();
    validateNvidiaFleet(appraisals, { rules: policy }, log);
    return log.steps;
  }

  const one = (device: SimulatedNvidiaDevice, opaque?: readonly OpaqueEntry[]): NvidiaAppraisal => {
    const report = device.makeReport(opaque === undefined ? { nonce } : { nonce, opaque });
    const presented = { kind: device.kind, report, certificates: device.certificates, rims: [], ocsp: [] };
    return appraise(world, presented).appraisal;
  };

  it('one GPU, as the policy says', () => {
    const steps = fleet([usual], rules);
    expect(steps.map(({ name }) => name)).toEqual(nvidiaFleetSteps);
    expect(steps.filter(({ status }) => status !== 'ok')).toEqual([]);
  });

  it('fewer, or more', async () => {
    const second = one(await world.vendor.issueDevice());
    expect(failuresOf(fleet([], rules))).toEqual(['device-count: nvidia-device-count']);
    expect(failuresOf(fleet([usual, second], rules))).toEqual(['device-count: nvidia-device-count']);
    expect(failuresOf(fleet([usual, second], gpus({ count: 2 })))).toEqual([]);
  });

  const wanted = { required: { keys: 'mirrored' as const, maxKeysAgeSeconds: 172_800 } };
  it('without the second opinion that the policy wants', () => {
    expect(failuresOf(fleet([usual], { ...rules, nras: wanted }))).toEqual(['second-opinion: nras-missing']);
  });

  it('the same GPU twice, even with another report', () => {
    expect(failuresOf(fleet([usual, one(world.gpu)], gpus({ count: 2 })))).toEqual([
      'devices-distinct: nvidia-device-duplicate',
    ]);
  });

  it('a device whose chain did not hold leaves the steps not evaluated', () => {
    const { appraisal } = appraise(world, { roots: nvidiaRoots, rims: [], ocsp: [] });
    const steps = fleet([appraisal], { ...rules, nras: wanted });
    expect(steps.filter(({ status }) => status === 'ok')).toEqual([]);
  });

  describe('with switches', () => {
    let devices: readonly SimulatedNvidiaDevice[];
    let policy: NvidiaRules;

    beforeAll(async () => {
      const made = [0, 1].map(async () => await world.vendor.issueDevice());
      const switches = [0, 1].map(async () => await world.vendor.issueDevice({ kind: 'switch' }));
      devices = await Promise.all([...made, ...switches]);
      policy = {
        ...gpus({ count: 2 }),
        switches: {
          count: 2,
          models: waived,
          ueids: waived,
          vbios: { allowed: ['96.10.55.00.01'] },
          missingFirmwareIdentity: waived,
          acceptedUnknownFields: [],
        },
      };
    });

    const gpuOf = (links: readonly Uint8Array[], status = 0xaa): readonly OpaqueEntry[] => [
      ...opaqueWith(entry('protectedPcie', Uint8Array.of(status))),
      entry('switchPdis', Buffer.concat(links)),
    ];
    const switchOf = (own: Uint8Array, links: readonly Uint8Array[]): readonly OpaqueEntry[] => [
      entry('vbiosVersion', Buffer.from('96.10.55.00.01')),
      entry('switchPdis', own),
      entry('switchGpuPdis', Buffer.concat([...links, new Uint8Array(128)]).subarray(0, 128)),
    ];
    const all = (opaques: readonly (readonly OpaqueEntry[])[]): readonly NvidiaAppraisal[] =>
      devices.map((device, index) => one(device, opaques[index]));
    const both = [pdi(0x10), pdi(0x20)];
    const links = both.map(reversed);
    const gpuPdis = [pdi(0x30), pdi(0x40)];
    const [first = pdi(0), second = pdi(0)] = both;

    it('that name each other', () => {
      const unused = new Uint8Array(8);
      const appraisals = all([
        gpuOf([...links, ...links, unused]),
        gpuOf(links.toReversed()),
        switchOf(first, gpuPdis),
        switchOf(second, gpuPdis),
      ]);
      expect(failuresOf(fleet(appraisals, policy))).toEqual([]);
    });

    it.each<readonly [string, () => readonly (readonly OpaqueEntry[])[]]>([
      ['a GPU at another switch', () => [[...links.slice(0, 1), pdi(0x50)], links].map((own) => gpuOf(own))],
      ['a GPU at one switch only', () => [links.slice(0, 1), links].map((own) => gpuOf(own))],
      ['identifiers that are not reversed', () => [both, both].map((own) => gpuOf(own))],
      ['a GPU outside protected PCIe', () => [gpuOf(links), gpuOf(links, 0x55)]],
    ])('not: %s', (_, own) => {
      const switches = [switchOf(first, gpuPdis), switchOf(second, gpuPdis)];
      expect(failuresOf(fleet(all([...own(), ...switches]), policy))).toEqual(['switch-pairing: nvidia-pairing']);
    });

    it.each<readonly [string, readonly (readonly OpaqueEntry[])[]]>([
      ['two switches of one name', [switchOf(first, gpuPdis), switchOf(first, gpuPdis)]],
      ['a switch of two names', [switchOf(Buffer.concat(both), gpuPdis), switchOf(second, gpuPdis)]],
      ['a switch with a GPU more', [switchOf(first, [...gpuPdis, pdi(0x60)]), switchOf(second, gpuPdis)]],
      ['a switch with another GPU', [switchOf(first, gpuPdis), switchOf(second, [pdi(0x30), pdi(0x60)])]],
      ['a switch without GPUs', [switchOf(first, []), switchOf(second, [])]],
    ])('not: %s', (_, switches) => {
      expect(failuresOf(fleet(all([gpuOf(links), gpuOf(links), ...switches]), policy))).toEqual([
        'switch-pairing: nvidia-pairing',
      ]);
    });

    it('not: a GPU in protected PCIe mode without them', () => {
      const [gpu] = devices;
      if (gpu === undefined) throw new Error('no device');
      expect(failuresOf(fleet([one(gpu, gpuOf(links))], rules))).toEqual(['switch-pairing: nvidia-pairing']);
    });
  });
});

describe('how GPU evidence hangs on the CPU’s', () => {
  const item = (report: string, type: 'nvidiaGpu' | 'nvSwitch' = 'nvidiaGpu') => ({
    type,
    report,
    certificates: ['AA'],
  });

  it('the nonce is derived, one for each site’s', () => {
    expect(gpuNonceFor(nonce)).toMatch(/^[0-9a-f]{64}$/);
    expect(gpuNonceFor(nonce)).not.toBe(nonce);
    expect(gpuNonceFor('0c'.repeat(32))).not.toBe(gpuNonceFor(nonce));
    expect(() => gpuNonceFor('0b')).toThrow(expect.objectContaining({ code: 'encoding-hex' }));
  });

  it('the digest is of every device item, in order, and of nothing else', () => {
    const digest = gpuEvidenceDigest([item('AA'), item('BB')]);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(gpuEvidenceDigest([{ type: 'sevSnp', report: 'AA' }, item('AA'), item('BB')])).toBe(digest);
    expect(gpuEvidenceDigest([item('BB'), item('AA')])).not.toBe(digest);
    expect(gpuEvidenceDigest([item('AA')])).not.toBe(digest);
    expect(gpuEvidenceDigest([item('AA'), item('BB', 'nvSwitch')])).not.toBe(digest);
    expect(() => gpuEvidenceDigest([{ type: 'none', of: 'gpu' }])).toThrow(
      expect.objectContaining({ code: 'nvidia-evidence-missing' }),
    );
  });

  it('a list names devices as NVIDIA does', () => {
    expect(ueidOf(world.gpu)).toMatch(/^\d+$/);
  });
});
