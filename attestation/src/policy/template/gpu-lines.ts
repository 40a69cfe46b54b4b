// The rules for GPUs, and which machine they belong to, as commented YAML, for `wardround policy init`.
import type { NvidiaFields } from '../../nvidia/inspect.ts';
import type { Filler } from './fill.ts';
import { placeholder } from './fill.ts';
import type { ShownDeviceFields } from './shown.ts';

export interface GpuTemplate {
  readonly gpu: 'hopper' | 'blackwell' | 'none';
  readonly devices: readonly ShownDeviceFields[];
  /** The processor that the devices belong to, hex. */
  readonly processor: string;
}

export function gpuTemplate({ gpu, devices, processor }: GpuTemplate, { mark }: Filler): readonly string[] {
  if (gpu === 'none') {
    return ['# No GPU may be used; its absence is said, and bound.', 'gpu: unused', 'machines: processorAlone'];
  }
  const of = (kind: 'gpu' | 'switch'): readonly NvidiaFields[] =>
    devices.flatMap((device) => (device.kind === kind ? [device.fields] : []));
  const [gpus, switches] = [of('gpu'), of('switch')];
  const isShown = gpus.length > 0;
  const behind = mark(isShown, 'from the operator');
  const drivers = distinct(
    gpus.map(({ driverVersion }) => driverVersion),
    placeholder.driver,
  );
  const accepted = (is: boolean): string => (is ? 'accepted' : 'refused');
  const isProtected = gpus.some(({ protectedPcie }) => protectedPcie === 'on');
  const flags = [...new Set(gpus.flatMap(({ featureFlag }) => (featureFlag === null ? [] : [featureFlag])))];
  const unknown = [...new Set(gpus.flatMap(({ unknownOpaqueTypes }) => unknownOpaqueTypes))];
  return [
    '# GPUs are required. Every measurement must be as NVIDIA’s signed manifests of that driver and VBIOS say.',
    'gpu:',
    '  nvidia:',
    '    gpus:',
    '      # Exactly so many, each another device.',
    `      count: ${Math.max(1, gpus.length)}${isShown ? behind : ''}`,
    `      architectures: { hopper: ${accepted(gpu === 'hopper')}, blackwell: ${accepted(gpu === 'blackwell')} }`,
    `      models: ${list(
      distinct(
        gpus.map(({ hwModel }) => hwModel),
        gpu === 'hopper' ? 'GH100 A01 GSP BROM' : 'GB100 A01 GSP BROM',
      ),
    )}${isShown ? behind : ''}`,
    '      # The devices: a genuine GPU elsewhere could answer for this machine.',
    `      ueids: ${list(ueids(gpus))}${behind}`,
    '      # Compared component by component; take the floor from NVIDIA’s security bulletins.',
    `      driver: { minimum: ${JSON.stringify(drivers.toSorted(byVersion)[0] ?? placeholder.driver)}, allowed: ${list(drivers)} }${behind}`,
    `      vbios: { allowed: ${list(
      distinct(
        gpus.map(({ vbiosVersion }) => vbiosVersion),
        placeholder.vbios,
      ),
    )} }${behind}`,
    '      mode:',
    '        # As reports say it; 2 is protected PCIe. Of 0 and 1 NVIDIA’s sources disagree on which is a single GPU.',
    `        featureFlags: [${(flags.length === 0 ? [0] : flags).join(', ')}]${isShown ? behind : ''}`,
    '        # A report without one: refused, or a waiver with the drivers that it is for.',
    '        missingFeatureFlag: refused',
    `        protectedPcie: ${isProtected ? 'required' : 'refused'}${isShown ? behind : ''}`,
    '      # A report that is not bound to the firmware of its key.',
    '      missingFirmwareIdentity: refused',
    '      # Fields of the report whose meaning is not known.',
    `      acceptedUnknownFields: [${unknown.join(', ')}]${unknown.length > 0 ? behind : ''}`,
    ...switchLines(switches, behind),
    '    # When the signer of a manifest must be valid: now, or whenMirrored (needs a mirror of your own).',
    '    rimValidity: now',
    '    ocsp:',
    '      # NVIDIA revokes by OCSP alone: how old its answers may be.',
    '      maxAgeSeconds: 604800',
    '      nonce: notRequired',
    '      # NVIDIA’s service does not know the certificate that a device makes itself; issuedByDevice takes its issuer’s answer.',
    '      deviceLeaf: issuedByDevice',
    '    # NVIDIA’s remote attestation service as a second opinion, or { required: { keys: mirrored, maxKeysAgeSeconds: 172800 } }:',
    '    # its answer then comes with the evidence, and its keys, which nothing signs, from your mirror; a list of thumbprints pins them.',
    '    nras: notUsed',
    '# Which processor and devices are one machine. That a GPU sits in this machine, nothing else says.',
    'machines:',
    `  - { processor: "${processor}", devices: ${list(ueids([...gpus, ...switches]))} }${behind}`,
  ];
}

function switchLines(switches: readonly NvidiaFields[], behind: string): readonly string[] {
  if (switches.length === 0) return ['    # Rules as for GPUs, where NVSwitches are there.', '    switches: none'];
  return [
    '    switches:',
    `      count: ${switches.length}${behind}`,
    `      models: ${list(
      distinct(
        switches.map(({ hwModel }) => hwModel),
        'LS_10 A01 FSP BROM',
      ),
    )}${behind}`,
    `      ueids: ${list(ueids(switches))}${behind}`,
    `      vbios: { allowed: ${list(
      distinct(
        switches.map(({ vbiosVersion }) => vbiosVersion),
        placeholder.vbios,
      ),
    )} }${behind}`,
    '      # No switch seen so far names its firmware in its report: refused refuses them all, a waiver needs your reason and day.',
    '      missingFirmwareIdentity: refused',
    '      acceptedUnknownFields: []',
  ];
}

function ueids(devices: readonly NvidiaFields[]): readonly string[] {
  return distinct(
    devices.map(({ ueid }) => ueid),
    placeholder.ueid,
  );
}

function distinct(values: readonly (string | null)[], otherwise: string): readonly string[] {
  const found = [...new Set(values.filter((value) => value !== null))];
  return found.length === 0 ? [otherwise] : found;
}

/** As JSON, which is YAML too: what a bundle calls itself cannot become another line of the policy. */
function list(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}

function byVersion(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}
