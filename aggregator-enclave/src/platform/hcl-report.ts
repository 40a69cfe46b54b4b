// What the enclave needs to know of the report that Azure's paravisor (HCL) keeps in the vTPM: is it of the hardware that is configured, and made
// for what was asked. Sites appraise it.
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { parseHclClaims } from '@wardround/attestation/azure/claims';
import { type HclPlatform, parseHclReport } from '@wardround/attestation/azure/hcl-report';

/** SNP: MEASUREMENT. TDREPORT_STRUCT: TDINFO @512, in it MRTD @16 (Intel TDX Module ABI). */
const measurementAt = { snp: 0x90, tdx: 512 + 16 } as const;
const measurementBytes = 48;

export interface ParavisorReport {
  readonly bytes: Bytes;
  /** TDX: the TDREPORT, which Azure's quoting service turns into a quote. */
  readonly hardwareReport: Bytes;
  /** Hex, 48 bytes, of the paravisor. */
  readonly measurement: string;
  /** Lower-case hex; empty where there is none. */
  readonly userData: string;
}

/** @throws WardroundError `hcl-hardware-other`, those of `parseHclReport` and `parseHclClaims` */
export function readParavisorReport(bytes: Bytes, expected: HclPlatform): ParavisorReport {
  const { platform, hardwareReport, claims } = parseHclReport(bytes);
  if (platform !== expected) {
    throw new WardroundError('hcl-hardware-other', 'the paravisor runs on other hardware than is configured', {
      where: 'platform.kind',
      expected,
      got: platform,
      action: 'stop',
    });
  }
  const at = measurementAt[platform];
  const measurement = toHex(hardwareReport.subarray(at, at + measurementBytes));
  return { bytes, hardwareReport, measurement, userData: parseHclClaims(claims).userData ?? '' };
}
