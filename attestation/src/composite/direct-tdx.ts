// A machine whose own TDX quote carries the binding.
import { toHex } from '@wardround/protocol/bytes';
import type { StepLog } from '../steps.ts';
import { StepLog as ScratchLog } from '../steps.ts';
import { describeTdx } from '../tdx/inspect.ts';
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
    trust: tdxTrust(appraisal),
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

export function tdxTrust({ chain }: TdxAppraisal): Processor['trust'] {
  return derived(chain, ({ trust }) => trust.kind);
}

/** A platform is named by its PPID, or by its platform instance id, which multi-package platforms alone have. */
export function tdxMachine({ pck }: TdxAppraisal): Processor['machine'] {
  return derived(pck, ({ ppid, platformInstanceId: instance }) =>
    instance === undefined ? [toHex(ppid)] : [toHex(ppid), toHex(instance)],
  );
}

/** What the quote is judged by, of all that bundle and mirror offer. */
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
  const [first = noCollateral, ...more] = endorsements.tdx;
  return more.length === 0 ? { ...without, collateral: first } : withNewest(without, [first, ...more]);
}

/**
 * Of several sets the newest TCB info for this platform, the newest identity, and every revocation list, whichever set they came in: an older one
 * may still be in date and know fewer advisories, and a set made of new and old parts hides nothing. What is newest is judged whatever it says:
 * that it revokes the platform is no reason to look for a kinder one.
 */
function withNewest(
  evidence: Omit<TdxEvidence, 'collateral'>,
  offered: readonly [TdxCollateral, ...TdxCollateral[]],
): TdxEvidence {
  const judged = offered.map((collateral) => judge(evidence, collateral));
  const { tcbInfo, tcbInfoIssuerChain } = newest(judged, ({ tcbInfo: edition }) => edition) ?? offered[0];
  const { qeIdentity, qeIdentityIssuerChain } = newest(judged, ({ qeIdentity: edition }) => edition) ?? offered[0];
  const { pckCrlIssuerChain } = judged.find(({ crlChain }) => crlChain)?.collateral ?? offered[0];
  const lists = offered.flatMap(({ pckCrl, rootCrl }) => [pckCrl, rootCrl].filter((list) => list !== undefined));
  return {
    ...evidence,
    collateral: {
      tcbInfo,
      tcbInfoIssuerChain,
      qeIdentity,
      qeIdentityIssuerChain,
      pckCrlIssuerChain,
      pckCrl: undefined,
      rootCrl: undefined,
    },
    extraCrls: [...evidence.extraCrls, ...lists],
  };
}

/** Intel's number of the evaluation, then the date of issue; undefined for what is not signed, or of another platform. */
type Edition = readonly [number, number] | undefined;

interface Judged {
  readonly collateral: TdxCollateral;
  readonly tcbInfo: Edition;
  readonly qeIdentity: Edition;
  readonly crlChain: boolean;
}

function judge(evidence: Omit<TdxEvidence, 'collateral'>, collateral: TdxCollateral): Judged {
  const scratch = new ScratchLog();
  const { tcbInfo, qeIdentity } = verifyTdx({ ...evidence, eventLog: undefined, collateral }, scratch);
  const isOk = (name: string): boolean => scratch.steps.some((step) => step.name === name && step.status === 'ok');
  return {
    collateral,
    tcbInfo: tcbInfo.held && isOk('tcb-info-platform') ? editionOf(tcbInfo.value.document) : undefined,
    qeIdentity: qeIdentity.held ? editionOf(qeIdentity.value.document) : undefined,
    crlChain: isOk('crl-chain'),
  };
}

interface Dated {
  readonly tcbEvaluationDataNumber: number;
  readonly issueDate: Date;
}

function editionOf({ tcbEvaluationDataNumber, issueDate }: Dated): Edition {
  return [tcbEvaluationDataNumber, issueDate.getTime()];
}

/** Of equal ones the first, which is the mirror's. */
function newest(judged: readonly Judged[], editionFor: (one: Judged) => Edition): TdxCollateral | undefined {
  const dated = judged.flatMap((one) => {
    const edition = editionFor(one);
    return edition === undefined ? [] : [{ one, edition }];
  });
  const [first] = dated.toSorted(({ edition: left }, { edition: right }) => right[0] - left[0] || right[1] - left[1]);
  return first?.one.collateral;
}
