// A second path to the same machine: a TPM's quote beside a processor that carries the binding itself. Where a policy wants both, they must agree.
import { WardroundError } from '@wardround/protocol/errors';
import { equalBytes, toHex } from '@wardround/protocol/bytes';
import { qualifyingDataFor } from '../binding.ts';
import { trustedTpmRoots } from '../tpm/roots.ts';
import { describeTpm } from '../tpm/inspect.ts';
import type { TpmFields } from '../tpm/inspect.ts';
import { tpmValidationSteps, validateTpm } from '../tpm/validate.ts';
import { tpmAuthenticitySteps, verifyTpmQuote } from '../tpm/verify.ts';
import type { Outcome, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import { boundOf } from './azure.ts';
import type { Shown } from './contents.ts';
import type { ProcessorContext } from './processor.ts';
import { derived } from './processor.ts';
import type { Trust } from './vendors.ts';

/** The second path's steps are called `tpm/…`. */
const prefix = 'tpm';

export const secondPathSteps: readonly string[] = [
  ...tpmAuthenticitySteps,
  'ak-chain',
  'ak-validity',
  'tpm-nonce',
  'pcr-values',
  ...tpmValidationSteps,
].map((name) => `${prefix}/${name}`);

export interface SecondPath {
  readonly authentic: boolean;
  readonly trusts: readonly Outcome<Trust>[];
  readonly fields: TpmFields | null;
  /** Every step that must be `ok`: none where no second path is wanted and none was shown. */
  readonly steps: readonly string[];
}

const none = { authentic: true, trusts: [], fields: null } as const;

/**
 * Judges the quote where there is one, and demands one where the policy does. A quote that nobody asked for is judged all the same: evidence that
 * is shown and does not hold is a reason to refuse.
 */
export function verifySecondPath(shown: Shown, context: ProcessorContext, log: StepLog): SecondPath {
  const { secondPath } = context.policy;
  const wanted = secondPath !== 'notRequired';
  const quote = shown.platform === 'sevSnp' || shown.platform === 'tdx' ? shown.quote : null;
  if (!wanted && quote === null) return { ...none, steps: [] };
  const asked = log.run('second-path', () => {
    if (secondPath === 'notRequired') throw unasked();
    if (quote === null) throw missing(shown.platform);
    return { rules: secondPath.vtpm, quote };
  });
  if (!asked.held) return { ...none, steps: ['second-path'] };
  const { rules, quote: item } = asked.value;
  const within = log.within(prefix);
  const { at, endorsements } = context;
  const expected = qualifyingDataFor(context.expected);
  const [leaf, ...rest] = item.certificates;
  const appraisal = verifyTpmQuote(
    {
      quote: item.quote,
      signature: item.signature,
      key:
        leaf === undefined
          ? { name: 'ak-key', held: false }
          : { name: 'ak-key', held: true, value: { kind: 'given', key: leaf, certificates: rest } },
      pcrs: item.pcrs,
      nonce: expected,
      eventLog: item.eventLog,
      crls: endorsements.crls,
      roots: trustedTpmRoots(context.policy.simulatedPlatform?.roots),
      at,
    },
    within,
  );
  validateTpm(appraisal, { rules, at, configuration: undefined }, within);
  log.run('paths-agree', () => {
    const got = need(boundOf(appraisal));
    if (equalBytes(got, expected)) return;
    throw new WardroundError('evidence-paths-disagree', 'processor and TPM vouch for different things', {
      expected: toHex(expected),
      got: toHex(got),
      action: 'stop',
    });
  });
  const { authentic } = appraisal;
  return {
    authentic,
    trusts: [derived(appraisal.chain, (chain) => (chain?.root.name === 'simulated' ? 'simulated' : 'genuine'))],
    fields: describeTpm(appraisal),
    steps: ['second-path', ...secondPathSteps, 'paths-agree'],
  };
}

function unasked(): WardroundError {
  return new WardroundError('evidence-second-path-unasked', 'a TPM’s quote that the policy has no rules for', {
    expected: 'no quote, or rules in `secondPath`',
    action: 'stop',
  });
}

function missing(platform: string): WardroundError {
  return new WardroundError('evidence-second-path-missing', 'the policy wants a second path to the machine', {
    expected: 'a TPM quote beside the processor’s report',
    got: `${platform} alone`,
    action: 'stop',
  });
}
