// Writes SEV-SNP reports in the genuine format: the mirror image of `snp/report`, for the simulated vendor and for tests.
import type { Bytes } from '@wardround/protocol/bytes';
import type { FirmwareVersion } from '../snp/report.ts';
import { signingKeys, snpReportBytes, snpSignedBytes } from '../snp/report.ts';
import type { Cpuid, SnpProduct } from '../snp/product.ts';
import type { Tcb } from '../snp/tcb.ts';
import { tcbOrder, tcbComponents } from '../snp/tcb.ts';

/** Every field of a report. */
export interface ReportFields {
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly currentTcb: Tcb;
  readonly platformInfo: bigint;
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly signingKey: number;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMa: Uint8Array;
  readonly reportedTcb: Tcb;
  readonly cpuid: Cpuid;
  readonly chipId: Uint8Array;
  readonly committedTcb: Tcb;
  readonly currentVersion: FirmwareVersion;
  readonly committedVersion: FirmwareVersion;
  readonly launchTcb: Tcb;
  readonly launchMitVector: bigint;
  readonly currentMitVector: bigint;
}

export const simulatedCpuids: Readonly<Record<SnpProduct, Cpuid>> = {
  Milan: { family: 0x19, model: 0x01, stepping: 0x01 },
  Genoa: { family: 0x19, model: 0x11, stepping: 0x01 },
  Turin: { family: 0x1a, model: 0x02, stepping: 0x01 },
};

/** ABI 1.55; bit 16 SMT allowed, bit 17 always one: what cloud providers launch. */
const usualPolicy = 0x3_0137n;
/** SMT, ECC, alias check complete. */
const usualPlatformInfo = 0x25n;
const usualFirmware: FirmwareVersion = { major: 1, minor: 55, build: 40 };

/** What a well-kept machine of `product` would report, around the fields that identify it. */
export function usualFields(
  product: SnpProduct,
  chip: { readonly chipId: Uint8Array; readonly tcb: Tcb; readonly vlek: boolean },
): ReportFields {
  const version = product === 'Turin' ? 5 : 3;
  const mitigations = version >= 5 ? 0x3fn : 0n;
  return {
    version,
    guestSvn: 1,
    policy: usualPolicy,
    familyId: new Uint8Array(16),
    imageId: new Uint8Array(16),
    vmpl: 0,
    signatureAlgorithm: 1,
    currentTcb: chip.tcb,
    platformInfo: usualPlatformInfo,
    authorKeyEnabled: false,
    chipKeyMasked: false,
    signingKey: chip.vlek ? signingKeys.vlek : signingKeys.vcek,
    reportData: new Uint8Array(64),
    measurement: new Uint8Array(48),
    hostData: new Uint8Array(32),
    idKeyDigest: new Uint8Array(48),
    authorKeyDigest: new Uint8Array(48),
    reportId: new Uint8Array(32),
    reportIdMa: new Uint8Array(32).fill(0xff),
    reportedTcb: chip.tcb,
    cpuid: simulatedCpuids[product],
    chipId: chip.chipId,
    committedTcb: chip.tcb,
    currentVersion: usualFirmware,
    committedVersion: usualFirmware,
    launchTcb: chip.tcb,
    launchMitVector: mitigations,
    currentMitVector: mitigations,
  };
}

/** The report's bytes with an empty signature. CPUID is written from version 3 on, mitigations from version 5 on. */
export function encodeReport(fields: ReportFields, product: SnpProduct): Bytes {
  const bytes = new Uint8Array(snpReportBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0x000, fields.version, true);
  view.setUint32(0x004, fields.guestSvn, true);
  view.setBigUint64(0x008, fields.policy, true);
  view.setUint32(0x030, fields.vmpl, true);
  view.setUint32(0x034, fields.signatureAlgorithm, true);
  view.setBigUint64(0x040, fields.platformInfo, true);
  view.setUint32(
    0x048,
    Number(fields.authorKeyEnabled) | (Number(fields.chipKeyMasked) << 1) | (fields.signingKey << 2),
    true,
  );
  for (const [offset, value] of blocksOf(fields, product)) bytes.set(value, offset);
  if (fields.version >= 3) bytes.set([fields.cpuid.family, fields.cpuid.model, fields.cpuid.stepping], 0x188);
  if (fields.version >= 5) {
    view.setBigUint64(0x1f8, fields.launchMitVector, true);
    view.setBigUint64(0x200, fields.currentMitVector, true);
  }
  return bytes;
}

function blocksOf(fields: ReportFields, product: SnpProduct): readonly (readonly [number, Uint8Array])[] {
  return [
    [0x010, fields.familyId],
    [0x020, fields.imageId],
    [0x038, encodeTcb(fields.currentTcb, product)],
    [0x050, fields.reportData],
    [0x090, fields.measurement],
    [0x0c0, fields.hostData],
    [0x0e0, fields.idKeyDigest],
    [0x110, fields.authorKeyDigest],
    [0x140, fields.reportId],
    [0x160, fields.reportIdMa],
    [0x180, encodeTcb(fields.reportedTcb, product)],
    [0x1a0, fields.chipId],
    [0x1e0, encodeTcb(fields.committedTcb, product)],
    [0x1e8, encodeVersion(fields.currentVersion)],
    [0x1ec, encodeVersion(fields.committedVersion)],
    [0x1f0, encodeTcb(fields.launchTcb, product)],
  ];
}

function encodeTcb(tcb: Tcb, product: SnpProduct): Bytes {
  const bytes = new Uint8Array(8);
  const order = tcbOrder(product);
  for (const component of tcbComponents) {
    const position = order[component];
    if (position !== undefined) bytes[position] = tcb[component] ?? 0;
  }
  return bytes;
}

function encodeVersion({ build, minor, major }: FirmwareVersion): Bytes {
  return Uint8Array.of(build, minor, major);
}

/** Puts r ‖ s (48 big-endian bytes each) where the format has them, little-endian in 72 bytes each. */
export function placeSignature(report: Bytes, signature: Uint8Array): void {
  report.set(signature.subarray(0, 48).toReversed(), snpSignedBytes);
  report.set(signature.subarray(48, 96).toReversed(), snpSignedBytes + 72);
}
