// Attacks on NVIDIA evidence, each against an otherwise genuine device of the simulated vendor: one thing wrong, one exact refusal.
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, fromHex, utf8 } from '@wardround/protocol/bytes';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { fwidExtensions } from '@wardround/attestation/nvidia/fwid';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { nvidiaRoots, trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { derElement, derSequence } from '@wardround/attestation/simulated/der-writer';
import { ecUsages, generateEcKey } from '@wardround/attestation/simulated/nvidia/certificates';
import {
  endorseNvidia,
  exportNvidiaDevice,
  exportNvidiaVendor,
  importNvidiaDevice,
  importNvidiaVendor,
  parseNvidiaEndorsements,
} from '@wardround/attestation/simulated/nvidia/files';
import type { OpaqueEntry } from '@wardround/attestation/simulated/nvidia/report';
import { entry, gpuOpaque, simulatedMeasurement } from '@wardround/attestation/simulated/nvidia/report';
import type { DeviceOptions } from '@wardround/attestation/simulated/nvidia/vendor';
import { simulatedVersions } from '@wardround/attestation/simulated/nvidia/vendor';
import type { NvidiaWorld, Presented } from './nvidia-world.ts';
import { appraise, at, dayMs, evidenceOf, failuresOf, makeNvidiaWorld, nonce, rimsOf } from './nvidia-world.ts';

let world: NvidiaWorld;

beforeAll(async () => {
  world = await makeNvidiaWorld();
});

const failures = (presented: Presented = {}): readonly string[] => failuresOf(appraise(world, presented).steps);

describe('the simulated NVIDIA, where its root is trusted', () => {
  it('is authentic, every step ok', () => {
    const { appraisal, steps } = appraise(world);
    expect(steps.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(appraisal.authentic).toBe(true);
  });

  it('is called simulated', () => {
    const { rimValidity: _, roots, ...evidence } = evidenceOf(world);
    const inspection = inspectNvidia({
      ...evidence,
      devices: [{ report: evidence.report, certificates: evidence.certificates }],
      trustedRoots: roots,
    });
    expect(inspection).toMatchObject({ kind: 'nvidia', authentic: true, simulated: true });
  });

  it('is never trusted where nobody named its root', () => {
    const { appraisal, steps } = appraise(world, { roots: nvidiaRoots });
    expect(failuresOf(steps)).toEqual([
      'chain: nvidia-root-untrusted',
      'driver-rim-chain: nvidia-root-untrusted',
      'vbios-rim-chain: nvidia-root-untrusted',
      'ocsp-answers: ocsp-foreign',
    ]);
    expect(appraisal.authentic).toBe(false);
  });

  it('is authentic as Blackwell, and as a switch', async () => {
    const blackwell = await world.vendor.issueDevice({ architecture: 'blackwell' });
    const nvswitch = await world.vendor.issueDevice({ kind: 'switch' });
    for (const device of [blackwell, nvswitch]) {
      const presented = {
        kind: device.kind,
        report: device.makeReport({ nonce }),
        certificates: device.certificates,
        rims: [],
      };
      const { appraisal, steps } = appraise(world, { ...presented, ocsp: [] });
      expect(failuresOf(steps)).toEqual([]);
      expect(appraisal.authentic).toBe(true);
    }
  });

  it('says what was not given', () => {
    const { appraisal, steps } = appraise(world, { rims: [], ocsp: [] });
    expect(appraisal.authentic).toBe(true);
    const left = steps.filter(({ status }) => status === 'not-evaluated').map(({ name }) => name);
    expect(left).toEqual([
      'rims',
      ...['driver', 'vbios'].flatMap((role) => [
        `${role}-rim-signature`,
        `${role}-rim-chain`,
        `${role}-rim-validity`,
        `${role}-rim-version`,
        `${role}-measurements`,
      ]),
      'rim-overlap',
      'ocsp',
      'ocsp-answers',
      'revocation',
      'driver-rim-revocation',
      'vbios-rim-revocation',
    ]);
  });

  it('lives on in its files', async () => {
    const device = importNvidiaDevice(JSON.parse(JSON.stringify(exportNvidiaDevice(world.gpu))));
    const vendor = importNvidiaVendor(JSON.parse(JSON.stringify(exportNvidiaVendor(world.vendor))));
    const endorsed = await endorseNvidia(vendor, device, new Date(at.getTime() + 30 * dayMs));
    const { rims, ocsp } = parseNvidiaEndorsements(JSON.parse(JSON.stringify(endorsed)));
    const { appraisal, steps } = appraise(world, {
      report: device.makeReport({ nonce }),
      certificates: device.certificates,
      rims: rims.map(({ id, xml }) => ({ id, xml: utf8(xml) })),
      ocsp: ocsp.map((text) => Buffer.from(text, 'base64url')),
    });
    expect(steps.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(appraisal.authentic).toBe(true);
  });
});

/** The report without its signature. */
const unsigned = (): Uint8Array => world.gpu.makeReport({ nonce }).slice(0, -96);

describe('a report with its bytes changed, signed all the same', () => {
  const cases: readonly (readonly [string, number, number, string])[] = [
    ['request version', 0, 0x12, 'nvidia-report-header'],
    ['request code', 1, 0xe1, 'nvidia-report-header'],
    ['no signature requested', 2, 0x00, 'nvidia-report-header'],
    ['another operation', 3, 0x01, 'nvidia-report-header'],
    ['another slot', 36, 0x01, 'nvidia-report-header'],
    ['response version', 37, 0x12, 'nvidia-report-header'],
    ['response code', 38, 0x61, 'nvidia-report-header'],
    ['response parameter 1', 39, 0x01, 'nvidia-report-header'],
    ['response parameter 2', 40, 0x01, 'nvidia-report-header'],
    ['no blocks', 41, 0, 'nvidia-report-measurements'],
    ['one block fewer', 41, 63, 'nvidia-report-measurements'],
    ['one block more', 41, 65, 'nvidia-report-measurements'],
    ['a record longer than the report', 44, 0xff, 'nvidia-report-size'],
    ['block 1 numbered 0', 45, 0, 'nvidia-report-measurements'],
    ['block 1 numbered 2', 45, 2, 'nvidia-report-measurements'],
    ['another measurement specification', 46, 2, 'nvidia-report-measurements'],
    ['another measurement size', 47, 50, 'nvidia-report-measurements'],
    ['a raw value', 49, 0x81, 'nvidia-report-measurements'],
    ['another value size', 50, 47, 'nvidia-report-measurements'],
    ['block 64 numbered 1', 45 + 63 * 55, 1, 'nvidia-report-measurements'],
  ];

  it.each(cases)('%s', (_, offset, value, code) => {
    const bytes = unsigned();
    bytes[offset] = value;
    expect(failures({ report: world.gpu.signReport(bytes) })[0]).toBe(`report-format: ${code}`);
  });

  it('bytes between the opaque data and the signature', () => {
    const report = world.gpu.signReport(concatBytes(unsigned(), Uint8Array.of(0)));
    expect(failures({ report })).toEqual(['report-format: nvidia-report-size']);
  });

  it('larger than any report', () => {
    expect(failures({ report: new Uint8Array(8_193) })).toEqual(['report-format: nvidia-report-size']);
  });

  it('cut at every length', () => {
    const report = world.gpu.makeReport({ nonce });
    for (let end = 0; end < report.byteLength; end += 1) {
      expect(() => parseNvidiaReport(report.slice(0, end)), `${end} bytes`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^nvidia-/) }),
      );
    }
  });
});

describe('a report with its opaque fields changed, signed all the same', () => {
  const usual = (): readonly OpaqueEntry[] => gpuOpaque(simulatedVersions, world.gpu.fwid);
  const replaced = (field: OpaqueEntry): readonly OpaqueEntry[] => [
    ...usual().filter(({ type }) => type !== field.type),
    field,
  ];
  const without = (name: Parameters<typeof entry>[0]): readonly OpaqueEntry[] =>
    usual().filter(({ type }) => type !== entry(name, new Uint8Array()).type);

  const cases: readonly (readonly [string, () => readonly OpaqueEntry[], string])[] = [
    ['a field twice', () => [...usual(), ...usual().slice(0, 1)], 'report-format: nvidia-opaque-duplicate'],
    ['no VBIOS version', () => without('vbiosVersion'), 'report-format: nvidia-opaque-value'],
    ['no driver version', () => without('driverVersion'), 'device: nvidia-device-kind'],
    ['no decoder status', () => without('nvdec0'), 'device: nvidia-device-kind'],
    [
      'an unknown decoder status',
      () => replaced(entry('nvdec0', Uint8Array.of(0))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'a decoder status of two bytes',
      () => replaced(entry('nvdec0', Uint8Array.of(0x55, 0))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'an unknown protected PCIe status',
      () => replaced(entry('protectedPcie', Uint8Array.of(1))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'a firmware identity of 47 bytes',
      () => replaced(entry('fwid', new Uint8Array(47))),
      'report-format: nvidia-opaque-value',
    ],
    ['another firmware identity', () => replaced(entry('fwid', new Uint8Array(48))), 'fwid: nvidia-fwid'],
    [
      'a feature flag of one byte',
      () => replaced(entry('featureFlag', Uint8Array.of(0))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'a driver version with a line feed',
      () => replaced(entry('driverVersion', utf8('570.124.03\n'))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'a driver version behind a NUL',
      () => replaced(entry('driverVersion', utf8('570.124.03\0x'))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'a VBIOS version with a sixth byte',
      () => replaced(entry('vbiosVersion', fromHex('009f009601000001'))),
      'report-format: nvidia-opaque-value',
    ],
    [
      'switches of seven bytes',
      () => replaced(entry('switchPdis', new Uint8Array(7))),
      'report-format: nvidia-opaque-value',
    ],
    ['another driver', () => replaced(entry('driverVersion', utf8('570.124.04\0'))), 'driver-rim-version: rim-version'],
    [
      'another VBIOS',
      () => replaced(entry('vbiosVersion', fromHex('009f009602000000'))),
      'vbios-rim-version: rim-version',
    ],
  ];

  it.each(cases)('%s', (_, opaque, expected) => {
    expect(failures({ report: world.gpu.makeReport({ nonce, opaque: opaque() }) })).toEqual([expected]);
  });

  it.each([
    ['half a header', '0600ff'],
    ['a length past the end', '0600ff00aa'],
  ])('%s', (_, hex) => {
    const bytes = unsigned();
    const opaque = bytes.byteLength - opaqueLength(bytes) - 2;
    const report = concatBytes(bytes.slice(0, opaque), Uint8Array.of(hex.length / 2, 0), fromHex(hex));
    expect(failures({ report: world.gpu.signReport(report) })).toEqual(['report-format: nvidia-opaque']);
  });

  it('a field that nobody knows is shown, not judged', () => {
    const opaque = [...usual(), { type: 0x7777, value: Uint8Array.of(1) }];
    const { appraisal, steps } = appraise(world, { report: world.gpu.makeReport({ nonce, opaque }) });
    expect(failuresOf(steps)).toEqual([]);
    expect(appraisal.report.held && appraisal.report.value.opaque.unknown).toEqual([0x7777]);
  });

  it('no firmware identity: not evaluated, never ok', () => {
    const { steps } = appraise(world, { report: world.gpu.makeReport({ nonce, opaque: without('fwid') }) });
    expect(steps.find(({ name }) => name === 'fwid')).toMatchObject({ status: 'not-evaluated' });
  });
});

function opaqueLength(report: Uint8Array): number {
  const at = 45 + 64 * 55 + 32;
  return (report[at] ?? 0) + 256 * (report[at + 1] ?? 0);
}

describe('a report that is not for us, or not of this device', () => {
  it.each([
    ['another nonce', () => ({ report: world.gpu.makeReport({ nonce: 'ab'.repeat(32) }) }), ['nonce: nvidia-nonce']],
    [
      'signed by another key',
      () => ({ certificates: otherLeaf() }),
      ['signature: nvidia-signature', 'fwid: nvidia-fwid'],
    ],
    ['shown as a switch', () => ({ kind: 'switch' as const }), ['device: nvidia-device-kind']],
  ])('%s', async (_, presented, expected) => {
    other = await world.vendor.issueDevice();
    expect(failures({ ...presented(), rims: [], ocsp: [] })).toEqual(expected);
  });

  let other: NvidiaWorld['gpu'];
  const otherLeaf = (): readonly Uint8Array[] => other.certificates;

  it('63 blocks', () => {
    const measurements = Array.from({ length: 63 }, (_, index) => simulatedMeasurement(index));
    const report = world.gpu.makeReport({ nonce, measurements });
    expect(failures({ report, rims: [], ocsp: [] })).toEqual(['device: nvidia-device-kind']);
  });

  it('with one bit turned anywhere', () => {
    const report = world.gpu.makeReport({ nonce });
    for (let bit = 0; bit < report.byteLength * 8; bit += 1009) {
      const changed = Uint8Array.from(report);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { appraisal, steps } = appraise(world, { report: changed, rims: [], ocsp: [] });
      expect(appraisal.authentic, `bit ${bit}`).toBe(false);
      expect(
        steps.every(({ code }) => code !== 'attestation-internal'),
        `bit ${bit}`,
      ).toBe(true);
    }
  });
});

describe('a chain with one thing wrong', () => {
  const sequence = derSequence(fromHex('0609608648016503040202'), derElement(0x04, new Uint8Array(48)));
  const fwid = (oid: string, value: Uint8Array): DeviceOptions => ({ leaf: { extensions: [{ oid, value }] } });
  const cases: readonly (readonly [string, () => DeviceOptions, readonly string[]])[] = [
    [
      'a leaf that may issue',
      () => ({ leaf: { authority: true, usages: ecUsages.authority } }),
      ['chain: nvidia-chain'],
    ],
    ['a leaf that may not sign', () => ({ leaf: { usages: ecUsages.none } }), ['chain: nvidia-chain']],
    ['a leaf signed with SHA-256', () => ({ leaf: { hash: 'SHA-256' } }), ['chain: nvidia-chain']],
    ['a leaf signed by another key', () => ({ leaf: { issuerKey: generateEcKey() } }), ['chain: nvidia-chain']],
    ['a leaf of another issuer name', () => ({ leaf: { issuer: 'GH100 A01 GSP OTHER' } }), ['chain: nvidia-chain']],
    ['a factory identity that may not issue', () => ({ brom: { authority: false } }), ['chain: nvidia-chain']],
    [
      'a factory identity of P-256',
      () => ({ brom: { publicKey: generateEcKey('P-256').publicKey } }),
      ['chain: nvidia-chain'],
    ],
    [
      'a leaf of yesterday',
      () => ({
        leaf: { validity: { notBefore: new Date(at.getTime() - dayMs), notAfter: new Date(at.getTime() - 1000) } },
      }),
      ['validity: nvidia-expired'],
    ],
    [
      'a leaf of tomorrow',
      () => ({
        leaf: { validity: { notBefore: new Date(at.getTime() + 1000), notAfter: new Date(at.getTime() + dayMs) } },
      }),
      ['validity: nvidia-not-yet-valid'],
    ],
    [
      'an unknown model',
      () => ({ leaf: { issuer: 'TH500 A01 GSP BROM' }, brom: { subject: 'TH500 A01 GSP BROM' } }),
      ['device: nvidia-device-unknown'],
    ],
    [
      'a leaf of another chip',
      () => ({ leaf: { subject: 'GB100 A01 GSP FMC LF' } }),
      ['device: nvidia-device-unknown'],
    ],
    ['no firmware identity in the leaf', () => ({ leaf: { extensions: [] } }), ['fwid: nvidia-fwid-extension']],
    [
      'two firmware identities in the leaf',
      () => ({
        leaf: {
          extensions: [
            { oid: fwidExtensions.compositeDeviceId, value: sequence },
            { oid: fwidExtensions.diceTcbInfo, value: sequence },
          ],
        },
      }),
      ['fwid: nvidia-fwid-extension'],
    ],
    [
      'a firmware identity without a device',
      () => fwid(fwidExtensions.compositeDeviceId, sequence),
      ['fwid: nvidia-fwid-extension'],
    ],
    [
      'a firmware identity that trails',
      () => fwid(fwidExtensions.compositeDeviceId, concatBytes(sequence, Uint8Array.of(0, 0))),
      ['fwid: nvidia-fwid-extension'],
    ],
    [
      'TCB info without firmware',
      () => fwid(fwidExtensions.diceTcbInfo, derSequence()),
      ['fwid: nvidia-fwid-extension'],
    ],
    [
      'TCB info out of order',
      () =>
        fwid(fwidExtensions.diceTcbInfo, derSequence(derElement(0xa6, sequence), derElement(0x83, Uint8Array.of(1)))),
      ['fwid: nvidia-fwid-extension'],
    ],
    [
      'TCB info with a short digest',
      () =>
        fwid(
          fwidExtensions.diceTcbInfo,
          derSequence(
            derElement(0xa6, derSequence(fromHex('0609608648016503040202'), derElement(0x04, new Uint8Array(32)))),
          ),
        ),
      ['fwid: nvidia-fwid-extension'],
    ],
    ['the firmware of another key', () => ({ fwid: new Uint8Array(48).fill(7) }), []],
  ];

  it.each(cases)('%s', async (_, options, expected) => {
    const device = await world.vendor.issueDevice(options());
    const { steps } = appraise(world, {
      report: device.makeReport({ nonce }),
      certificates: device.certificates,
      rims: [],
      ocsp: [],
    });
    expect(failuresOf(steps)).toEqual(expected);
  });

  it.each([
    ['no certificate', () => [], ['certificates: nvidia-chain', 'chain: nvidia-chain']],
    ['four certificates', () => world.gpu.certificates.slice(0, 4), ['chain: nvidia-chain']],
    [
      'root first',
      () => world.gpu.certificates.toReversed(),
      ['chain: nvidia-chain', 'signature: nvidia-signature', 'fwid: nvidia-fwid-extension'],
    ],
    ['the root twice', () => [...world.gpu.certificates, ...world.gpu.certificates.slice(-1)], ['chain: nvidia-chain']],
    [
      'an intermediate twice',
      () => world.gpu.certificates.with(3, world.gpu.certificates[2] ?? new Uint8Array()),
      ['chain: nvidia-chain'],
    ],
    [
      'not a certificate',
      () => world.gpu.certificates.with(2, Uint8Array.of(0x30, 0x00)),
      ['certificates: certificate-malformed'],
    ],
    ['text', () => [utf8('hello')], ['certificates: pem-malformed']],
  ])('%s', (_, certificates, expected) => {
    const found = failures({ certificates: certificates(), rims: [], ocsp: [] });
    expect(found).toEqual(expected[0] === 'certificates: nvidia-chain' ? expected.slice(1) : expected);
  });

  it('a root of the same name', async () => {
    const twin = await makeNvidiaWorld();
    const roots = trustedNvidiaRoots([twin.vendor.rootSha256]);
    expect(failures({ roots, rims: [], ocsp: [] })).toEqual(['chain: nvidia-root-untrusted']);
  });
});

describe('several devices', () => {
  it('keep their steps apart', () => {
    const devices = [world.gpu, world.gpu].map((gpu, index) => ({
      report: gpu.makeReport({ nonce: index === 0 ? nonce : 'ff'.repeat(32) }),
      certificates: gpu.certificates,
    }));
    const inspection = inspectNvidia({
      devices,
      rims: rimsOf(world),
      ocsp: world.ocsp,
      nonce,
      at,
      trustedRoots: trustedNvidiaRoots([world.vendor.rootSha256]),
    });
    expect(failuresOf(inspection.steps)).toEqual(['device-1/nonce: nvidia-nonce']);
    expect(inspection).toMatchObject({ authentic: false, devices: [{ nonce }, { nonce: 'ff'.repeat(32) }] });
  });
});
