// What Azure evidence says, in JSON, and whether it is authentic: for people and programs that only want to look.
import { copyBytes } from '@wardround/protocol/bytes';
import type { TrustedRoot } from '../roots.ts';
import type { SnpFields } from '../snp/inspect.ts';
import { describeSnp } from '../snp/inspect.ts';
import type { Outcome, Step } from '../steps.ts';
import { StepLog } from '../steps.ts';
import type { TpmFields } from '../tpm/inspect.ts';
import { describeTpm } from '../tpm/inspect.ts';
import type { AzureEvidence } from './evidence-file.ts';
import type { HclClaims } from './claims.ts';
import type { HclReport } from './hcl-report.ts';
import type { VtpmQuote } from './verify-hcl.ts';
import { verifyAzureSnp } from './verify-snp.ts';

export interface HclFields {
  readonly version: number;
  readonly platform: 'snp' | 'tdx';
  readonly hash: string;
  readonly secureBoot: boolean | null;
  readonly consoleEnabled: boolean | null;
  readonly tpmEnabled: boolean | null;
  readonly vmUniqueId: string | null;
  /** All that the paravisor says of the machine, also what no step judges. */
  readonly vmConfiguration: Readonly<Record<string, unknown>> | null;
  readonly userData: string | null;
}

export interface AzureSnpInspection {
  readonly kind: 'azure-snp';
  readonly authentic: boolean;
  readonly simulated: boolean;
  readonly steps: readonly Step[];
  /** Null when the bytes are no HCL report. */
  readonly fields: {
    readonly hcl: HclFields;
    readonly snp: SnpFields | null;
    readonly tpm: TpmFields | null;
  } | null;
}

export interface AzureSnpInspectionInput {
  readonly evidence: AzureEvidence;
  /** Beyond those in the file: the chip's, where the file has none, and AMD's. */
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly nonce: Uint8Array | undefined;
  readonly eventLog: Uint8Array | undefined;
  readonly at: Date;
  readonly trustedRoots: readonly TrustedRoot[];
}

/** Judges authenticity alone, at `at`. Never throws for what the evidence holds. */
export function inspectAzureSnp(input: AzureSnpInspectionInput): AzureSnpInspection {
  const log = new StepLog();
  const { evidence, crls, at } = input;
  const appraisal = verifyAzureSnp(
    {
      hclReport: evidence.hclReport,
      quote: quoteOf(input),
      certificates: [...evidence.certificates, ...input.certificates],
      crls,
      at,
      roots: input.trustedRoots,
    },
    log,
  );
  const { authentic, hcl, snp, claims, tpm } = appraisal;
  return {
    kind: 'azure-snp',
    authentic,
    simulated: snp.chain.held && snp.chain.value.trust.kind === 'simulated',
    steps: log.steps,
    fields: hcl.held
      ? { hcl: describeHcl(hcl.value, claims), snp: describeSnp(snp), tpm: tpm === null ? null : describeTpm(tpm) }
      : null,
  };
}

/** The file's values are in the order of the quote's selection, all of them. */
export function quoteOf({
  evidence: { quote },
  nonce,
  eventLog,
}: Pick<AzureSnpInspectionInput, 'evidence' | 'nonce' | 'eventLog'>): VtpmQuote | undefined {
  if (quote === undefined) return undefined;
  const { message, signature, pcrs } = quote;
  return {
    message,
    signature,
    pcrs: { form: 'ordered', values: pcrs.map((value) => copyBytes(value)) },
    nonce,
    eventLog,
  };
}

export function describeHcl({ version, platform, hash }: HclReport, claims: Outcome<HclClaims>): HclFields {
  const said = claims.held ? claims.value : undefined;
  return {
    version,
    platform,
    hash,
    secureBoot: said?.secureBoot ?? null,
    consoleEnabled: said?.consoleEnabled ?? null,
    tpmEnabled: said?.tpmEnabled ?? null,
    vmUniqueId: said?.vmUniqueId ?? null,
    vmConfiguration: said?.vmConfiguration ?? null,
    userData: said?.userData ?? null,
  };
}
