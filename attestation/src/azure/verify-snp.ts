// VERIFY an Azure confidential VM on SEV-SNP: chip → report → paravisor's claims → vTPM key → quote. One verb a line.
import { WardroundError } from '@wardround/protocol/errors';
import { requireInstant } from '../clock.ts';
import type { TrustedRoot } from '../roots.ts';
import { withAmdChain } from '../snp/amd-certificates.ts';
import type { SnpAppraisal } from '../snp/verify.ts';
import { snpAuthenticitySteps, verifySnp } from '../snp/verify.ts';
import type { Outcome, StepLog } from '../steps.ts';
import { allOk, failedSteps, need } from '../steps.ts';
import type { TpmAppraisal } from '../tpm/verify.ts';
import { tpmAuthenticitySteps, tpmSteps } from '../tpm/verify.ts';
import type { HclReport } from './hcl-report.ts';
import { parseHclReport, requireClaimsBound } from './hcl-report.ts';
import type { HclAppraisal, VtpmQuote } from './verify-hcl.ts';
import { hclSteps, verifyHclClaims, verifyVtpm } from './verify-hcl.ts';

export interface AzureSnpEvidence {
  readonly hclReport: Uint8Array;
  readonly quote: VtpmQuote | undefined;
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly at: Date;
  readonly roots: readonly TrustedRoot[];
}

export interface AzureSnpAppraisal extends HclAppraisal {
  readonly authentic: boolean;
  readonly hcl: Outcome<HclReport>;
  readonly snp: SnpAppraisal;
  readonly tpm: TpmAppraisal | null;
}

/** Every step of `verifyAzureSnp` where a quote is given, in order. */
export const azureSnpSteps: readonly string[] = [
  'hcl-format',
  ...snpAuthenticitySteps,
  'revocation',
  ...hclSteps,
  ...tpmSteps,
];

/**
 * Makes every step in `log`. Never throws for what the evidence holds: each refusal is a step.
 * @throws WardroundError `clock-invalid`
 */
export function verifyAzureSnp(evidence: AzureSnpEvidence, log: StepLog): AzureSnpAppraisal {
  const at = requireInstant(evidence.at);
  const before = log.steps.length;
  const { crls, roots } = evidence;
  const certificates = withAmdChain(evidence.certificates);
  const hcl = log.run('hcl-format', () => requireSnp(parseHclReport(evidence.hclReport)));
  const snp = hcl.held
    ? verifySnp({ report: hcl.value.hardwareReport, certificates, crls, at, roots }, log)
    : withoutReport(hcl, log);
  const bind = (report: HclReport): void => requireClaimsBound(report, need(snp.report).reportData);
  const hardware = snp.authentic
    ? ({ name: 'signature', held: true, value: undefined } as const)
    : ({ name: 'hardware report', held: false } as const);
  const { claims, key } = verifyHclClaims({ hcl, bind, hardware }, log);
  const tpm = verifyVtpm(evidence.quote, { key, at }, log);
  const steps = log.steps.slice(before);
  const required = ['hcl-format', ...snpAuthenticitySteps, ...hclSteps, ...(tpm === null ? [] : tpmAuthenticitySteps)];
  const authentic = allOk(steps, required) && failedSteps(steps).length === 0;
  return { authentic, hcl, snp, claims, key, tpm };
}

function withoutReport(hcl: Outcome<HclReport> & { readonly held: false }, log: StepLog): SnpAppraisal {
  for (const step of [...snpAuthenticitySteps, 'revocation']) log.run(step, () => need(hcl));
  return { authentic: false, report: hcl, leaf: hcl, chain: hcl, product: hcl, revocation: hcl };
}

function requireSnp(hcl: HclReport): HclReport {
  if (hcl.platform === 'snp') return hcl;
  throw new WardroundError('hcl-platform', 'the paravisor’s report is of another platform', {
    expected: 'snp',
    got: hcl.platform,
  });
}
