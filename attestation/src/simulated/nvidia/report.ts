// Writes reports of simulated GPUs and switches: the genuine format, any field at will.
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, fromHex, sha384, toHex, utf8 } from '@wardround/protocol/bytes';
import { opaqueTypes } from '../../nvidia/opaque.ts';

export interface OpaqueEntry {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface NvidiaReportFields {
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  readonly responderNonce: Uint8Array;
  /** 48 bytes each, hex. */
  readonly measurements: readonly string[];
  readonly opaque: readonly OpaqueEntry[];
}

/** The report without its signature. */
export function encodeNvidiaReport({ nonce, responderNonce, measurements, opaque }: NvidiaReportFields): Bytes {
  const blocks = concatBytes(
    ...measurements.map((value, index) =>
      concatBytes(Uint8Array.of(index + 1, 1, 51, 0, 1, 48, 0), fromHex(value, 48)),
    ),
  );
  const fields = concatBytes(
    ...opaque.map(({ type, value }) => concatBytes(little(type, 2), little(value.byteLength, 2), value)),
  );
  return concatBytes(
    fromHex('11e001ff'),
    nonce,
    Uint8Array.of(0),
    fromHex('11600000'),
    Uint8Array.of(measurements.length),
    little(blocks.byteLength, 3),
    blocks,
    responderNonce,
    little(fields.byteLength, 2),
    fields,
  );
}

function little(value: number, length: number): Bytes {
  return Uint8Array.from({ length }, (_, index) => (value >>> (8 * index)) & 0xff);
}

/** What a simulated device of these versions measures at SPDM block `index + 1`. */
export function simulatedMeasurement(index: number): string {
  return toHex(sha384(utf8(`wardround simulated measurement ${index}`)));
}

export interface GpuVersions {
  readonly driver: string;
  /** Dotted upper-case hex. */
  readonly vbios: string;
}

/** The opaque fields of a GPU as a recent driver writes them. */
export function gpuOpaque({ driver, vbios }: GpuVersions, fwid: Uint8Array): readonly OpaqueEntry[] {
  const text = (value: string): Bytes => utf8(`${value}\0`);
  return [
    entry('vbiosVersion', encodeVbios(vbios)),
    entry('chipSku', text('882')),
    entry('project', text('1010')),
    entry('projectSku', text('0200')),
    entry('driverVersion', text(driver)),
    entry('nvdec0', Uint8Array.of(0x55)),
    entry('fwid', fwid),
    entry('protectedPcie', Uint8Array.of(0x55)),
    entry('opaqueVersion', Uint8Array.of(1, 0)),
    entry('featureFlag', Uint8Array.of(0, 0)),
  ];
}

/** The opaque fields of a switch: no driver, and no firmware identity. */
export function switchOpaque(vbios: string, pdi: Uint8Array, gpuPdis: readonly Uint8Array[]): readonly OpaqueEntry[] {
  const links = concatBytes(...gpuPdis, new Uint8Array(128).fill(0xff)).slice(0, 128);
  return [entry('vbiosVersion', utf8(vbios)), entry('switchPdis', pdi), entry('switchGpuPdis', links)];
}

export function entry(name: keyof typeof opaqueTypes, value: Uint8Array): OpaqueEntry {
  return { type: opaqueTypes[name], value };
}

function encodeVbios(text: string): Bytes {
  const [zeroth, first, second, third, fourth] = [...fromHex(text.replaceAll('.', '').toLowerCase(), 5)];
  return Uint8Array.of(third ?? 0, second ?? 0, first ?? 0, zeroth ?? 0, fourth ?? 0, 0, 0, 0);
}
