// The opaque data at the end of a report: type-length-value fields of NVIDIA's own. Each is bounded, none may come twice, and those
// that we judge by have one exact form.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex } from '@wardround/protocol/bytes';

/** NVIDIA's names (nvtrust and attestation-sdk, OPAQUE_FIELD_ID_*), by number. From 22 on a switch means other things by some of them. */
export const opaqueTypes = {
  certificateIssuer: 1,
  authorityKeyIdentifier: 2,
  driverVersion: 3,
  gpuInfo: 4,
  sku: 5,
  vbiosVersion: 6,
  manufacturer: 7,
  tamperDetection: 8,
  smc: 9,
  vpr: 10,
  nvdec0: 11,
  measurementCounts: 12,
  cprInfo: 13,
  boardId: 14,
  chipSku: 15,
  chipSkuModifier: 16,
  project: 17,
  projectSku: 18,
  projectSkuModifier: 19,
  fwid: 20,
  protectedPcie: 21,
  /** A GPU: the switches at its links, 8 bytes each. A switch: its own identifier. */
  switchPdis: 22,
  /** A switch: its disabled ports. */
  floorsweptPorts: 23,
  position: 24,
  lockStatus: 25,
  /** A switch alone: the GPUs at its links, 8 bytes each, then its ports. */
  switchGpuPdis: 26,
  linkConnections: 32,
  systemEnableStatus: 33,
  opaqueVersion: 34,
  chipInfo: 35,
  featureFlag: 36,
} as const;

export type OpaqueName = keyof typeof opaqueTypes;

const names: ReadonlyMap<number, string> = new Map(Object.entries(opaqueTypes).map(([name, type]) => [type, name]));

export interface OpaqueField {
  readonly type: number;
  /** `unknown` where we know no meaning; whether such a field is accepted, a policy decides. */
  readonly name: string;
  readonly value: Bytes;
}

export interface OpaqueData {
  /** In the report's order. */
  readonly fields: readonly OpaqueField[];
  /** Types without a known meaning. */
  readonly unknown: readonly number[];
  readonly driverVersion: string | undefined;
  /** Dotted upper-case hex, such as `96.00.9F.00.01`. */
  readonly vbiosVersion: string;
  readonly project: string | undefined;
  readonly projectSku: string | undefined;
  readonly chipSku: string | undefined;
  /** Chip name where the report says it (type 35). */
  readonly chip: string | undefined;
  /** Whether the video decoder 0 is on: then measurement 35 is meaningful. */
  readonly nvdec0: 'on' | 'off' | undefined;
  readonly fwid: Bytes | undefined;
  readonly protectedPcie: 'on' | 'off' | undefined;
  /** As the report says it; NVIDIA's own sources disagree on whether 0 is a single GPU or several. 2 is protected PCIe. */
  readonly featureFlag: number | undefined;
  /** 8 bytes each, lower-case hex, as they stand in the report. */
  readonly switchPdis: readonly string[];
  readonly switchGpuPdis: readonly string[];
}

/** @throws WardroundError `nvidia-opaque`, `nvidia-opaque-duplicate`, `nvidia-opaque-value` */
export function parseOpaqueData(bytes: Bytes): OpaqueData {
  const fields = readFields(bytes);
  const value = (name: OpaqueName): Bytes | undefined => fields.get(opaqueTypes[name])?.value;
  return {
    fields: [...fields.values()],
    unknown: [...fields.values()].filter(({ name }) => name === 'unknown').map(({ type }) => type),
    driverVersion: readText(value('driverVersion'), 'driverVersion', /^\d{3,4}(?:\.\d{1,4}){1,3}$/),
    vbiosVersion: readVbiosVersion(value('vbiosVersion')),
    project: readText(value('project'), 'project', /^[A-Z0-9]{1,16}$/),
    projectSku: readText(value('projectSku'), 'projectSku', /^[A-Z0-9]{1,16}$/),
    chipSku: readText(value('chipSku'), 'chipSku', /^[A-Z0-9]{1,16}$/),
    chip: readText(beforeNul(value('chipInfo')), 'chipInfo', /^[A-Z]{2}[0-9A-Z]{2,8}$/),
    nvdec0: readSwitch(value('nvdec0'), 'nvdec0'),
    fwid: readFwid(value('fwid')),
    protectedPcie: readSwitch(value('protectedPcie'), 'protectedPcie'),
    featureFlag: readFlag(value('featureFlag')),
    switchPdis: readIdentifiers(value('switchPdis'), 'switchPdis'),
    switchGpuPdis: readIdentifiers(value('switchGpuPdis')?.subarray(0, 64), 'switchGpuPdis'),
  };
}

function readFields(bytes: Bytes): ReadonlyMap<number, OpaqueField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = new Map<number, OpaqueField>();
  let offset = 0;
  while (offset < bytes.byteLength) {
    if (offset + 4 > bytes.byteLength) throw malformed('a whole type and length', offset);
    const type = view.getUint16(offset, true);
    const end = offset + 4 + view.getUint16(offset + 2, true);
    if (end > bytes.byteLength) throw malformed('a value as long as its length says', offset);
    if (fields.has(type)) {
      throw new WardroundError('nvidia-opaque-duplicate', 'a field of the report comes twice', { got: `type ${type}` });
    }
    fields.set(type, { type, name: names.get(type) ?? 'unknown', value: bytes.slice(offset + 4, end) });
    offset = end;
  }
  return fields;
}

function malformed(expected: string, offset: number): WardroundError {
  return new WardroundError('nvidia-opaque', 'the opaque data cannot be read', {
    expected,
    where: `offset ${offset} of the opaque data`,
  });
}

/** NVIDIA's verifiers read the chip up to its first NUL; what follows is not text. */
function beforeNul(value: Bytes | undefined): Bytes | undefined {
  const end = value?.indexOf(0) ?? -1;
  return end === -1 ? value : value?.slice(0, end);
}

/** ASCII, then nothing but NUL. */
function readText(value: Bytes | undefined, name: OpaqueName, pattern: RegExp): string | undefined {
  if (value === undefined) return undefined;
  const text = Buffer.from(value).toString('latin1').replace(/\0+$/, '');
  if (text === '') return undefined;
  if (pattern.test(text)) return text;
  throw odd(name, value);
}

/**
 * A GPU's is 8 little-endian bytes: reversed, the second half followed by the byte before it (`00 9F 00 96 01 00 00 00` is
 * 96.00.9F.00.01). A switch's is the text itself.
 */
function readVbiosVersion(value: Bytes | undefined): string {
  if (value === undefined) throw odd('vbiosVersion');
  const text = Buffer.from(value).toString('latin1').replace(/\0+$/, '');
  if (/^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/.test(text)) return text;
  const [third, second, first, zeroth, fourth, ...rest] = value;
  if (value.byteLength !== 8 || fourth === undefined || rest.some((byte) => byte !== 0))
    throw odd('vbiosVersion', value);
  return [zeroth, first, second, third, fourth]
    .map((byte) => (byte ?? 0).toString(16).toUpperCase().padStart(2, '0'))
    .join('.');
}

const switchValues: Readonly<Record<number, 'on' | 'off'>> = { 0xaa: 'on', 0x55: 'off' };

function readSwitch(value: Bytes | undefined, name: OpaqueName): 'on' | 'off' | undefined {
  if (value === undefined) return undefined;
  const meaning = value.byteLength === 1 ? switchValues[value[0] ?? 0] : undefined;
  if (meaning === undefined) throw odd(name, value);
  return meaning;
}

function readFwid(value: Bytes | undefined): Bytes | undefined {
  if (value !== undefined && value.byteLength !== 48) throw odd('fwid', value);
  return value;
}

function readFlag(value: Bytes | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [low, high] = value;
  if (value.byteLength !== 2 || low === undefined || high === undefined) throw odd('featureFlag', value);
  return low + 256 * high;
}

function readIdentifiers(value: Bytes | undefined, name: OpaqueName): readonly string[] {
  if (value === undefined) return [];
  if (value.byteLength % 8 !== 0 || value.byteLength === 0) throw odd(name, value);
  return Array.from({ length: value.byteLength / 8 }, (_, index) => toHex(value.subarray(8 * index, 8 * index + 8)));
}

function odd(name: OpaqueName, value?: Bytes): WardroundError {
  return new WardroundError('nvidia-opaque-value', 'a field of the report does not have its one form', {
    where: `${name} (type ${opaqueTypes[name]})`,
    got: value === undefined ? 'nothing' : toHex(value.subarray(0, 16)),
  });
}
