// A machine whose own SEV-SNP report carries the binding.
import { toHex } from '@wardround/protocol/bytes';
import { trustedRoots } from '../roots.ts';
import { describeSnp } from '../snp/inspect.ts';
import { snpValidationSteps, validateSnp } from '../snp/validate.ts';
import { snpAuthenticitySteps, verifySnp } from '../snp/verify.ts';
import type { StepLog } from '../steps.ts';
import type { Processor, ProcessorContext, ShownAs } from './processor.ts';
import { derived, noFields, rulesFor } from './processor.ts';

/** The steps of authenticity that a policy needs: here revocation may not be left open. */
export const directSnpAuthenticity: readonly string[] = [...snpAuthenticitySteps, 'revocation'];

export function verifyDirectSnp(shown: ShownAs<'sevSnp'>, context: ProcessorContext, log: StepLog): Processor {
  const { policy, endorsements, at } = context;
  const rules = rulesFor(policy, 'sevSnp');
  const appraisal = verifySnp(
    {
      report: shown.report,
      certificates: endorsements.certificates,
      crls: endorsements.crls,
      at,
      roots: trustedRoots(policy.simulatedPlatform?.roots),
    },
    log,
  );
  const { report, chain, product, authentic } = appraisal;
  return {
    platform: 'sevSnp',
    authentic,
    trust: derived(chain, ({ trust }) => trust.kind),
    bound: derived(report, ({ reportData }) => reportData),
    expected: context.expected,
    code: derived(report, ({ measurement }) => ({ platform: 'sevSnp', measurement: toHex(measurement) })),
    machine: derived(report, ({ chipId }) => [toHex(chipId)]),
    hardware: `AMD SEV-SNP ${product.held ? product.value : 'of an unknown product'}`,
    fields: { ...noFields, report: describeSnp(appraisal) },
    steps: { authenticity: directSnpAuthenticity, validation: snpValidationSteps },
    validate: (into) => {
      const images = policy.measurements.filter((image) => image.platform === 'sevSnp');
      validateSnp(appraisal, { collateral: policy.collateral, images, rules, at }, into);
    },
  };
}
