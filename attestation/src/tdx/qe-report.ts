// The report of the quoting enclave, which the platform's certified key (PCK) signs: an SGX REPORT body of 384 bytes (Intel SDM, volume 3D, REPORT).
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';

export const qeReportBytes = 384;

export interface QeReport {
  readonly cpuSvn: Bytes;
  readonly miscSelect: Bytes;
  readonly attributes: Bytes;
  readonly mrEnclave: Bytes;
  readonly mrSigner: Bytes;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Bytes;
  /** The whole, as signed. */
  readonly bytes: Bytes;
}

/** Offset and length of what must be zero. */
const reserved: readonly (readonly [number, number])[] = [
  [20, 12],
  [96, 32],
  [160, 32],
  [262, 42],
];

/** @param bytes exactly 384. @throws WardroundError `tdx-quote-reserved` */
export function readQeReport(bytes: Bytes): QeReport {
  for (const [offset, length] of reserved) {
    if (bytes.subarray(offset, offset + length).every((byte) => byte === 0)) continue;
    throw new WardroundError('tdx-quote-reserved', 'a reserved byte is not zero', {
      where: `the quoting enclave's report, from ${offset}`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const take = (offset: number, length: number): Bytes => bytes.slice(offset, offset + length);
  return {
    cpuSvn: take(0, 16),
    miscSelect: take(16, 4),
    attributes: take(48, 16),
    mrEnclave: take(64, 32),
    mrSigner: take(128, 32),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    reportData: take(320, 64),
    bytes,
  };
}
