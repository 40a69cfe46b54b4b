// What a report says, in JSON, and whether it is authentic: for people and programs that only want to look.
import { toHex } from '@wardround/protocol/bytes';
import type { TrustedRoot } from '../roots.ts';
import type { Outcome, Step } from '../steps.ts';
import { StepLog } from '../steps.ts';
import type { SnpLeaf } from './leaf.ts';
import type { Cpuid, SnpProduct } from './product.ts';
import { productOfCpuid } from './product.ts';
import type { FirmwareVersion, SnpReport } from './report.ts';
import type { Tcb } from './tcb.ts';
import { decodeTcb } from './tcb.ts';
import type { SnpAppraisal } from './verify.ts';
import { verifySnp } from './verify.ts';

/** Every field of a report; bytes are lower-case hex, 64-bit integers `0x` hex. */
export interface SnpFields {
  readonly version: number;
  /** Null when neither the processor nor the certificate names one that is known. */
  readonly product: SnpProduct | null;
  readonly policy: string;
  readonly vmpl: number;
  readonly measurement: string;
  readonly reportData: string;
  readonly chipId: string;
  readonly reportedTcb: Tcb | null;
  readonly currentTcb: Tcb | null;
  readonly committedTcb: Tcb | null;
  readonly launchTcb: Tcb | null;
  readonly guestSvn: number;
  readonly familyId: string;
  readonly imageId: string;
  readonly platformInfo: string;
  readonly hostData: string;
  readonly idKeyDigest: string;
  readonly authorKeyDigest: string;
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly signingKey: number;
  readonly reportId: string;
  readonly reportIdMa: string;
  readonly cpuid: Cpuid | null;
  readonly currentVersion: FirmwareVersion;
  readonly committedVersion: FirmwareVersion;
  readonly launchMitVector: string;
  readonly currentMitVector: string;
  readonly certificate: SnpCertificateFields | null;
}

export interface SnpCertificateFields {
  readonly kind: 'VCEK' | 'VLEK';
  readonly product: SnpProduct;
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly tcb: Tcb;
  readonly hardwareId: string | null;
  readonly provider: string | null;
}

export interface SnpInspection {
  readonly kind: 'snp';
  readonly authentic: boolean;
  /** True when the chain ends in a simulated root: then the report proves nothing about hardware. */
  readonly simulated: boolean;
  readonly steps: readonly Step[];
  /** Null when the bytes are no report. */
  readonly fields: SnpFields | null;
}

export interface SnpInspectionInput {
  readonly report: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly at: Date;
  readonly trustedRoots: readonly TrustedRoot[];
}

/**
 * Judges authenticity alone, at `at`. Whether the machine, its firmware and the code are wanted is a policy's business.
 * Never throws for what the evidence holds.
 */
export function inspectSnp(input: SnpInspectionInput): SnpInspection {
  const log = new StepLog();
  const appraisal = verifySnp({ ...input, roots: input.trustedRoots }, log);
  return {
    kind: 'snp',
    authentic: appraisal.authentic,
    simulated: appraisal.chain.held && appraisal.chain.value.trust.kind === 'simulated',
    steps: log.steps,
    fields: describeSnp(appraisal),
  };
}

export function describeSnp({ report, leaf }: SnpAppraisal): SnpFields | null {
  if (!report.held) return null;
  const product = displayProduct(report.value, leaf);
  return { ...describeReport(report.value, product), certificate: leaf.held ? describeLeaf(leaf.value) : null };
}

/** For display only: the processor's own word, or else the certificate's. */
function displayProduct({ cpuid }: SnpReport, leaf: Outcome<SnpLeaf>): SnpProduct | null {
  if (cpuid === undefined) return leaf.held ? leaf.value.product : null;
  try {
    return productOfCpuid(cpuid);
  } catch {
    return null;
  }
}

function describeReport(report: SnpReport, product: SnpProduct | null): Omit<SnpFields, 'certificate'> {
  const tcb = (bytes: Uint8Array): Tcb | null => (product === null ? null : decodeTcb(bytes, product));
  return {
    version: report.version,
    product,
    policy: hex64(report.policy),
    vmpl: report.vmpl,
    measurement: toHex(report.measurement),
    reportData: toHex(report.reportData),
    chipId: toHex(report.chipId),
    reportedTcb: tcb(report.tcb.reported),
    currentTcb: tcb(report.tcb.current),
    committedTcb: tcb(report.tcb.committed),
    launchTcb: tcb(report.tcb.launch),
    guestSvn: report.guestSvn,
    familyId: toHex(report.familyId),
    imageId: toHex(report.imageId),
    platformInfo: hex64(report.platformInfo),
    hostData: toHex(report.hostData),
    idKeyDigest: toHex(report.idKeyDigest),
    authorKeyDigest: toHex(report.authorKeyDigest),
    authorKeyEnabled: report.authorKeyEnabled,
    chipKeyMasked: report.chipKeyMasked,
    signingKey: report.signingKey,
    reportId: toHex(report.reportId),
    reportIdMa: toHex(report.reportIdMa),
    cpuid: report.cpuid ?? null,
    currentVersion: report.currentVersion,
    committedVersion: report.committedVersion,
    launchMitVector: hex64(report.launchMitVector),
    currentMitVector: hex64(report.currentMitVector),
  };
}

function describeLeaf({ certificate, kind, product, tcb, hardwareId, provider }: SnpLeaf): SnpCertificateFields {
  return {
    kind,
    product,
    fingerprint: certificate.fingerprint,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    tcb,
    hardwareId: hardwareId === undefined ? null : toHex(hardwareId),
    provider: provider ?? null,
  };
}

function hex64(value: bigint): string {
  return `0x${value.toString(16)}`;
}
