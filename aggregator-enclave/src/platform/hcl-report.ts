// What the enclave needs to know of the report that Azure's paravisor (HCL) keeps in the vTPM: is it there, for which hardware, over which user
// data. Layout: Microsoft, "Guest attestation for confidential virtual machines", "Attestation report". Sites take it apart and believe none of it.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';

const offsets = { hardware: 0x20, type: 0x4c8, jsonLength: 0x4d0, json: 0x4d4 } as const;
const types = { sevSnp: 2, tdx: 4 } as const;
/** TDREPORT_STRUCT; the SNP report has 1184. */
const tdReportBytes = 1_024;
const measurementBytes = 48;
/** SNP: MEASUREMENT @0x90. TDREPORT: TDINFO @512, MRTD @16 in it (Intel TDX Module ABI, TDREPORT_STRUCT). */
const measurementAt = { sevSnp: 0x90, tdx: 512 + 16 } as const;

export type HclHardware = keyof typeof types;

export interface HclReport {
  readonly bytes: Bytes;
  /** TDX: what Azure's quoting service turns into a quote. */
  readonly tdReport: Bytes;
  /** Hex, 48 bytes, of the paravisor. */
  readonly measurement: string;
  /** Lower-case hex, or null where there is none. */
  readonly userData: string | null;
}

/** @throws WardroundError `hcl-report-malformed`, `hcl-report-hardware` */
export function readHclReport(bytes: Bytes, hardware: HclHardware): HclReport {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < offsets.json || new TextDecoder('latin1').decode(bytes.subarray(0, 4)) !== 'HCLA') {
    throw malformed('a report that begins with HCLA', `${bytes.byteLength} bytes`);
  }
  const type = view.getUint32(offsets.type, true);
  if (type !== types[hardware]) {
    throw new WardroundError('hcl-report-hardware', 'the paravisor runs on other hardware', {
      expected: `type ${types[hardware]}, for the platform.kind that is configured`,
      got: `type ${type}`,
      action: 'stop',
    });
  }
  const length = view.getUint32(offsets.jsonLength, true);
  if (length > bytes.byteLength - offsets.json) throw malformed('runtime data within the report', `${length} bytes`);
  const at = offsets.hardware + measurementAt[hardware];
  return {
    bytes,
    tdReport: copyBytes(bytes.subarray(offsets.hardware, offsets.hardware + tdReportBytes)),
    measurement: toHex(bytes.subarray(at, at + measurementBytes)),
    userData: userDataOf(bytes.subarray(offsets.json, offsets.json + length)),
  };
}

function userDataOf(json: Uint8Array): string | null {
  const value: unknown = readJson(json);
  if (typeof value !== 'object' || value === null || !('user-data' in value)) return null;
  const { 'user-data': data } = value;
  return typeof data === 'string' ? data.toLowerCase() : null;
}

function readJson(json: Uint8Array): unknown {
  try {
    return parseLimitedJson(json);
  } catch (cause) {
    throw malformed('runtime data in JSON', cause instanceof Error ? cause.message : 'something else');
  }
}

function malformed(expected: string, got: string): WardroundError {
  return new WardroundError('hcl-report-malformed', 'the paravisor’s report cannot be read', {
    where: 'NV index 0x01400001',
    expected,
    got,
    action: 'stop',
  });
}
