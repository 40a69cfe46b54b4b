// Azure's paravisor (HCL) report, NV index 0x01400001: a hardware report, and the runtime claims that its REPORT_DATA is the hash of. Little-endian.
// Source: Microsoft, "Confidential VM guest attestation design" (learn.microsoft.com/azure/confidential-computing), and OpenHCL's `igvm_attest`.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, sha256, sha384, sha512, toHex } from '@wardround/protocol/bytes';
import { ByteReader } from '../byte-reader.ts';
import { snpReportBytes } from '../snp/report.ts';

export type HclPlatform = 'snp' | 'tdx';

export interface HclReport {
  readonly version: number;
  readonly platform: HclPlatform;
  /** SNP: the report. TDX: the TDREPORT that the TD quote was made from; its MAC means nothing outside its machine. */
  readonly hardwareReport: Bytes;
  readonly hash: HclHash;
  /** The claims' exact bytes, as they were hashed. */
  readonly claims: Bytes;
}

export type HclHash = 'sha256' | 'sha384' | 'sha512';

export const tdReportBytes = 1_024;
const headerBytes = 32;
const requestHeaderBytes = 20;
const maxBytes = 8_192;
const fixedBytes = headerBytes + snpReportBytes + requestHeaderBytes;
const signature = 'HCLA';
const attestationRequest = 2;

const platforms: ReadonlyMap<number, HclPlatform> = new Map([
  [2, 'snp'],
  [4, 'tdx'],
]);
const hashes: ReadonlyMap<number, HclHash> = new Map([
  [1, 'sha256'],
  [2, 'sha384'],
  [3, 'sha512'],
]);

/**
 * Takes a report apart: sizes must agree with each other, and what is reserved or behind the claims must be zero (the NV index is larger
 * than what it holds).
 * @throws WardroundError `hcl-malformed`, `hcl-version`, `hcl-platform`
 */
export function parseHclReport(input: Uint8Array): HclReport {
  if (input.byteLength > maxBytes) throw malformed(`${input.byteLength} bytes`, 0);
  const reader = new ByteReader(input, { littleEndian: true, refuse: malformed });
  const { version, size } = readHeader(reader);
  const slot = reader.bytes(snpReportBytes, 'hardware report');
  const dataSize = reader.u32('size of the request data');
  const requestVersion = reader.u32('version of the request data');
  const platform = platforms.get(reader.u32('type of the report'));
  const hash = hashes.get(reader.u32('type of the hash'));
  const claimBytes = reader.u32('size of the claims');
  if (requestVersion !== 1) throw versionError(`request data ${requestVersion}`);
  if (platform === undefined)
    throw new WardroundError('hcl-platform', 'neither SEV-SNP nor TDX', { expected: 'report type 2 or 4' });
  if (hash === undefined) throw reader.refuse('a hash that is not known');
  const claims = reader.bytes(claimBytes, 'claims');
  if (dataSize !== claimBytes + requestHeaderBytes) throw reader.refuse(`request data of ${dataSize} bytes`);
  if (size !== fixedBytes + claimBytes) throw reader.refuse(`a report of ${size} bytes`);
  if (!reader.restIs(0)) throw reader.refuse('something behind the claims');
  return { version, platform, hardwareReport: hardwareReport(slot, platform), hash, claims };
}

function readHeader(reader: ByteReader): { version: number; size: number } {
  const magic = Buffer.from(reader.bytes(4, 'signature')).toString('latin1');
  if (magic !== signature) throw reader.refuse('no HCL report');
  const version = reader.u32('version');
  if (version !== 1 && version !== 2) throw versionError(`header ${version}`);
  const size = reader.u32('size');
  const request = reader.u32('type of the request');
  const status = reader.u32('status');
  const reserved = reader.bytes(12, 'reserved');
  if (request !== attestationRequest) throw reader.refuse(`request ${request}`);
  if (status !== 0) throw reader.refuse(`status ${status}: the paravisor could not make a report`);
  if (reserved.some((byte) => byte !== 0)) throw reader.refuse('a reserved byte that is not zero');
  return { version, size };
}

function hardwareReport(slot: Bytes, platform: HclPlatform): Bytes {
  if (platform === 'snp') return slot;
  if (slot.subarray(tdReportBytes).some((byte) => byte !== 0)) throw malformed('something behind the TDREPORT', 0);
  return slot.slice(0, tdReportBytes);
}

/**
 * The hardware's REPORT_DATA is the hash of the claims, and zero behind it.
 * @throws WardroundError `hcl-binding`
 */
export function requireClaimsBound({ hash, claims }: HclReport, reportData: Bytes): void {
  const expected = new Uint8Array(64);
  expected.set(hashOf(hash, claims));
  if (equalBytes(expected, reportData)) return;
  throw new WardroundError('hcl-binding', 'the hardware does not vouch for these runtime claims', {
    expected: toHex(expected),
    got: toHex(reportData),
    action: 'stop',
  });
}

function hashOf(hash: HclHash, bytes: Bytes): Bytes {
  switch (hash) {
    case 'sha256':
      return sha256(bytes);
    case 'sha384':
      return sha384(bytes);
    case 'sha512':
      return sha512(bytes);
  }
}

function versionError(got: string): WardroundError {
  return new WardroundError('hcl-version', 'a version that is not known', {
    expected: 'header 1 or 2, request data 1',
    got,
  });
}

function malformed(problem: string, offset: number): WardroundError {
  return new WardroundError('hcl-malformed', 'the HCL report cannot be read', {
    got: problem,
    where: `offset ${offset}`,
  });
}
