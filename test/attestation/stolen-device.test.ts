// What somebody with one genuine device, or its extracted key, would try next: another device's name, manifests that compare nothing.
import { beforeAll, describe, expect, it } from 'vitest';
import { leafSerialOf } from '@wardround/attestation/nvidia/device';
import { requireMeasurements } from '@wardround/attestation/nvidia/rim/compare';
import type { RimManifest } from '@wardround/attestation/nvidia/rim/manifest';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { generateEcKey } from '@wardround/attestation/simulated/nvidia/certificates';
import type { NvidiaWorld } from './nvidia-world.ts';
import { appraise, makeNvidiaWorld, failuresOf, nonce, ueidOf } from './nvidia-world.ts';

let world: NvidiaWorld;
beforeAll(async () => {
  world = await makeNvidiaWorld();
});

describe('the UEID, which lists of machines name', () => {
  it('is refused where an extracted identity issues a leaf with the serial of somebody else’s device', async () => {
    const victim = BigInt(ueidOf(world.gpu)).toString(16);
    const thief = await world.vendor.issueDevice({ leaf: { serial: victim } });
    const { steps } = appraise(world, {
      report: thief.makeReport({ nonce }),
      certificates: thief.certificates,
      rims: [],
      ocsp: [],
    });
    expect(failuresOf(steps)).toEqual(['device: nvidia-device-serial']);
  });

  it.each([
    ['negative, the same bits', (serial: string) => `c${serial.slice(1)}`],
    ['cut', (serial: string) => serial.slice(0, 32)],
  ])('is refused where the serial is another one: %s', async (_, change) => {
    const key = generateEcKey();
    const serial = change(leafSerialOf(key.publicKey));
    const device = await world.vendor.issueDevice({ leaf: { publicKey: key.publicKey, serial } });
    const { steps } = appraise(world, {
      report: device.makeReport({ nonce }),
      certificates: device.certificates,
      rims: [],
      ocsp: [],
    });
    expect(failuresOf(steps)).toContain('device: nvidia-device-serial');
  });
});

describe('a manifest without anything to compare', () => {
  it.each([
    ['nothing active', [{ index: 1, active: false, alternatives: ['00'.repeat(48)] }]],
    ['only the video decoder, which is off', [{ index: 35, active: true, alternatives: ['00'.repeat(48)] }]],
  ])('proves nothing: %s', (_, measurements) => {
    const manifest: RimManifest = { chip: 'GH100', edition: 'GPU', version: '1.2', tagId: '', measurements };
    const report = parseNvidiaReport(world.gpu.makeReport({ nonce }));
    expect(() => requireMeasurements(manifest, report, () => {})).toThrow(
      expect.objectContaining({ code: 'nvidia-measurement-missing' }),
    );
  });
});
