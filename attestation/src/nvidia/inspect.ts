// What a report says, in JSON, and whether it is authentic: for people and programs that only want to look.
import { toHex } from '@wardround/protocol/bytes';
import type { Step } from '../steps.ts';
import { NotEvaluated, StepLog, failedSteps } from '../steps.ts';
import type { NvidiaArchitecture, NvidiaKind } from './device.ts';
import { rimIds } from './device.ts';
import type { NrasReading } from './nras.ts';
import { requireAgreement } from './nras.ts';
import type { NvidiaReport } from './report.ts';
import type { RimInput } from './rim/verify.ts';
import type { NvidiaRoots } from './roots.ts';
import type { NvidiaAppraisal } from './verify.ts';
import { verifyNvidia } from './verify.ts';

export interface NvidiaMeasurement {
  /** Number of the SPDM block; a manifest's index i is block i + 1. */
  readonly index: number;
  /** 48 bytes, lower-case hex. */
  readonly value: string;
}

/** Bytes are lower-case hex. */
export interface NvidiaFields {
  readonly driverVersion: string | null;
  readonly vbiosVersion: string;
  /** Of the chain, where it holds; null otherwise, like the next four. */
  readonly hwModel: string | null;
  readonly ueid: string | null;
  readonly device: NvidiaKind | null;
  readonly architecture: NvidiaArchitecture | null;
  readonly rimIds: { readonly driver: string | null; readonly vbios: string } | null;
  readonly nonce: string;
  readonly measurements: readonly NvidiaMeasurement[];
  readonly fwid: string | null;
  readonly nvdec0: 'on' | 'off' | null;
  readonly protectedPcie: 'on' | 'off' | null;
  readonly featureFlag: number | null;
  readonly switchPdis: readonly string[];
  readonly switchGpuPdis: readonly string[];
  /** Every field of the opaque data, in order. */
  readonly opaque: readonly { readonly type: number; readonly name: string; readonly value: string }[];
  readonly unknownOpaqueTypes: readonly number[];
}

export interface NvidiaInspection {
  readonly kind: 'nvidia';
  readonly authentic: boolean;
  /** True when a chain ends in a simulated root: then the report proves nothing about hardware. */
  readonly simulated: boolean;
  readonly steps: readonly Step[];
  /** Of the first device; null when the bytes are no report. */
  readonly fields: NvidiaFields | null;
  /** Of every device, where there are several. */
  readonly devices?: readonly (NvidiaFields | null)[];
}

export interface PresentedDevice {
  readonly kind?: NvidiaKind;
  readonly report: Uint8Array;
  readonly certificates: readonly Uint8Array[];
}

export interface NvidiaInspectionInput {
  readonly devices: readonly PresentedDevice[];
  readonly rims: readonly RimInput[];
  readonly ocsp: readonly Uint8Array[];
  /** 64 hex digits. */
  readonly nonce?: string;
  readonly at: Date;
  readonly trustedRoots: NvidiaRoots;
  /** What NVIDIA's attestation service says of the same devices; undefined where nobody asked, empty where it cannot be judged. */
  readonly secondOpinions?: readonly NrasReading[];
}

/**
 * Judges authenticity alone, at `at`: of one device, or of several whose steps are then called `device-0/…` and so on. Whether the
 * devices and their versions are wanted is a policy's business. Never throws for what the evidence holds.
 */
export function inspectNvidia(input: NvidiaInspectionInput): NvidiaInspection {
  const { devices, trustedRoots, secondOpinions, ...shared } = input;
  const log = new StepLog();
  const appraisals = devices.map((device, index) =>
    verifyNvidia(
      { ...shared, ...device, rimValidity: 'now', roots: trustedRoots },
      devices.length === 1 ? log : log.within(`device-${index}`),
    ),
  );
  if (secondOpinions !== undefined) log.run('second-opinion', () => requireGivenAgreement(secondOpinions, appraisals));
  const isDisputed = failedSteps(log.steps).some(({ name }) => name === 'second-opinion');
  const fields = appraisals.map(describeNvidia);
  return {
    kind: 'nvidia',
    authentic: appraisals.length > 0 && appraisals.every(({ authentic }) => authentic) && !isDisputed,
    simulated: appraisals.some(isSimulated),
    steps: log.steps,
    fields: fields[0] ?? null,
    ...(devices.length === 1 ? {} : { devices: fields }),
  };
}

/** What was not given is not judged. */
function requireGivenAgreement(readings: readonly NrasReading[], appraisals: readonly NvidiaAppraisal[]): void {
  if (readings.length === 0) throw new NotEvaluated('the service’s answer and its keys are needed together');
  requireAgreement(readings, appraisals);
}

/** Whether any chain of the appraisal ends in a simulated root. */
export function isSimulated({ chain, driver, vbios }: NvidiaAppraisal): boolean {
  return [chain, driver?.chain, vbios.chain].some(
    (each) => each?.held === true && each.value.trust.kind === 'simulated',
  );
}

export function describeNvidia(appraisal: NvidiaAppraisal): NvidiaFields | null {
  const { report } = appraisal;
  if (!report.held) return null;
  const device = appraisal.device.held ? appraisal.device.value : undefined;
  const ids = device === undefined ? undefined : rimIds(device, report.value);
  return {
    ...describeReport(report.value),
    hwModel: device?.hwModel ?? null,
    ueid: device?.ueid ?? null,
    device: device?.kind ?? null,
    architecture: device?.architecture ?? null,
    rimIds: ids === undefined ? null : { driver: ids.driver ?? null, vbios: ids.vbios },
  };
}

function describeReport({
  nonce,
  measurements,
  opaque,
}: NvidiaReport): Omit<NvidiaFields, 'hwModel' | 'ueid' | 'device' | 'architecture' | 'rimIds'> {
  return {
    driverVersion: opaque.driverVersion ?? null,
    vbiosVersion: opaque.vbiosVersion,
    nonce,
    measurements: measurements.map((value, index) => ({ index: index + 1, value })),
    fwid: opaque.fwid === undefined ? null : toHex(opaque.fwid),
    nvdec0: opaque.nvdec0 ?? null,
    protectedPcie: opaque.protectedPcie ?? null,
    featureFlag: opaque.featureFlag ?? null,
    switchPdis: opaque.switchPdis,
    switchGpuPdis: opaque.switchGpuPdis,
    opaque: opaque.fields.map(({ type, name, value }) => ({ type, name, value: toHex(value) })),
    unknownOpaqueTypes: opaque.unknown,
  };
}
