// The manifest's NVIDIA reports, reference manifests, the pairs of them, and NRAS tokens, each at the times that the manifest names.
import { z } from 'zod';
import { isEvidenceList, readEvidenceList, readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import type { PresentedDevice } from '@wardround/attestation/nvidia/inspect';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { nrasIssuer, verifyNras } from '@wardround/attestation/nvidia/nras';
import { readJwks } from '@wardround/attestation/nvidia/nras-keys';
import { openRim, verifyRim, verifyRimChain } from '@wardround/attestation/nvidia/rim/verify';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { vector } from '../vectors.ts';
import type { Judged, Row } from './row.ts';
import { judgedCall, judgedSteps, manifestTable, secondsAfter, textOf } from './row.ts';

const sdk = 'nvidia/attestation-sdk';
const now = '2026-11-23T00:00:00Z';

const expectedSchema = z.looseObject({
  nvidia: z.array(
    z.looseObject({
      n: z.string(),
      nonce: z.string(),
      op: z.record(z.string(), z.string()),
      measurements: z.array(z.object({ i: z.int(), v: z.string() })),
    }),
  ),
  rim: z.array(z.object({ f: z.string(), sig: z.boolean(), chain: z.boolean(), leafTo: z.string() })),
});
type Expected = z.infer<typeof expectedSchema>;

interface Presented {
  readonly report: string;
  readonly chain: string | undefined;
  readonly nonce?: string;
  readonly rims?: readonly string[];
  readonly at?: string;
}

function devicesOf({ report, chain }: Presented): readonly PresentedDevice[] {
  const file = vector(report);
  if (isEvidenceList(file)) return readEvidenceList(file);
  return [{ report: readReportFile(file), certificates: [vector(chain ?? '')] }];
}

function inspect(presented: Presented): Judged & { readonly bytes: number } {
  const { nonce, rims = [], at = now } = presented;
  const devices = devicesOf(presented);
  const inspection = inspectNvidia({
    devices,
    rims: rims.map((path) => ({ xml: vector(path) })),
    ocsp: [],
    ...(nonce === undefined ? {} : { nonce }),
    at: new Date(at),
    trustedRoots: nvidiaRoots,
  });
  return { ...judgedSteps(inspection), bytes: devices[0]?.report.byteLength ?? 0 };
}

const kind = 'NVIDIA report';
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
};

/** What expected.json says of a report: its nonce, all its measurements, and the opaque fields whose names we share. */
function fieldsOf(entry: Expected['nvidia'][number]): Record<string, unknown> {
  const shared = Object.entries(entry.op).flatMap(([name, value]) => {
    const own = opaqueNames[name];
    return own === undefined ? [] : [[own, value] as const];
  });
  return {
    nonce: entry.nonce,
    measurements: entry.measurements.map(({ i, v }) => ({ index: i, value: v })),
    opaqueByName: Object.fromEntries(shared),
    ...(entry.op['DRIVER_VERSION'] === undefined ? {} : { driverVersion: entry.op['DRIVER_VERSION'] }),
  };
}

const readSchema = z.looseObject({
  opaque: z.array(z.looseObject({ name: z.string(), value: z.string() })),
  driverVersion: z.string().nullable(),
  vbiosVersion: z.string(),
  nonce: z.string(),
  hwModel: z.string().nullable(),
});

function withOpaqueByName({ failures, fields, bytes }: ReturnType<typeof inspect>): Judged {
  const parsed = readSchema.parse(fields);
  const opaqueByName = Object.fromEntries(parsed.opaque.map(({ name, value }) => [name, value]));
  return { failures, fields: { ...parsed, opaqueByName, bytes, chip: (parsed.hwModel ?? '').split(' ')[0] } };
}

/** The chain that lies beside a report, by the naming of both repositories. */
function chainOf(report: string): string {
  const chains: Readonly<Record<string, string>> = {
    Expired: 'hopperCertChainExpired.txt',
    blackwell: 'blackwellCertChain.txt',
    switch: 'switchCertChain.txt',
  };
  const folder = report.slice(0, report.lastIndexOf('/'));
  const name = report.slice(folder.length + 1);
  const found = Object.entries(chains).find(([part]) => name.includes(part));
  return `${folder}/${found?.[1] ?? 'hopperCertChain.txt'}`;
}

function reportRows(expected: Expected): readonly Row[] {
  return manifestTable('evidence', 'chip').flatMap((row) => {
    const [cell = ''] = (row['evidence'] ?? '').split(' ');
    const report = cell.replace('…', 'sample_attestation_data');
    const presented = { report, chain: chainOf(report) };
    const entry = expected.nvidia.find(({ n }) => n.split(' + ')[0] === report);
    const driver = row['driver'] === '–' ? null : row['driver'];
    const fields = {
      driverVersion: driver,
      vbiosVersion: row['VBIOS'],
      chip: row['chip'],
      bytes: Number(row['bytes']),
      ...(entry === undefined ? {} : fieldsOf(entry)),
    };
    const failures = [
      ...(row['sig'] === 'true' ? [] : ['signature: nvidia-signature']),
      ...(row['FWID in leaf'] === 'false' ? ['fwid: nvidia-fwid'] : []),
    ];
    const common = { kind, file: report, beside: [presented.chain] } as const;
    return [
      { ...common, what: `at ${now}`, failures, fields, judge: () => withOpaqueByName(inspect(presented)) },
      {
        ...common,
        what: 'with another nonce',
        failures: ['nonce: nvidia-nonce', ...failures].toSorted(),
        judge: () => {
          const judged = inspect({ ...presented, nonce: 'ab'.repeat(32) });
          return { ...judged, failures: judged.failures.toSorted() };
        },
      },
    ];
  });
}

function listRows(expected: Expected): readonly Row[] {
  const files = [
    'evidence_hopper_590_12.json',
    'serialized/hopper_evidence.json',
    'serialized/switch_evidence_ls10.json',
  ];
  const copy = { report: `${sdk}/switchAttestationReport.txt`, chain: `${sdk}/switchCertChain.txt` };
  return [
    ...files.map((name): Row => {
      const report = `${sdk}/${name}`;
      const entry = expected.nvidia.find(({ n }) => n === `${report}#0`);
      const fields = entry === undefined ? { driverVersion: '590.12' } : fieldsOf(entry);
      const judge = (): Judged => withOpaqueByName(inspect({ report, chain: undefined }));
      return { kind, file: report, what: `a list of devices at ${now}`, failures: [], fields, judge };
    }),
    {
      kind,
      file: copy.report,
      beside: [copy.chain],
      what: 'the same report again',
      failures: [],
      fields: { vbiosVersion: '96.10.55.00.01' },
      judge: () => withOpaqueByName(inspect(copy)),
    },
  ];
}

function pairRows(): readonly Row[] {
  const samples = `${sdk}/sample_attestation_data/gpu`;
  const gpu = { report: `${samples}/hopperAttestationReport.txt`, chain: `${samples}/hopperCertChain.txt` };
  const nvswitch = { report: `${sdk}/switchAttestationReport.txt`, chain: `${sdk}/switchCertChain.txt` };
  const vbios = 'nvidia/nvtrust/1010_0200_882_96005E0001_PROD.swidtag';
  const mismatch = `${sdk}/sample_rims/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml`;
  const noGpu = 'nvidia/nvtrust/1010_0200_882_96005E0001_test_no_gpu.swidtag';
  const bios = `${sdk}/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml`;
  const june = '2025-06-01T00:00:00Z';
  const measured = ['vbios-measurements: nvidia-measurement'];
  const rows = [
    [gpu, vbios, june, [], '12 of 12 measurements compared'],
    [gpu, vbios, now, ['vbios-rim-validity: nvidia-expired'], undefined],
    [gpu, mismatch, june, measured, 'got 11'],
    [gpu, noGpu, june, measured, 'got 8'],
    [nvswitch, bios, now, [], '31 of 31 measurements compared'],
    [gpu, `${sdk}/NV_GPU_DRIVER_GH100_550.144.03.xml`, now, ['driver-rim-version: rim-version'], undefined],
    [gpu, bios, now, ['vbios-rim-version: rim-version'], undefined],
  ] as const;
  return rows.map(([device, rim, at, failures, reason]): Row => {
    return {
      kind,
      file: device.report,
      beside: [device.chain, rim],
      what: `with ${rim} at ${at}`,
      failures,
      fields: reason === undefined ? {} : { compared: reason },
      judge: () => {
        const inspection = inspectNvidia({
          devices: devicesOf(device),
          rims: [{ xml: vector(rim) }],
          ocsp: [],
          at: new Date(at),
          trustedRoots: nvidiaRoots,
        });
        const said = inspection.steps.find(({ name }) => name === 'vbios-measurements')?.reason ?? '';
        const compared = reason !== undefined && said.includes(reason) ? reason : said;
        return { ...judgedSteps(inspection), fields: { compared } };
      },
    };
  });
}

function rimRows(expected: Expected): readonly Row[] {
  const roots = nvidiaRoots.rim;
  const table = manifestTable('RIM (nvidia/…)', 'XML-DSig');
  return expected.rim.flatMap(({ f, sig, chain, leafTo }) => {
    const row = table.find((candidate) => candidate['RIM (nvidia/…)'] === f);
    if (row === undefined) throw new Error(`${f} is not in the manifest`);
    const file = `nvidia/${f}`;
    const xml = vector(file);
    const refusal = chain ? (sig ? [] : ['xml-signature']) : ['nvidia-chain'];
    // The last instant at which the whole chain is valid.
    const opened = openRim({ xml });
    const last = chain
      ? new Date(Math.min(...verifyRimChain(opened, roots).certificates.map(({ notAfter }) => notAfter.getTime())))
      : secondsAfter(leafTo, -1);
    const judge =
      (at: Date): Row['judge'] =>
      async () =>
        await judgedCall(() => {
          const { manifest } = verifyRim({ xml }, { roots, at });
          const active = manifest.measurements.filter((golden) => golden.active).length;
          return { active, signerUntil: opened.certificates[0]?.notAfter.toISOString() };
        });
    const fields = { active: Number(row['active measurements']), signerUntil: leafTo };
    const valid = sig && chain && row['valid on 2026-11-23'] === 'true';
    const common = { kind: 'NVIDIA RIM', file } as const;
    return [
      {
        ...common,
        what: `at ${last.toISOString()}`,
        failures: refusal,
        fields: refusal.length === 0 ? fields : {},
        judge: judge(last),
      },
      {
        ...common,
        what: `at ${now}`,
        // Dates are judged before signatures; the manifest counts two RIMs as wholly valid then.
        failures: !chain || (last > new Date(now) && !valid) ? refusal : valid ? [] : ['nvidia-expired'],
        judge: judge(new Date(now)),
      },
    ];
  });
}

function tokenRows(): readonly Row[] {
  const samples = `${sdk}/sample_attestation_data`;
  const nonce = '931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb';
  const tokens = [
    ['hopperClaimsv3_detached_eat', nrasIssuer, '2025-06-11T00:45:00Z', '2025-06-11T01:45:00Z', 'GH100 A01 GSP BROM'],
    [
      'switch_detached_eat',
      'https://nras.attestation-stg.nvidia.com',
      '2025-06-29T00:00:00Z',
      '2026-11-23T00:00:00Z',
      'LS_10 A01 FSP BROM',
    ],
  ] as const;
  return tokens.flatMap(([name, issuer, at, late, hwModel]) => {
    const file = `${samples}/${name}.json`;
    const keys = `nvidia/${name}.recovered-jwks.json`;
    const judge =
      (time: string, by: string): Row['judge'] =>
      async () =>
        await judgedCall(async () => {
          const jwks: unknown = JSON.parse(textOf(keys));
          const { keys: believed } = readJwks(jwks, { source: keys, fetchedAt: new Date(time) });
          const { devices } = await verifyNras({
            eat: textOf(file),
            keys: believed,
            issuer: by,
            nonce,
            at: new Date(time),
          });
          return { devices: devices.length, hwModel: devices[0]?.hwModel };
        });
    const common = { kind: 'NRAS token', file, beside: [keys] } as const;
    return [
      { ...common, what: `at ${at}`, failures: [], fields: { devices: 1, hwModel }, judge: judge(at, issuer) },
      { ...common, what: `at ${late}`, failures: ['nras-expired'], judge: judge(late, issuer) },
      { ...common, what: 'of another issuer', failures: ['nras-issuer'], judge: judge(at, 'https://example.org') },
    ];
  });
}

export function nvidiaRows(): readonly Row[] {
  const expected = expectedSchema.parse(JSON.parse(textOf('expected.json')));
  return [...reportRows(expected), ...listRows(expected), ...pairRows(), ...rimRows(expected), ...tokenRows()];
}
