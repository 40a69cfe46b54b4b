// VERIFY: is this report signed by a genuine NVIDIA device, for our nonce, and does it run what NVIDIA's manifests say? Whether we want
// that device and those versions is judged in `validate`.
import { verify } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import type { Certificate } from '../x509/certificate.ts';
import type { OcspResponse } from '../x509/ocsp.ts';
import { parseOcspResponse } from '../x509/ocsp.ts';
import { requireInstant } from '../clock.ts';
import type { Outcome, StepLog } from '../steps.ts';
import { NotEvaluated, allOk, failedSteps, need } from '../steps.ts';
import type { NvidiaChain } from './chain.ts';
import { parseNvidiaCertificates, requireValidAt, verifyDeviceChain } from './chain.ts';
import type { NvidiaDevice, NvidiaKind } from './device.ts';
import { readDevice, rimIds } from './device.ts';
import { requireFwid } from './fwid.ts';
import type { NvidiaReport } from './report.ts';
import { parseNvidiaReport } from './report.ts';
import type { ChainRevocation } from './revocation.ts';
import { requireAnyAbout, requireChainNotRevoked } from './revocation.ts';
import type { ManifestAppraisal } from './rim/appraise.ts';
import { appraiseManifest, chooseManifests } from './rim/appraise.ts';
import { requireDisjoint } from './rim/compare.ts';
import type { RimInput, RimValidity } from './rim/verify.ts';
import { openRim } from './rim/verify.ts';
import type { NvidiaRoots } from './roots.ts';

export interface NvidiaEvidence {
  /** What the evidence was presented as; left out where only the report can say. */
  readonly kind?: NvidiaKind;
  readonly report: Uint8Array;
  /** The device's chain, leaf first: one PEM with all, or each by itself, PEM or DER by content. */
  readonly certificates: readonly Uint8Array[];
  /** Reference manifests, also those of other devices of the same bundle. */
  readonly rims: readonly RimInput[];
  /** OCSP answers (DER), also those about other devices. */
  readonly ocsp: readonly Uint8Array[];
  /** The nonce that the device was asked with, 64 hex digits; left out by those who only look. */
  readonly nonce?: string;
  readonly at: Date;
  /** Whether a manifest's signer must be valid now, or when the mirror fetched it. */
  readonly rimValidity: RimValidity;
  readonly roots: NvidiaRoots;
}

/** What each step proved. `authentic` is the verdict; the rest is for those who judge what the report says. */
export interface NvidiaAppraisal {
  readonly authentic: boolean;
  readonly report: Outcome<NvidiaReport>;
  readonly chain: Outcome<NvidiaChain>;
  readonly device: Outcome<NvidiaDevice>;
  /** Hex. */
  readonly fwid: Outcome<string>;
  readonly nonce: Outcome<string>;
  readonly revocation: Outcome<ChainRevocation>;
  /** A switch has none. */
  readonly driver: ManifestAppraisal | undefined;
  readonly vbios: ManifestAppraisal;
  readonly disjoint: Outcome<void> | undefined;
}

/**
 * Every one of these must be `ok`, and none of the others may have failed. The others (`fwid`, `nonce`, `ocsp`, `revocation`, `rims`,
 * `driver-rim-…`, `vbios-rim-…`, `rim-overlap`) may be `not-evaluated`, which the policy then refuses.
 */
export const nvidiaAuthenticitySteps = [
  'report-format',
  'certificates',
  'chain',
  'validity',
  'device',
  'signature',
] as const;

/**
 * Makes every step of authenticity of one device in `log`. Never throws for what the evidence holds: each refusal is a step.
 * @throws WardroundError `clock-invalid`
 */
export function verifyNvidia(evidence: NvidiaEvidence, log: StepLog): NvidiaAppraisal {
  const at = requireInstant(evidence.at);
  const before = log.steps.length;
  const report = log.run('report-format', () => parseNvidiaReport(evidence.report));
  const certificates = log.run('certificates', () => parseNvidiaCertificates(evidence.certificates));
  const chain = log.run('chain', () => verifyDeviceChain(need(certificates), evidence.roots.device));
  log.run('validity', () => requireValidAt(need(chain), at));
  const device = log.run('device', () => readDevice(need(chain), need(report), evidence.kind));
  log.run('signature', () => requireReportSignature(need(report), firstOf(need(certificates))));
  const fwid = log.run('fwid', () => requireFwid(firstOf(need(certificates)), need(report).opaque.fwid));
  const nonce = log.run('nonce', () => requireNonce(need(report), evidence.nonce));
  const manifests = verifyManifests(evidence, { report, device }, log);
  const revocation = verifyRevocation(evidence, { chain, at, manifests }, log);
  const steps = log.steps.slice(before);
  const authentic = allOk(steps, nvidiaAuthenticitySteps) && failedSteps(steps).length === 0;
  return { authentic, report, chain, device, fwid, nonce, ...manifests, ...revocation };
}

type Manifests = Pick<NvidiaAppraisal, 'driver' | 'vbios' | 'disjoint'>;

function verifyManifests(
  evidence: NvidiaEvidence,
  { report, device }: Pick<NvidiaAppraisal, 'report' | 'device'>,
  log: StepLog,
): Manifests {
  const expected = device.held && report.held ? rimIds(device.value, report.value) : undefined;
  const chosen = log.run('rims', () => {
    if (evidence.rims.length === 0) throw new NotEvaluated('no reference manifest given');
    return chooseManifests(evidence.rims.map(openRim), { report: need(report), ids: expected, evidence });
  });
  const context = { chosen, report, device, evidence };
  const isSwitch = device.held && device.value.kind === 'switch';
  const driver = isSwitch
    ? undefined
    : appraiseManifest({ ...context, role: 'driver', expectedId: expected?.driver }, log);
  const vbios = appraiseManifest({ ...context, role: 'vbios', expectedId: expected?.vbios }, log);
  const disjoint =
    driver === undefined
      ? undefined
      : log.run('rim-overlap', () => requireDisjoint(need(driver.manifest), need(vbios.manifest)));
  return { driver, vbios, disjoint };
}

function verifyRevocation(
  { ocsp }: NvidiaEvidence,
  { chain, at, manifests }: { readonly chain: Outcome<NvidiaChain>; readonly at: Date; readonly manifests: Manifests },
  log: StepLog,
): Pick<NvidiaAppraisal, 'revocation' | 'driver' | 'vbios'> {
  const { driver, vbios } = manifests;
  const responses = log.run('ocsp', () => readResponses(ocsp));
  log.run('ocsp-answers', () => {
    const chains = [chain, driver?.chain, vbios.chain].flatMap((each) => (each?.held === true ? [each.value] : []));
    requireAnyAbout(chains, { responses: need(responses), at });
  });
  const revocation = log.run('revocation', () =>
    requireChainNotRevoked(need(chain), { responses: need(responses), at }, true),
  );
  const judge = (appraisal: ManifestAppraisal): ManifestAppraisal => ({
    ...appraisal,
    revocation: log.run(`${appraisal.role}-rim-revocation`, () =>
      requireChainNotRevoked(
        need(appraisal.chain),
        { responses: need(responses), at: need(appraisal.judgedAt) },
        false,
      ),
    ),
  });
  return { revocation, driver: driver === undefined ? undefined : judge(driver), vbios: judge(vbios) };
}

function readResponses(ocsp: readonly Uint8Array[]): readonly OcspResponse[] {
  if (ocsp.length === 0) throw new NotEvaluated('no OCSP answer given');
  return ocsp.map(parseOcspResponse);
}

function firstOf(certificates: readonly Certificate[]): Certificate {
  const [leaf] = certificates;
  if (leaf === undefined) throw new NotEvaluated('no certificate');
  return leaf;
}

/** NVIDIA's tools ask with one fixed nonce unless told otherwise: only the verifier's own proves that the report is fresh. */
function requireNonce({ nonce }: NvidiaReport, expected: string | undefined): string {
  if (expected === undefined) throw new NotEvaluated('no nonce given');
  if (nonce === expected) return nonce;
  throw new WardroundError('nvidia-nonce', 'the report answers another nonce', {
    expected,
    got: nonce,
    action: 'stop',
  });
}

/** The leaf's key signed all of the report that goes before the signature. @throws WardroundError `nvidia-signature` */
export function requireReportSignature(
  { signed, signature }: Pick<NvidiaReport, 'signed' | 'signature'>,
  { publicKey }: Pick<Certificate, 'publicKey'>,
): void {
  if (verify('sha384', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) return;
  throw new WardroundError('nvidia-signature', 'the signature over the report does not verify', { action: 'stop' });
}
