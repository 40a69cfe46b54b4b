// The SEV-SNP attestation report: 1184 little-endian bytes (AMD 56860, ATTESTATION_REPORT), taken apart without believing any of it.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import type { Cpuid } from './product.ts';

export const snpReportBytes = 0x4a0;
/** What the chip signs: everything before the signature. */
export const snpSignedBytes = 0x2a0;

export const signingKeys = { vcek: 0, vlek: 1, none: 7 } as const;

export interface FirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

export interface SnpReport {
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  readonly familyId: Bytes;
  readonly imageId: Bytes;
  /** 0 to 3 for a guest's own request; 0xffffffff when the host asked. */
  readonly vmpl: number;
  readonly platformInfo: bigint;
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  /** 0 VCEK, 1 VLEK, 7 none; anything else is reserved. */
  readonly signingKey: number;
  readonly reportData: Bytes;
  readonly measurement: Bytes;
  readonly hostData: Bytes;
  readonly idKeyDigest: Bytes;
  readonly authorKeyDigest: Bytes;
  readonly reportId: Bytes;
  readonly reportIdMa: Bytes;
  /** The four TCB versions, each eight bytes whose order depends on the product. */
  readonly tcb: {
    readonly current: Bytes;
    readonly reported: Bytes;
    readonly committed: Bytes;
    readonly launch: Bytes;
  };
  /** From version 3 on. */
  readonly cpuid: Cpuid | undefined;
  readonly chipId: Bytes;
  readonly currentVersion: FirmwareVersion;
  readonly committedVersion: FirmwareVersion;
  /** From version 5 on, 0 before. */
  readonly launchMitVector: bigint;
  readonly currentMitVector: bigint;
  readonly signed: Bytes;
  /** r ‖ s, 48 big-endian bytes each (IEEE P1363). */
  readonly signature: Bytes;
}

/**
 * Takes a report apart. Refuses any other size, versions other than 2 to 5, a signature algorithm other than ECDSA P-384 with
 * SHA-384, and a non-zero byte wherever the format says zero: the unsigned padding included.
 * @throws WardroundError `snp-report-size`, `snp-report-version`, `snp-report-algorithm`, `snp-report-reserved`
 */
export function parseSnpReport(input: Uint8Array): SnpReport {
  if (input.byteLength !== snpReportBytes) {
    throw new WardroundError('snp-report-size', 'not the size of an SEV-SNP report', {
      expected: `${snpReportBytes} bytes`,
      got: `${input.byteLength} bytes`,
    });
  }
  const bytes = copyBytes(input);
  const view = new DataView(bytes.buffer);
  const version = view.getUint32(0, true);
  if (version < 2 || version > 5) {
    throw new WardroundError('snp-report-version', 'a report version that is not known', {
      expected: '2 to 5',
      got: String(version),
    });
  }
  requireAlgorithm(view.getUint32(0x034, true));
  requireReservedZero(bytes, version);
  requirePolicyBits(view.getBigUint64(0x008, true));
  return readFields(bytes, view, version);
}

function readFields(bytes: Bytes, view: DataView, version: number): SnpReport {
  const take = (offset: number, length: number): Bytes => bytes.slice(offset, offset + length);
  const flags = view.getUint32(0x048, true);
  return {
    version,
    guestSvn: view.getUint32(0x004, true),
    policy: view.getBigUint64(0x008, true),
    familyId: take(0x010, 16),
    imageId: take(0x020, 16),
    vmpl: view.getUint32(0x030, true),
    platformInfo: view.getBigUint64(0x040, true),
    authorKeyEnabled: (flags & 0b1) !== 0,
    chipKeyMasked: (flags & 0b10) !== 0,
    signingKey: (flags >>> 2) & 0b111,
    reportData: take(0x050, 64),
    measurement: take(0x090, 48),
    hostData: take(0x0c0, 32),
    idKeyDigest: take(0x0e0, 48),
    authorKeyDigest: take(0x110, 48),
    reportId: take(0x140, 32),
    reportIdMa: take(0x160, 32),
    tcb: { current: take(0x038, 8), reported: take(0x180, 8), committed: take(0x1e0, 8), launch: take(0x1f0, 8) },
    cpuid:
      version < 3
        ? undefined
        : { family: view.getUint8(0x188), model: view.getUint8(0x189), stepping: view.getUint8(0x18a) },
    chipId: take(0x1a0, 64),
    currentVersion: readVersion(view, 0x1e8),
    committedVersion: readVersion(view, 0x1ec),
    launchMitVector: view.getBigUint64(0x1f8, true),
    currentMitVector: view.getBigUint64(0x200, true),
    signed: take(0, snpSignedBytes),
    signature: readSignature(bytes),
  };
}

function readVersion(view: DataView, offset: number): FirmwareVersion {
  return { build: view.getUint8(offset), minor: view.getUint8(offset + 1), major: view.getUint8(offset + 2) };
}

/** r and s are 72 little-endian bytes of which 48 carry the number; the rest was already required to be zero. */
function readSignature(bytes: Bytes): Bytes {
  const signature = new Uint8Array(96);
  signature.set(bytes.subarray(0x2a0, 0x2d0).toReversed(), 0);
  signature.set(bytes.subarray(0x2e8, 0x318).toReversed(), 48);
  return signature;
}

function requireAlgorithm(algorithm: number): void {
  if (algorithm === 1) return;
  throw new WardroundError('snp-report-algorithm', 'a signature algorithm that is not known', {
    expected: '1 (ECDSA P-384 with SHA-384)',
    got: String(algorithm),
  });
}

/** Half-open ranges that must be zero in every version. */
const reservedAlways: readonly (readonly [number, number])[] = [
  [0x04c, 0x050],
  [0x18b, 0x1a0],
  [0x1eb, 0x1ec],
  [0x1ef, 0x1f0],
  [0x208, 0x2a0],
  [0x2d0, 0x2e8],
  [0x318, 0x4a0],
];
const cpuidRange = [0x188, 0x18b] as const;
const mitigationRange = [0x1f8, 0x208] as const;

function requireReservedZero(bytes: Bytes, version: number): void {
  const ranges = [...reservedAlways];
  if (version < 3) ranges.push(cpuidRange);
  if (version < 5) ranges.push(mitigationRange);
  for (const [start, end] of ranges) {
    if (bytes.subarray(start, end).some((byte) => byte !== 0))
      throw reserved(start, toHex(bytes.subarray(start, Math.min(end, start + 16))));
  }
  const flagBytes = bytes.subarray(0x048, 0x04c);
  if (((flagBytes[0] ?? 0) & 0xe0) !== 0 || flagBytes.subarray(1).some((byte) => byte !== 0))
    throw reserved(0x048, toHex(flagBytes));
}

/** Bit 17 of the guest policy is always one, bits 26 and above always zero (AMD 56860, guest policy). */
function requirePolicyBits(policy: bigint): void {
  const wrong = ((policy >> 17n) & 1n) !== 1n || policy >> 26n !== 0n;
  if (wrong) throw reserved(0x008, `0x${policy.toString(16)}`);
}

function reserved(offset: number, got: string): WardroundError {
  return new WardroundError('snp-report-reserved', 'a reserved part of the report does not hold its fixed value', {
    where: `offset 0x${offset.toString(16)}`,
    got,
  });
}
