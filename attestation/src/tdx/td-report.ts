// What a TD is, as the TDX module reported it: the body of a quote (Intel TDX DCAP Quoting Library API, "TD Quote Body").
import type { Bytes } from '@wardround/protocol/bytes';
import type { ByteReader } from '../byte-reader.ts';

/** Bytes of a body for TDX 1.0 and 1.5. */
export const tdBodyBytes = { 'TD 1.0': 584, 'TD 1.5': 648 } as const;
export type TdKind = keyof typeof tdBodyBytes;

export type FourRtmrs = readonly [Bytes, Bytes, Bytes, Bytes];

export interface TdReport {
  readonly kind: TdKind;
  /** [0] the module's ISVSVN, [1] its major version; then the platform's TDX components. */
  readonly teeTcbSvn: Bytes;
  readonly mrSeam: Bytes;
  /** All zero when Intel signed the module. */
  readonly mrSignerSeam: Bytes;
  readonly seamAttributes: Bytes;
  readonly tdAttributes: bigint;
  readonly xfam: bigint;
  readonly mrTd: Bytes;
  readonly mrConfigId: Bytes;
  readonly mrOwner: Bytes;
  readonly mrOwnerConfig: Bytes;
  readonly rtmrs: FourRtmrs;
  readonly reportData: Bytes;
  /** TD 1.5: the module's TCB now, where `teeTcbSvn` is that of when the TD was started. */
  readonly teeTcbSvn2: Bytes | undefined;
  /** TD 1.5: the service TDs bound to this one (migration); all zero for none. */
  readonly mrServiceTd: Bytes | undefined;
}

/** @throws WardroundError `tdx-quote-truncated` */
export function readTdReport(reader: ByteReader, kind: TdKind): TdReport {
  const take = (length: number): Bytes => reader.bytes(length, 'TD report');
  const fixed = {
    kind,
    teeTcbSvn: take(16),
    mrSeam: take(48),
    mrSignerSeam: take(48),
    seamAttributes: take(8),
    tdAttributes: littleEndian64(take(8)),
    xfam: littleEndian64(take(8)),
    mrTd: take(48),
    mrConfigId: take(48),
    mrOwner: take(48),
    mrOwnerConfig: take(48),
    rtmrs: [take(48), take(48), take(48), take(48)] as const,
    reportData: take(64),
  };
  return kind === 'TD 1.0'
    ? { ...fixed, teeTcbSvn2: undefined, mrServiceTd: undefined }
    : { ...fixed, teeTcbSvn2: take(16), mrServiceTd: take(48) };
}

function littleEndian64(bytes: Bytes): bigint {
  return new DataView(bytes.buffer).getBigUint64(0, true);
}
