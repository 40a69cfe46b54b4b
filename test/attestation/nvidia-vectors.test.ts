// Every genuine NVIDIA sample yields what its manifest says: reports, chains, reference manifests and the pairs of them.
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hasCode } from '@wardround/protocol/errors';
import { isEvidenceList, readEvidenceList, readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import type { NvidiaInspection, PresentedDevice } from '@wardround/attestation/nvidia/inspect';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { requireValidAt } from '@wardround/attestation/nvidia/chain';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { openRim, verifyRim, verifyRimChain, verifyRimSignature } from '@wardround/attestation/nvidia/rim/verify';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { haveVectors, vector } from './vectors.ts';

const sdk = 'nvidia/attestation-sdk';
const samples = `${sdk}/sample_attestation_data`;
const demoNonce = '931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb';
const now = '2026-11-23T00:00:00Z';
const counts = { reports: 0, manifests: 0, pairs: 0 };

interface Sample {
  readonly report: string;
  readonly chain?: string;
  readonly nonce: string;
  readonly hwModel: string;
  readonly driver: string | null;
  readonly vbios: string;
  readonly bytes: number;
  readonly failures: readonly string[];
  readonly fwid: 'ok' | 'not-evaluated' | 'failed';
}

const gh100 = 'GH100 A01 GSP BROM';
/** MANIFEST.md, section 4, row by row. */
const reports: readonly Sample[] = [
  {
    report: 'nvidia/nvtrust/hopperAttestationReport.txt',
    chain: 'nvidia/nvtrust/hopperCertChain.txt',
    nonce: demoNonce,
    hwModel: gh100,
    driver: '550.90.07',
    vbios: '96.00.9F.00.01',
    bytes: 4117,
    failures: [],
    fwid: 'ok',
  },
  {
    report: `${sdk}/hopperAttestationReport.txt`,
    chain: `${sdk}/hopperCertChain.txt`,
    nonce: '5bb22e377702d4e1e8215a903ba094826b9ac7f731dee1fe8102958bf2840aca',
    hwModel: gh100,
    driver: '580.159.03',
    vbios: '96.00.74.00.20',
    bytes: 4130,
    failures: [],
    fwid: 'ok',
  },
  {
    report: `${samples}/gpu/hopperAttestationReport.txt`,
    chain: `${samples}/gpu/hopperCertChain.txt`,
    nonce: '27a328247bf7935c993341cf587be6f05986ccce4fe7ba2c54100bd616a58f66',
    hwModel: gh100,
    driver: '535.86.09',
    vbios: '96.00.5E.00.01',
    bytes: 4052,
    failures: [],
    fwid: 'not-evaluated',
  },
  {
    report: `${samples}/gpu/hopperAttestationReportExpired.txt`,
    chain: `${samples}/gpu/hopperCertChainExpired.txt`,
    nonce: demoNonce,
    hwModel: gh100,
    driver: '570.124.03',
    vbios: '96.00.5E.00.04',
    bytes: 4118,
    failures: [],
    fwid: 'ok',
  },
  {
    report: `${samples}/gpu/hopperAttestationReportInvalidSignature.txt`,
    chain: `${samples}/gpu/hopperCertChain.txt`,
    nonce: demoNonce,
    hwModel: gh100,
    driver: '560.00',
    vbios: '96.00.A5.00.01',
    bytes: 4262,
    failures: ['signature: nvidia-signature', 'fwid: nvidia-fwid'],
    fwid: 'failed',
  },
  {
    report: `${samples}/gpu/blackwellAttestationReport.txt`,
    chain: `${samples}/gpu/blackwellCertChain.txt`,
    nonce: demoNonce,
    hwModel: 'GB100 A01 GSP BROM',
    driver: '575.32',
    vbios: '97.00.88.00.0F',
    bytes: 4121,
    failures: [],
    fwid: 'ok',
  },
  {
    report: `${samples}/switch/switchAttestationReport.txt`,
    chain: `${samples}/switch/switchCertChain.txt`,
    nonce: demoNonce,
    hwModel: 'LS_10 A01 FSP BROM',
    driver: null,
    vbios: '96.10.55.00.01',
    bytes: 2168,
    failures: [],
    fwid: 'not-evaluated',
  },
  {
    report: `${samples}/switch/switchAttestationReportInvalidSignature.txt`,
    chain: `${samples}/switch/switchCertChain.txt`,
    nonce: 'ea038ed507a451e005bae91186bc9403150a3cb8971fdebd05ffed65eeb6a997',
    hwModel: 'LS_10 A01 FSP BROM',
    driver: null,
    vbios: '96.10.52.00.00',
    bytes: 2168,
    failures: ['signature: nvidia-signature'],
    fwid: 'not-evaluated',
  },
  ...['evidence_hopper_590_12.json', 'serialized/hopper_evidence.json'].map((name) => ({
    report: `${sdk}/${name}`,
    nonce: 'e97b23a1718095a0e9e35edca810768c70a6a5a389b705e753b197912bc11576',
    hwModel: gh100,
    driver: '590.12',
    vbios: '96.00.A5.00.01',
    bytes: 4274,
    failures: [],
    fwid: 'ok' as const,
  })),
  {
    report: `${sdk}/serialized/switch_evidence_ls10.json`,
    nonce: demoNonce,
    hwModel: 'LS_10 A01 FSP BROM',
    driver: null,
    vbios: '96.10.55.00.01',
    bytes: 2168,
    failures: [],
    fwid: 'not-evaluated',
  },
];

function devicesOf({ report, chain }: Pick<Sample, 'report' | 'chain'>): readonly PresentedDevice[] {
  const file = vector(report);
  if (isEvidenceList(file)) return readEvidenceList(file);
  return [{ report: readReportFile(file), certificates: [vector(chain ?? '')] }];
}

interface Options {
  readonly nonce?: string;
  readonly rims?: readonly string[];
  readonly at?: string;
}

function inspect(sample: Pick<Sample, 'report' | 'chain'>, options: Options = {}): NvidiaInspection {
  return inspectNvidia({
    devices: devicesOf(sample),
    rims: (options.rims ?? []).map((path) => ({ xml: vector(path) })),
    ocsp: [],
    ...(options.nonce === undefined ? {} : { nonce: options.nonce }),
    at: new Date(options.at ?? now),
    trustedRoots: nvidiaRoots,
  });
}

function failures({ steps }: NvidiaInspection): readonly string[] {
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

function step({ steps }: NvidiaInspection, name: string): { status: string; code?: string; reason?: string } {
  const found = steps.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

afterAll(() => {
  if (haveVectors)
    console.log(`NVIDIA: ${counts.reports} reports, ${counts.manifests} manifests, ${counts.pairs} pairs`);
});

describe.skipIf(!haveVectors)('genuine NVIDIA reports', () => {
  it.each(reports.map((sample) => [sample.report, sample] as const))('%s', (_, sample) => {
    const inspection = inspect(sample, { nonce: sample.nonce });
    expect(failures(inspection)).toEqual(sample.failures);
    expect(inspection).toMatchObject({ authentic: sample.failures.length === 0, simulated: false });
    expect(step(inspection, 'fwid').status).toBe(sample.fwid);
    expect(inspection.fields).toMatchObject({
      driverVersion: sample.driver,
      vbiosVersion: sample.vbios,
      hwModel: sample.hwModel,
      nonce: sample.nonce,
      unknownOpaqueTypes: [],
    });
    expect(devicesOf(sample)[0]?.report.byteLength).toBe(sample.bytes);
    expect(step(inspection, 'revocation').status).toBe('not-evaluated');
    counts.reports += 1;
  });

  it('are refused for any other nonce, and not judged without one', () => {
    for (const sample of reports.filter(({ failures: expected }) => expected.length === 0)) {
      expect(failures(inspect(sample, { nonce: 'ab'.repeat(32) }))).toEqual(['nonce: nvidia-nonce']);
      expect(step(inspect(sample), 'nonce').status).toBe('not-evaluated');
    }
  });

  it('are refused before their certificates begin', () => {
    const [sample] = reports;
    if (sample === undefined) throw new Error('no sample');
    expect(failures(inspect(sample, { nonce: demoNonce, at: '2020-10-16T00:00:00Z' }))).toEqual([
      'validity: nvidia-not-yet-valid',
    ]);
  });

  it('are refused with another device’s chain', () => {
    const mixed = { report: 'nvidia/nvtrust/hopperAttestationReport.txt', chain: `${sdk}/hopperCertChain.txt` };
    expect(failures(inspect(mixed, { nonce: demoNonce }))).toEqual([
      'signature: nvidia-signature',
      'fwid: nvidia-fwid',
    ]);
  });

  it('are refused where another root was pinned, NVIDIA’s root of manifests included', () => {
    const devices = devicesOf(reports[0] ?? { report: '' });
    const trustedRoots = { device: nvidiaRoots.rim, rim: nvidiaRoots.device };
    const inspection = inspectNvidia({ devices, rims: [], ocsp: [], at: new Date(now), trustedRoots });
    expect(failures(inspection)).toEqual(['chain: nvidia-root-untrusted']);
  });
});

const expectedSchema = z.object({
  nvidia: z.array(
    z.object({
      n: z.string(),
      nonce: z.string(),
      op: z.record(z.string(), z.string()),
      measurements: z.array(z.object({ i: z.int(), v: z.string() })),
    }),
  ),
  rim: z.array(z.object({ f: z.string(), sig: z.boolean(), chain: z.boolean(), leafTo: z.string() })),
});

function expected(): z.infer<typeof expectedSchema> {
  if (!haveVectors) return { nvidia: [], rim: [] };
  return expectedSchema.parse(JSON.parse(Buffer.from(vector('expected.json')).toString('utf8')));
}

const opaqueNames: Readonly<Record<string, string>> = {
  BOARD_ID: 'boardId',
  MSRSCNT: 'measurementCounts',
  CPRINFO: 'cprInfo',
  NVDEC0: 'nvdec0',
  FWID: 'fwid',
  PPCIE: 'protectedPcie',
  SWITCH_PDI: 'switchPdis',
  OPAQUE_VER: 'opaqueVersion',
  FEATURE_FLAG: 'featureFlag',
  t4: 'gpuInfo',
  t23: 'floorsweptPorts',
  t24: 'position',
  t25: 'lockStatus',
  t26: 'switchGpuPdis',
};

describe.skipIf(!haveVectors)('the fields of genuine reports', () => {
  it.each(expected().nvidia.map((entry) => [entry.n, entry] as const))('%s', (_, entry) => {
    const [report, chain] = entry.n.replace('#0', '').split(' + ');
    const sample = reports.find((candidate) => candidate.report === report);
    if (sample === undefined) throw new Error(`no sample ${entry.n}`);
    expect(chain === undefined || sample.chain?.endsWith(chain)).toBe(true);
    const { fields } = inspect(sample);
    expect(fields?.nonce).toBe(entry.nonce);
    expect(fields?.measurements).toEqual(entry.measurements.map(({ i, v }) => ({ index: i, value: v })));
    const raw = Object.fromEntries((fields?.opaque ?? []).map(({ name, value }) => [name, value]));
    for (const [name, value] of Object.entries(entry.op)) {
      const own = opaqueNames[name];
      if (own !== undefined) expect(raw[own], name).toBe(value);
    }
    if (entry.op['DRIVER_VERSION'] !== undefined) expect(fields?.driverVersion).toBe(entry.op['DRIVER_VERSION']);
  });

  it('name the device as NVIDIA’s services do', () => {
    const { fields } = inspect(reports[0] ?? { report: '' });
    expect(fields?.ueid).toBe(BigInt('0x53c22ba15e5d6808 82 82da074ed9fb37aa585771'.replaceAll(' ', '')).toString());
  });
});

describe.skipIf(!haveVectors)('genuine reference manifests', () => {
  const roots = nvidiaRoots.rim;

  it.each(expected().rim.map((entry) => [entry.f, entry] as const))('%s', (_, { f, sig, chain, leafTo }) => {
    const input = { xml: vector(`nvidia/${f}`) };
    const opened = openRim(input);
    const signature = outcome(() => verifyRimSignature(opened));
    expect(signature).toBe(sig ? 'ok' : 'xml-signature');
    expect(outcome(() => verifyRimChain(opened, roots))).toBe(chain ? 'ok' : 'nvidia-chain');
    expect(opened.certificates[0]?.notAfter.toISOString()).toBe(leafTo);
    const whole = { roots, at: chain ? expectDates(opened) : new Date(Date.parse(leafTo) - 1000) };
    expect(outcome(() => verifyRim(input, whole))).toBe(chain ? (sig ? 'ok' : 'xml-signature') : 'nvidia-chain');
    counts.manifests += 1;
  });

  /** The last instant at which the whole chain is valid, after trying both of its borders. */
  function expectDates(opened: ReturnType<typeof openRim>): Date {
    const verified = verifyRimChain(opened, roots);
    const at = (time: number): string => outcome(() => requireValidAt(verified, new Date(time)));
    const begin = Math.max(...verified.certificates.map(({ notBefore }) => notBefore.getTime()));
    const end = Math.min(...verified.certificates.map(({ notAfter }) => notAfter.getTime()));
    expect([begin - 1000, begin, end, end + 1000].map(at)).toEqual([
      'nvidia-not-yet-valid',
      'ok',
      'ok',
      'nvidia-expired',
    ]);
    return new Date(end);
  }

  it('are valid on 2026-11-23 exactly where the manifest says', () => {
    const valid = expected()
      .rim.filter(
        ({ f }) => outcome(() => verifyRim({ xml: vector(`nvidia/${f}`) }, { roots, at: new Date(now) })) === 'ok',
      )
      .map(({ f }) => f);
    expect(valid).toEqual([
      'attestation-sdk/NV_GPU_DRIVER_GH100_550.144.03.xml',
      'attestation-sdk/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml',
    ]);
  });

  it('hold as many active measurements as the manifest says', () => {
    const text = Buffer.from(vector('MANIFEST.md')).toString('utf8');
    const rows = [...text.matchAll(/^\| ([^|]+\.(?:xml|swidtag)) \|.*\| (\d+) \|$/gm)];
    expect(rows).toHaveLength(expected().rim.length);
    for (const [, path, active] of rows) {
      const { unverified } = openRim({ xml: vector(`nvidia/${path ?? ''}`) });
      expect(unverified.measurements.filter((golden) => golden.active).length, path).toBe(Number(active));
    }
  });
});

function outcome(act: () => unknown): string {
  try {
    act();
    return 'ok';
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
  }
}

describe.skipIf(!haveVectors)('genuine reports against genuine manifests', () => {
  const old = { report: `${samples}/gpu/hopperAttestationReport.txt`, chain: `${samples}/gpu/hopperCertChain.txt` };
  const nvswitch = { report: `${sdk}/switchAttestationReport.txt`, chain: `${sdk}/switchCertChain.txt` };
  const vbios = 'nvidia/nvtrust/1010_0200_882_96005E0001_PROD.swidtag';
  const mismatch = `${sdk}/sample_rims/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml`;
  const switchBios = `${sdk}/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml`;

  it('12 of 12', () => {
    const inspection = inspect(old, { rims: [vbios], at: '2025-06-01T00:00:00Z' });
    expect(failures(inspection)).toEqual([]);
    expect(inspection.authentic).toBe(true);
    expect(step(inspection, 'vbios-measurements').reason).toBe('12 of 12 measurements compared');
    expect(step(inspection, 'driver-measurements').status).toBe('not-evaluated');
    expect(inspection.fields?.rimIds).toEqual({
      driver: 'NV_GPU_DRIVER_GH100_535.86.09',
      vbios: 'NV_GPU_VBIOS_1010_0200_882_96005E0001',
    });
    counts.pairs += 1;
  });

  it('12 of 12, but the manifest’s signer has expired', () => {
    expect(failures(inspect(old, { rims: [vbios] }))).toEqual(['vbios-rim-validity: nvidia-expired']);
  });

  it('11 of 12: the genuinely signed negative', () => {
    const inspection = inspect(old, { rims: [mismatch], at: '2025-06-01T00:00:00Z' });
    expect(failures(inspection)).toEqual(['vbios-measurements: nvidia-measurement']);
    expect(step(inspection, 'vbios-measurements').reason).toContain('got 11; wrong at RIM index 9');
    expect(inspection.authentic).toBe(false);
    counts.pairs += 1;
  });

  it('8 of 12', () => {
    const rims = ['nvidia/nvtrust/1010_0200_882_96005E0001_test_no_gpu.swidtag'];
    const inspection = inspect(old, { rims, at: '2025-06-01T00:00:00Z' });
    expect(failures(inspection)).toEqual(['vbios-measurements: nvidia-measurement']);
    expect(step(inspection, 'vbios-measurements').reason).toContain('got 8; wrong');
    counts.pairs += 1;
  });

  it('31 of 31, valid today', () => {
    const inspection = inspect(nvswitch, { rims: [switchBios], nonce: demoNonce });
    expect(failures(inspection)).toEqual([]);
    expect(step(inspection, 'vbios-measurements').reason).toBe('31 of 31 measurements compared');
    expect(inspection.steps.some(({ name }) => name.startsWith('driver-'))).toBe(false);
    counts.pairs += 1;
  });

  it('a driver’s manifest of another version', () => {
    const rims = [`${sdk}/NV_GPU_DRIVER_GH100_550.144.03.xml`];
    expect(failures(inspect(old, { rims }))).toEqual(['driver-rim-version: rim-version']);
  });

  it('a switch’s manifest for a GPU', () => {
    expect(failures(inspect(old, { rims: [switchBios] }))).toEqual(['vbios-rim-version: rim-version']);
  });

  it('two different manifests of one version', () => {
    const inspection = inspect(old, { rims: [vbios, mismatch], at: '2025-06-01T00:00:00Z' });
    expect(failures(inspection)).toEqual(['rims: rim-ambiguous']);
  });

  it.each(['NV_GPU_DRIVER_GH100_535.86.09_measurement_mismatch.xml'])('a manifest that was changed: %s', (name) => {
    const inspection = inspect(old, { rims: [`${sdk}/sample_rims/${name}`] });
    expect(failures(inspection)).toEqual(['driver-rim-signature: xml-signature']);
    expect(step(inspection, 'driver-measurements').status).toBe('not-evaluated');
  });
});

describe.skipIf(!haveVectors)('genuine reports, cut or changed', () => {
  const sample = reports[1] ?? { report: '', chain: '' };
  const report = haveVectors ? (devicesOf(sample)[0]?.report ?? new Uint8Array()) : new Uint8Array();
  const certificates = haveVectors ? (devicesOf(sample)[0]?.certificates ?? []) : [];
  const judge = (bytes: Uint8Array): NvidiaInspection =>
    inspectNvidia({
      devices: [{ report: bytes, certificates }],
      rims: [],
      ocsp: [],
      at: new Date(now),
      trustedRoots: nvidiaRoots,
    });

  it('at every length', () => {
    for (let length = 0; length < report.byteLength; length += 1) {
      expect(
        outcome(() => parseNvidiaReport(report.slice(0, length))),
        `${length} bytes`,
      ).toMatch(/^nvidia-/);
    }
    expect(outcome(() => parseNvidiaReport(report))).toBe('ok');
  });

  it('with one byte more', () => {
    for (const extra of [0x00, 0xff]) {
      expect(failures(judge(Uint8Array.of(...report, extra)))).toEqual(['report-format: nvidia-report-size']);
    }
  });

  it('with one bit turned anywhere', () => {
    for (let bit = 0; bit < report.byteLength * 8; bit += 463) {
      const changed = Uint8Array.from(report);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const inspection = judge(changed);
      expect(inspection.authentic, `bit ${bit}`).toBe(false);
      expect(
        inspection.steps.every(({ code }) => code !== 'attestation-internal'),
        `bit ${bit}`,
      ).toBe(true);
    }
  });

  it('a manifest with one character turned anywhere', () => {
    const path = `${sdk}/NV_GPU_DRIVER_GH100_550.144.03.xml`;
    const xml = vector(path);
    const at = { roots: nvidiaRoots.rim, at: new Date(now) };
    let certificatesOnly = 0;
    for (let index = 3; index < xml.byteLength; index += 499) {
      const changed = Uint8Array.from(xml);
      changed[index] = (changed[index] ?? 0) ^ 1;
      try {
        verifyRim({ xml: changed }, at);
        certificatesOnly += 1;
      } catch (error) {
        expect(error).toHaveProperty('code', expect.stringMatching(/^(?:xml|rim|nvidia|certificate|der)-/));
      }
    }
    // Nothing that is not covered by some signature may be changed.
    expect(certificatesOnly).toBe(0);
  });

  it('a manifest cut anywhere', () => {
    const xml = vector(`${sdk}/NV_GPU_DRIVER_GH100_550.144.03.xml`);
    for (let length = 0; length < xml.byteLength - 1; length += 401) {
      expect(() => openRim({ xml: xml.slice(0, length) })).toThrow(
        expect.toSatisfy((error: unknown) => hasCode(error, 'xml-malformed') || hasCode(error, 'xml-forbidden')),
      );
    }
  });
});
