// Which device a chain speaks for: its kind and architecture, and the identifier by which a machine is pinned.
import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import type { NvidiaChain } from './chain.ts';
import type { NvidiaReport } from './report.ts';

export type NvidiaKind = 'gpu' | 'switch';
export const nvidiaArchitectures = ['hopper', 'blackwell', 'ls10'] as const;
export type NvidiaArchitecture = (typeof nvidiaArchitectures)[number];

export interface NvidiaDevice {
  readonly kind: NvidiaKind;
  readonly architecture: NvidiaArchitecture;
  /** The chip as reference values name it: `GH100`, `GB100`, `LS10`. */
  readonly chip: string;
  /** Common name of the factory identity, such as `GH100 A01 GSP BROM`. */
  readonly hwModel: string;
  /**
   * Decimal serial of the leaf: the device with its present firmware key, as NVIDIA's services name it. Other firmware makes another key, and so
   * another UEID of the same device.
   */
  readonly ueid: string;
}

const families: readonly (readonly [RegExp, NvidiaKind, NvidiaArchitecture])[] = [
  [/^GH1\d{2}$/, 'gpu', 'hopper'],
  [/^GB[12]\d{2}$/, 'gpu', 'blackwell'],
  [/^LS_10$/, 'switch', 'ls10'],
];

const gpuBlocks = 64;

/**
 * Reads the device from its chain and requires the report to be one of such a device.
 * @throws WardroundError `nvidia-device-unknown`, `nvidia-device-kind`, `nvidia-device-serial`
 */
export function readDevice(
  { certificates, leaf }: NvidiaChain,
  report: NvidiaReport,
  claimed?: NvidiaKind,
): NvidiaDevice {
  const hwModel = certificates[1]?.commonName ?? '';
  const [, chip, part] = /^([A-Z0-9_]+) [A-Z]\d{2} (GSP|FSP) BROM$/.exec(hwModel) ?? [];
  const family = families.find(([pattern]) => pattern.test(chip ?? ''));
  if (chip === undefined || part === undefined || family === undefined || !leaf.commonName.startsWith(`${chip} `)) {
    throw new WardroundError('nvidia-device-unknown', 'a device that this version does not know', {
      expected: 'a GPU of Hopper or Blackwell, or an NVSwitch LS10',
      got: `${leaf.commonName} of ${hwModel}`,
    });
  }
  const [, kind, architecture] = family;
  requireKind(kind, report, claimed);
  requireOwnSerial(leaf);
  const ueid = BigInt(`0x${leaf.serial}`).toString();
  return { kind, architecture, chip: chip.replace('_', ''), hwModel, ueid };
}

function requireKind(kind: NvidiaKind, { measurements, opaque }: NvidiaReport, claimed: NvidiaKind | undefined): void {
  const looksLikeGpu = opaque.driverVersion !== undefined && opaque.nvdec0 !== undefined;
  const whole = kind === 'switch' ? !looksLikeGpu : looksLikeGpu && measurements.length === gpuBlocks;
  if (whole && (claimed ?? kind) === kind) return;
  throw new WardroundError('nvidia-device-kind', 'the report is not one of such a device', {
    expected: `a ${claimed ?? kind}, by its certificate and by its report`,
    got: `a certificate of a ${kind}, and ${measurements.length} measurements ${looksLikeGpu ? 'with' : 'without'} a driver`,
  });
}

/**
 * Nobody but a device checks the serial that it gives its leaf. Were it free, one extracted identity could take the name of every device on
 * a list; as a hash of the leaf's own key it is a name that only that key's holder can sign under.
 */
function requireOwnSerial({ serial, publicKey }: NvidiaChain['leaf']): void {
  const expected = leafSerialOf(publicKey);
  if (serial === expected) return;
  throw new WardroundError('nvidia-device-serial', 'the device’s serial is not the one that its key has', {
    expected,
    got: serial,
    action: 'stop',
  });
}

/**
 * The serial of a genuine leaf: SHA-1 over the point of its key (the key identifier of RFC 5280, 4.2.1.2), with the two highest bits
 * made 01; measured on every genuine chain of Hopper, Blackwell and LS10. NVIDIA names a device by it, and a device issues its own leaf.
 * @returns lower-case hex, 20 bytes
 */
export function leafSerialOf(key: KeyObject): string {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = [Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  const hash = createHash('sha1').update(Buffer.concat(point)).digest();
  hash[0] = ((hash[0] ?? 0) & 0x3f) | 0x40;
  return hash.toString('hex');
}

/** Ids under which NVIDIA's RIM service keeps the two reference manifests of a device; a switch has no driver. */
export function rimIds({ kind, architecture, chip }: NvidiaDevice, { opaque }: NvidiaReport): RimIds {
  const vbios = opaque.vbiosVersion.replaceAll('.', '');
  // A switch's report does not say its board; NVIDIA's verifiers use this one for every LS10.
  if (kind === 'switch') return { driver: undefined, vbios: `NV_SWITCH_BIOS_5612_0002_890_${vbios}` };
  const driver = opaque.driverVersion ?? '';
  return {
    driver:
      architecture === 'hopper'
        ? `NV_GPU_DRIVER_${chip}_${driver}`
        : `NV_GPU_CC_DRIVER_${opaque.chip ?? chip}_${driver}`,
    vbios: `NV_GPU_VBIOS_${[opaque.project, opaque.projectSku, opaque.chipSku].map((part) => part ?? '').join('_')}_${vbios}`,
  };
}

export interface RimIds {
  readonly driver: string | undefined;
  readonly vbios: string;
}
