// A machine whose own TDX quote carries the binding.
import { toHex } from '@wardround/protocol/bytes';
import type { StepLog } from '../steps.ts';
import { StepLog as ScratchLog } from '../steps.ts';
import { describeTdx, isSimulated } from '../tdx/inspect.ts';
import type { TdxCollateral } from '../tdx/collateral.ts';
import { noCollateral } from '../tdx/collateral.ts';
import { tdxRoots } from '../tdx/roots.ts';
import { tdxValidationSteps, validateTdx } from '../tdx/validate.ts';
import type { TdxAppraisal, TdxEvidence } from '../tdx/verify.ts';
import { tdxAuthenticitySteps, tdxCollateralSteps, verifyTdx } from '../tdx/verify.ts';
import type { ShownTd } from './contents.ts';
import type { Processor, ProcessorContext, ShownAs } from './processor.ts';
import { derived, noFields, rulesFor } from './processor.ts';

const authenticity: readonly string[] = [...tdxAuthenticitySteps, ...tdxCollateralSteps];

export function verifyDirectTdx({ td }: ShownAs<'tdx'>, context: ProcessorContext, log: StepLog): Processor {
  const { policy, at } = context;
  const rules = rulesFor(policy, 'tdx');
  const evidence = tdxEvidenceOf(td, context);
  const appraisal = verifyTdx(evidence, log);
  const { quote, authentic } = appraisal;
  return {
    platform: 'tdx',
    authentic,
    simulated: isSimulated(appraisal),
    bound: derived(quote, ({ td }) => td.reportData),
    expected: context.expected,
    code: derived(quote, ({ td }) => ({ platform: 'tdx', mrtd: toHex(td.mrTd), rtmrs: td.rtmrs.map(toHex) })),
    machine: tdxMachine(appraisal),
    hardware: 'Intel TDX',
    fields: { ...noFields, report: describeTdx(appraisal) },
    steps: { authenticity, validation: tdxValidationSteps },
    validate: (into) => {
      const images = policy.measurements.filter((image) => image.platform === 'tdx');
      validateTdx(appraisal, { rules, images, collateral: policy.collateral, at }, into);
    },
  };
}

/** A platform is named by its PPID: the platform instance id is of multi-package platforms alone. */
export function tdxMachine({ pck }: TdxAppraisal): Processor['machine'] {
  return derived(pck, ({ ppid }) => toHex(ppid));
}

/** With the newest collateral that holds for this platform: older lists may still be in date and know fewer advisories. */
export function tdxEvidenceOf(
  { quote, eventLog }: ShownTd,
  { policy, endorsements, at }: ProcessorContext,
): TdxEvidence {
  const without: Omit<TdxEvidence, 'collateral'> = {
    quote,
    extraCrls: endorsements.crls,
    eventLog,
    at,
    roots: tdxRoots(policy.simulatedPlatform?.roots),
  };
  return { ...without, collateral: newestFitting(without, endorsements.tdx) };
}

function newestFitting(evidence: Omit<TdxEvidence, 'collateral'>, offered: readonly TdxCollateral[]): TdxCollateral {
  if (offered.length <= 1) return offered[0] ?? noCollateral;
  const judged = offered.flatMap((collateral) => {
    const { tcbInfo, tcb } = verifyTdx({ ...evidence, collateral }, new ScratchLog());
    if (!tcbInfo.held || !tcb.held) return [];
    const { tcbEvaluationDataNumber, issueDate } = tcbInfo.value.document;
    return [{ collateral, tcbEvaluationDataNumber, issuedAt: issueDate.getTime() }];
  });
  const [newest] = judged.toSorted(
    (left, right) => right.tcbEvaluationDataNumber - left.tcbEvaluationDataNumber || right.issuedAt - left.issuedAt,
  );
  return newest?.collateral ?? offered[0] ?? noCollateral;
}
