// Simulated GPUs: reports in NVIDIA's format, signed by keys in files. THEY PROVE NOTHING about hardware; a site trusts them only where its policy
// names their very vendor's root.
import { toBase64Url, toHex } from '@wardround/protocol/bytes';
import type { Endorsement } from '@wardround/attestation/evidence';
import { inspectNvidia, type NvidiaFields } from '@wardround/attestation/nvidia/inspect';
import { trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import {
  endorseNvidia,
  exportNvidiaDevice,
  importNvidiaDevice,
  type NvidiaDeviceSecret,
  type NvidiaEndorsements,
  parseNvidiaEndorsements,
} from '@wardround/attestation/simulated/nvidia/files';
import { gpuEndorsementsOf } from '@wardround/attestation/simulated/evidence';
import { createSimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import { WardroundError } from '@wardround/protocol/errors';
import type { GpuCollector } from '../enclave/ports.ts';

/** A vendor made anew, of which only one device's secret and what is public remain. */
export async function foundSimulatedGpu(
  at: Date,
  until: Date,
): Promise<{ secret: NvidiaDeviceSecret; endorsements: NvidiaEndorsements }> {
  const vendor = await createSimulatedNvidia(at);
  const device = await vendor.issueDevice();
  const endorsements = await endorseNvidia(vendor, device, until);
  // Unlike NVIDIA's service this one answers for the device's own certificate too, so that its policy waives nothing.
  const leaf = toBase64Url(vendor.answer(device.certificates, 0, { nextUpdate: until }));
  return { secret: exportNvidiaDevice(device), endorsements: { ...endorsements, ocsp: [leaf, ...endorsements.ocsp] } };
}

export interface SimulatedGpu extends GpuCollector {
  /** What goes with its evidence. */
  readonly endorsements: readonly Endorsement[];
  /** What it says of itself, as a site's policy names it. */
  readonly fields: NvidiaFields;
}

/** @throws WardroundError `simulated-file-invalid` */
export function simulatedGpu(files: { secret: unknown; endorsements: unknown }): SimulatedGpu {
  const device = importNvidiaDevice(files.secret);
  const endorsements = parseNvidiaEndorsements(files.endorsements);
  const certificates = device.certificates.map(toBase64Url);
  return {
    attest: async (nonce) => {
      const report = toBase64Url(device.makeReport({ nonce: toHex(nonce) }));
      return await Promise.resolve([{ type: 'nvidiaGpu', report, certificates }]);
    },
    endorsements: gpuEndorsementsOf(endorsements),
    fields: fieldsOf(
      { report: device.makeReport({ nonce: '00'.repeat(32) }), certificates: device.certificates },
      endorsements.rootSha256,
    ),
  };
}

function fieldsOf(
  device: { report: Uint8Array; certificates: readonly Uint8Array[] },
  rootSha256: string,
): NvidiaFields {
  const { fields } = inspectNvidia({
    devices: [device],
    rims: [],
    ocsp: [],
    at: new Date(),
    trustedRoots: trustedNvidiaRoots([rootSha256]),
  });
  if (fields === null) throw new WardroundError('simulated-file-invalid', 'not a device of the simulated platform');
  return fields;
}
