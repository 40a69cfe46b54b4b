// The TDREPORT in an HCL report (Intel TDX Module specification, TDREPORT_STRUCT). Its MAC can be checked on its own machine alone: the TD quote
// is what vouches for it, so the two must say the same.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, sha384 } from '@wardround/protocol/bytes';
import type { TdxQuote } from '../tdx/quote.ts';
import type { HclReport } from './hcl-report.ts';
import { requireClaimsBound, tdReportBytes } from './hcl-report.ts';

const tdxType = 0x81;
/** Half-open ranges. */
const layout = {
  teeTcbInfoHash: [32, 80],
  tdInfoHash: [80, 128],
  reportData: [128, 192],
  teeTcbInfo: [256, 495],
  tdInfo: [512, 1024],
} as const;
const reserved: readonly (readonly [number, number])[] = [
  [1, 16],
  [192, 224],
  [495, 512],
];

/**
 * A TDREPORT of a TD and of these claims, whose parts are the ones that its MAC structure hashes.
 * @throws WardroundError `hcl-td-report`, `hcl-binding`
 */
export function requireTdReport(hcl: HclReport): void {
  const { hardwareReport: report } = hcl;
  if (report.byteLength !== tdReportBytes || report[0] !== tdxType) throw refuse('not a TDREPORT of a TD');
  if (reserved.some(([start, end]) => report.subarray(start, end).some((byte) => byte !== 0)))
    throw refuse('a reserved byte that is not zero');
  for (const [hash, part] of [
    ['teeTcbInfoHash', 'teeTcbInfo'],
    ['tdInfoHash', 'tdInfo'],
  ] as const) {
    if (!equalBytes(sha384(slice(report, layout[part])), slice(report, layout[hash])))
      throw refuse(`${part} is not what its hash says`);
  }
  requireClaimsBound(hcl, slice(report, layout.reportData));
}

/** Where each begins: in the TDREPORT, in the body of the quote, and how long it is. */
const shared: readonly (readonly [number, number, number])[] = [
  // TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES
  [264, 0, 120],
  // TDATTRIBUTES, XFAM, MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0 to RTMR3
  [512, 120, 400],
];

/** The quote was made from this TDREPORT. @throws WardroundError `hcl-td-report` */
export function requireQuoteOf({ hardwareReport }: HclReport, { signed, version }: TdxQuote): void {
  const bodyAt = version === 4 ? 48 : 54;
  for (const [inReport, inBody, length] of shared) {
    const said = hardwareReport.subarray(inReport, inReport + length);
    const quoted = signed.subarray(bodyAt + inBody, bodyAt + inBody + length);
    if (!equalBytes(said, quoted)) throw refuse('the TD quote is of another TDREPORT');
  }
}

function slice(report: Bytes, [start, end]: readonly [number, number]): Bytes {
  return report.slice(start, end);
}

function refuse(got: string): WardroundError {
  return new WardroundError('hcl-td-report', 'the TDREPORT in the HCL report cannot be accepted', { got });
}
