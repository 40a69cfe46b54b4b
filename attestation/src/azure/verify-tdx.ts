// VERIFY an Azure confidential VM on TDX: platform → TD quote → paravisor's claims → vTPM key → quote. One verb a line.
import { WardroundError } from '@wardround/protocol/errors';
import { requireInstant } from '../clock.ts';
import type { Outcome, StepLog } from '../steps.ts';
import { NotEvaluated, allOk, failedSteps, need } from '../steps.ts';
import type { TdxCollateral } from '../tdx/collateral.ts';
import type { TdxQuote } from '../tdx/quote.ts';
import type { TdxRoot } from '../tdx/roots.ts';
import type { TdxAppraisal } from '../tdx/verify.ts';
import { tdxAuthenticitySteps, tdxCollateralSteps, tdxEventLogStep, verifyTdx } from '../tdx/verify.ts';
import type { TpmAppraisal } from '../tpm/verify.ts';
import { tpmAuthenticitySteps, tpmSteps } from '../tpm/verify.ts';
import type { HclReport } from './hcl-report.ts';
import { parseHclReport, requireClaimsBound } from './hcl-report.ts';
import { requireQuoteOf, requireTdReport } from './td-report.ts';
import type { HclAppraisal, VtpmQuote } from './verify-hcl.ts';
import { hclSteps, verifyHclClaims, verifyVtpm } from './verify-hcl.ts';

export interface AzureTdxEvidence {
  readonly hclReport: Uint8Array;
  /** Made by Azure's quoting service from the TDREPORT in the HCL report; undefined where nobody asked for one. */
  readonly tdQuote: Uint8Array | undefined;
  readonly quote: VtpmQuote | undefined;
  readonly collateral: TdxCollateral;
  readonly extraCrls: readonly Uint8Array[];
  readonly at: Date;
  readonly roots: readonly TdxRoot[];
}

export interface AzureTdxAppraisal extends HclAppraisal {
  readonly authentic: boolean;
  readonly hcl: Outcome<HclReport>;
  /** Null where no TD quote was given. */
  readonly tdx: TdxAppraisal | null;
  readonly tpm: TpmAppraisal | null;
}

const tdxSteps = [...tdxAuthenticitySteps, ...tdxCollateralSteps, tdxEventLogStep];

/** Every step of `verifyAzureTdx` where a quote is given, in order. */
export const azureTdxSteps: readonly string[] = ['hcl-format', 'td-report', ...tdxSteps, ...hclSteps, ...tpmSteps];

/**
 * Makes every step in `log`. Never throws for what the evidence holds: each refusal is a step.
 * @throws WardroundError `clock-invalid`
 */
export function verifyAzureTdx(evidence: AzureTdxEvidence, log: StepLog): AzureTdxAppraisal {
  const at = requireInstant(evidence.at);
  const before = log.steps.length;
  const hcl = log.run('hcl-format', () => requireTdx(parseHclReport(evidence.hclReport)));
  log.run('td-report', () => requireTdReport(need(hcl)));
  const tdx = verifyTdQuote(evidence, log);
  const bind = (report: HclReport): void => {
    const quoted = tdx === null ? need(withoutQuote) : need(tdx.quote);
    requireClaimsBound(report, quoted.td.reportData);
    requireQuoteOf(report, quoted);
  };
  const hardware: Outcome<void> =
    tdx !== null && tdx.authentic
      ? { name: 'quote-signature', held: true, value: undefined }
      : { name: 'TD quote', held: false };
  const { claims, key } = verifyHclClaims({ hcl, bind, hardware }, log);
  const tpm = verifyVtpm(evidence.quote, { key, at }, log);
  const steps = log.steps.slice(before);
  const required = ['hcl-format', 'td-report', ...tdxAuthenticitySteps, ...hclSteps];
  const authentic =
    allOk(steps, tpm === null ? required : [...required, ...tpmAuthenticitySteps]) && failedSteps(steps).length === 0;
  return { authentic, hcl, tdx, claims, key, tpm };
}

const withoutQuote: Outcome<TdxQuote> = { name: 'quote-format', held: false };

function verifyTdQuote({ tdQuote, ...rest }: AzureTdxEvidence, log: StepLog): TdxAppraisal | null {
  if (tdQuote !== undefined) {
    const { collateral, extraCrls, at, roots } = rest;
    return verifyTdx({ quote: tdQuote, collateral, extraCrls, eventLog: undefined, at, roots }, log);
  }
  for (const step of tdxSteps) {
    log.run(step, () => {
      throw new NotEvaluated('no TD quote given');
    });
  }
  return null;
}

function requireTdx(hcl: HclReport): HclReport {
  if (hcl.platform === 'tdx') return hcl;
  throw new WardroundError('hcl-platform', 'the paravisor’s report is of another platform', {
    expected: 'tdx',
    got: hcl.platform,
  });
}
