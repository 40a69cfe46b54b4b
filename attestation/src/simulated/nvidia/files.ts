// The simulated NVIDIA and its devices as JSON, so that another process can load them. Secrets and endorsements are separate objects: the one
// stays with the (simulated) hardware, the other travels with evidence.
import * as z from 'zod';
import { base64UrlSchema, instantSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import { fromBase64Url, fromHex, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { openRim } from '../../nvidia/rim/verify.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { SimulatedNvidiaDevice } from './device.ts';
import type { Authority, NvidiaAuthorities } from './vendor.ts';
import { SimulatedNvidia } from './vendor.ts';
import { exportKey, importPair, readSimulatedFile } from '../secret-file.ts';

const certificate = base64UrlSchema(8_192);
const privateKey = base64UrlSchema(8_192);

/** SECRET: with it anybody is this device. */
export const nvidiaDeviceSecretSchema = z.strictObject({
  kind: z.literal('SimulatedNvidiaDeviceSecret'),
  version: z.literal(1),
  device: z.enum(['gpu', 'switch']),
  driver: z.string().max(32),
  vbios: z.string().max(32),
  fwid: z.string().regex(/^[0-9a-f]{96}$/),
  certificates: z.array(certificate).length(5),
  /** PKCS #8. */
  privateKey,
});
export type NvidiaDeviceSecret = z.infer<typeof nvidiaDeviceSecretSchema>;

const authority = z.strictObject({ certificate, privateKey });

/** SECRET: with it anybody is this vendor. */
export const nvidiaVendorSecretSchema = z.strictObject({
  kind: z.literal('SimulatedNvidiaSecret'),
  version: z.literal(1),
  at: instantSchema,
  root: authority,
  identity: authority,
  provisioner: authority,
  rimLine: authority,
  rimIssuer: authority,
});
export type NvidiaVendorSecret = z.infer<typeof nvidiaVendorSecretSchema>;

/** Public: what evidence needs beside the reports. */
export const nvidiaEndorsementsSchema = z.strictObject({
  kind: z.literal('SimulatedNvidiaEndorsements'),
  version: z.literal(1),
  /** What a site's policy must name in `simulatedPlatform.roots` to trust this. */
  rootSha256: sha256Schema,
  rims: z.array(z.strictObject({ id: z.string().max(256), xml: z.string().max(524_288) })).max(16),
  /** DER. */
  ocsp: z.array(base64UrlSchema(16_384)).max(64),
});
export type NvidiaEndorsements = z.infer<typeof nvidiaEndorsementsSchema>;

export function exportNvidiaDevice(device: SimulatedNvidiaDevice): NvidiaDeviceSecret {
  return {
    kind: 'SimulatedNvidiaDeviceSecret',
    version: 1,
    device: device.kind,
    driver: device.driver,
    vbios: device.vbios,
    fwid: toHex(device.fwid),
    certificates: device.certificates.map(toBase64Url),
    privateKey: exportKey(device.secretKey),
  };
}

/** @throws WardroundError `simulated-file-invalid` */
export function importNvidiaDevice(value: unknown): SimulatedNvidiaDevice {
  const secret = readSimulatedFile(nvidiaDeviceSecretSchema, value);
  return new SimulatedNvidiaDevice({
    kind: secret.device,
    driver: secret.driver,
    vbios: secret.vbios,
    fwid: fromHex(secret.fwid, 48),
    certificates: secret.certificates.map(fromBase64Url),
    key: importPair(secret.privateKey),
  });
}

export function exportNvidiaVendor(vendor: SimulatedNvidia): NvidiaVendorSecret {
  const own = (name: keyof NvidiaAuthorities): z.infer<typeof authority> => ({
    certificate: toBase64Url(vendor.secrets[name].certificate),
    privateKey: exportKey(vendor.secrets[name].key.privateKey),
  });
  return {
    kind: 'SimulatedNvidiaSecret',
    version: 1,
    at: vendor.at.toISOString(),
    root: own('root'),
    identity: own('identity'),
    provisioner: own('provisioner'),
    rimLine: own('rimLine'),
    rimIssuer: own('rimIssuer'),
  };
}

/** @throws WardroundError `simulated-file-invalid` */
export function importNvidiaVendor(value: unknown): SimulatedNvidia {
  const secret = readSimulatedFile(nvidiaVendorSecretSchema, value);
  const own = (part: z.infer<typeof authority>): Authority => {
    const der = fromBase64Url(part.certificate);
    return { certificate: der, key: importPair(part.privateKey), name: parseCertificate(der).commonName };
  };
  return new SimulatedNvidia(new Date(secret.at), {
    root: own(secret.root),
    identity: own(secret.identity),
    provisioner: own(secret.provisioner),
    rimLine: own(secret.rimLine),
    rimIssuer: own(secret.rimIssuer),
  });
}

/** Everything public that evidence of `device` needs: its manifests, and OCSP answers of the vendor's founding that hold until `until`. */
export async function endorseNvidia(
  vendor: SimulatedNvidia,
  device: SimulatedNvidiaDevice,
  until: Date,
): Promise<NvidiaEndorsements> {
  const roles = device.kind === 'gpu' ? (['driver', 'vbios'] as const) : (['switch'] as const);
  const rims = await Promise.all(
    roles.map(async (role) => {
      const version = role === 'driver' ? device.driver : device.vbios;
      return { id: rimIdOf(role, version), xml: await vendor.issueRim(role, { version }) };
    }),
  );
  // Not about the device's leaf, which the device made: as with genuine ones, nobody answers for it.
  const chains = [device.certificates.slice(1), ...rims.map(({ xml }) => openRim({ xml }).signature.certificates)];
  const answers = chains.flatMap((chain) =>
    chain.slice(0, -1).map((_, index) => toBase64Url(vendor.answer(chain, index, { nextUpdate: until }))),
  );
  return {
    kind: 'SimulatedNvidiaEndorsements',
    version: 1,
    rootSha256: vendor.rootSha256,
    rims: rims.map(({ id, xml }) => ({ id, xml: Buffer.from(xml).toString('utf8') })),
    ocsp: [...new Set(answers)],
  };
}

function rimIdOf(role: 'driver' | 'vbios' | 'switch', version: string): string {
  if (role === 'driver') return `NV_GPU_DRIVER_GH100_${version}`;
  const board = role === 'switch' ? 'NV_SWITCH_BIOS_5612_0002_890' : 'NV_GPU_VBIOS_1010_0200_882';
  return `${board}_${version.replaceAll('.', '')}`;
}

/** @throws WardroundError `simulated-file-invalid` */
export function parseNvidiaEndorsements(value: unknown): NvidiaEndorsements {
  return readSimulatedFile(nvidiaEndorsementsSchema, value);
}
