// A machine behind Azure's paravisor: the processor's report names the vTPM's key, and the vTPM's quote carries the binding.
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex } from '@wardround/protocol/bytes';
import type { VtpmQuote } from '../azure/verify-hcl.ts';
import { qualifyingDataFor } from '../binding.ts';
import { hclSteps } from '../azure/verify-hcl.ts';
import { verifyAzureSnp } from '../azure/verify-snp.ts';
import { verifyAzureTdx } from '../azure/verify-tdx.ts';
import { trustedRoots } from '../roots.ts';
import { describeSnp } from '../snp/inspect.ts';
import { snpValidationSteps, validateSnp } from '../snp/validate.ts';
import { snpAuthenticitySteps } from '../snp/verify.ts';
import type { Outcome, StepLog } from '../steps.ts';
import { describeTdx } from '../tdx/inspect.ts';
import { tdxValidationSteps, validateTdx } from '../tdx/validate.ts';
import { tdxAuthenticitySteps, tdxCollateralSteps } from '../tdx/verify.ts';
import { describeTpm } from '../tpm/inspect.ts';
import { tpmValidationSteps, validateTpm } from '../tpm/validate.ts';
import type { TpmAppraisal } from '../tpm/verify.ts';
import { tpmAuthenticitySteps } from '../tpm/verify.ts';
import { tdxEvidenceOf, tdxMachine, tdxTrust } from './direct-tdx.ts';
import type { ShownQuote } from './contents.ts';
import type { MeasuredCode, Processor, ProcessorContext, ShownAs } from './processor.ts';
import { derived, rulesFor } from './processor.ts';

const quoteSteps = [...tpmAuthenticitySteps, 'tpm-nonce', 'pcr-values'] as const;

const snpMachine: Processor['steps'] = {
  authenticity: ['hcl-format', ...snpAuthenticitySteps, 'revocation', ...hclSteps, ...quoteSteps],
  validation: [...snpValidationSteps, ...tpmValidationSteps],
};

export function verifyAzureSnpMachine(
  { hclReport, quote }: ShownAs<'azureSnpVtpm'>,
  context: ProcessorContext,
  log: StepLog,
): Processor {
  const { policy, endorsements, expected, at } = context;
  const carried = qualifyingDataFor(expected);
  const rules = rulesFor(policy, 'azureSnpVtpm');
  const { certificates, crls } = endorsements;
  const roots = trustedRoots(policy.simulatedPlatform?.roots);
  const appraisal = verifyAzureSnp({ hclReport, quote: quoteOf(quote, carried), certificates, crls, at, roots }, log);
  const { snp, tpm, claims, authentic } = appraisal;
  return {
    platform: 'azureSnpVtpm',
    authentic: authentic && tpm !== null,
    trust: derived(snp.chain, ({ trust }) => trust.kind),
    bound: boundOf(tpm),
    expected: carried,
    code: codeOf(tpm),
    machine: derived(snp.report, ({ chipId }) => [toHex(chipId)]),
    hardware: `AMD SEV-SNP ${snp.product.held ? snp.product.value : ''} behind Azure’s paravisor`,
    fields: { report: describeSnp(snp), tpm: tpm === null ? null : describeTpm(tpm) },
    steps: snpMachine,
    validate: (into) => {
      const { collateral } = policy;
      validateSnp(snp, { collateral, images: rules.paravisors, rules: rules.sevSnp, at }, into);
      if (tpm !== null) validateTpm(tpm, { rules: rules.vtpm, at, configuration: claims }, into);
    },
  };
}

const tdxMachineSteps: Processor['steps'] = {
  authenticity: ['hcl-format', 'td-report', ...tdxAuthenticitySteps, ...tdxCollateralSteps, ...hclSteps, ...quoteSteps],
  validation: [...tdxValidationSteps, ...tpmValidationSteps],
};

export function verifyAzureTdxMachine(
  { td, hclReport, quote }: ShownAs<'azureTdxVtpm'>,
  context: ProcessorContext,
  log: StepLog,
): Processor {
  const { policy, expected, at } = context;
  const carried = qualifyingDataFor(expected);
  const rules = rulesFor(policy, 'azureTdxVtpm');
  const { quote: tdQuote, collateral, extraCrls, roots } = tdxEvidenceOf(td, context);
  const appraisal = verifyAzureTdx(
    { hclReport, tdQuote, quote: quoteOf(quote, carried), collateral, extraCrls, at, roots },
    log,
  );
  const { tdx, tpm, claims, authentic } = appraisal;
  return {
    platform: 'azureTdxVtpm',
    authentic: authentic && tdx !== null && tpm !== null,
    trust: tdx === null ? notShown : tdxTrust(tdx),
    bound: boundOf(tpm),
    expected: carried,
    code: codeOf(tpm),
    machine: tdx === null ? notShown : tdxMachine(tdx),
    hardware: 'Intel TDX behind Azure’s paravisor',
    fields: {
      report: tdx === null ? null : describeTdx(tdx),
      tpm: tpm === null ? null : describeTpm(tpm),
    },
    steps: tdxMachineSteps,
    validate: (into) => {
      if (tdx !== null)
        validateTdx(tdx, { rules: rules.tdx, images: rules.paravisors, collateral: policy.collateral, at }, into);
      if (tpm !== null) validateTpm(tpm, { rules: rules.vtpm, at, configuration: claims }, into);
    },
  };
}

const notShown = { name: 'quote-format', held: false } as const;

function quoteOf({ quote, signature, pcrs, eventLog }: ShownQuote, nonce: Bytes): VtpmQuote {
  return { message: quote, signature, pcrs, nonce, eventLog };
}

export function boundOf(tpm: TpmAppraisal | null): Outcome<Bytes> {
  return tpm === null ? { name: 'tpm-quote', held: false } : derived(tpm.quote, ({ extraData }) => extraData);
}

function codeOf(tpm: TpmAppraisal | null): Outcome<MeasuredCode> {
  if (tpm === null) return { name: 'pcr-values', held: false };
  return derived(tpm.pcrs, ({ bank, values }) => ({
    platform: 'vtpm',
    bank,
    pcrs: [...values].map(([index, value]) => ({ index, value: toHex(value) })),
  }));
}
