// What Azure evidence of a TD says, in JSON, and whether it is authentic: for people and programs that only want to look.
import type { Step } from '../steps.ts';
import { StepLog } from '../steps.ts';
import type { TdxCollateral } from '../tdx/collateral.ts';
import type { TdxFields } from '../tdx/inspect.ts';
import { describeTdx, isSimulated } from '../tdx/inspect.ts';
import type { TdxRoot } from '../tdx/roots.ts';
import type { TpmFields } from '../tpm/inspect.ts';
import { describeTpm } from '../tpm/inspect.ts';
import type { AzureEvidence } from './evidence-file.ts';
import type { HclFields } from './inspect.ts';
import { describeHcl, quoteOf } from './inspect.ts';
import { verifyAzureTdx } from './verify-tdx.ts';

export interface AzureTdxInspection {
  readonly kind: 'azure-tdx';
  readonly authentic: boolean;
  readonly simulated: boolean;
  readonly steps: readonly Step[];
  /** Null when the bytes are no HCL report. */
  readonly fields: {
    readonly hcl: HclFields;
    readonly tdx: TdxFields | null;
    readonly tpm: TpmFields | null;
  } | null;
}

export interface AzureTdxInspectionInput {
  readonly evidence: AzureEvidence;
  readonly collateral: TdxCollateral;
  readonly extraCrls: readonly Uint8Array[];
  readonly nonce: Uint8Array | undefined;
  readonly eventLog: Uint8Array | undefined;
  readonly at: Date;
  readonly trustedRoots: readonly TdxRoot[];
}

/** Judges authenticity alone, at `at`. Never throws for what the evidence holds. */
export function inspectAzureTdx(input: AzureTdxInspectionInput): AzureTdxInspection {
  const log = new StepLog();
  const { evidence, collateral, extraCrls, at, trustedRoots } = input;
  const { hclReport, tdQuote } = evidence;
  const { authentic, hcl, tdx, claims, tpm } = verifyAzureTdx(
    { hclReport, tdQuote, quote: quoteOf(input), collateral, extraCrls, at, roots: trustedRoots },
    log,
  );
  return {
    kind: 'azure-tdx',
    authentic,
    simulated: tdx !== null && isSimulated(tdx),
    steps: log.steps,
    fields: hcl.held
      ? {
          hcl: describeHcl(hcl.value, claims),
          tdx: tdx === null ? null : describeTdx(tdx),
          tpm: tpm === null ? null : describeTpm(tpm),
        }
      : null,
  };
}
