// Genuine hardware and simulated parts do not make one machine, whatever a policy names.
import { WardroundError } from '@wardround/protocol/errors';
import type { Outcome } from '../steps.ts';
import { need } from '../steps.ts';

/** Whose root a part's evidence ends in: a real vendor's, or one that the policy names as simulated. */
export type Trust = 'genuine' | 'simulated';

export function isSimulatedTrust(trust: Outcome<Trust>): boolean {
  return trust.held && trust.value === 'simulated';
}

/**
 * Processor, TPM and devices are all genuine, or all simulated: else whoever holds a simulated vendor's keys lends a genuine machine any GPU.
 * @throws WardroundError `evidence-vendors-mixed`
 */
export function requireOneSort(trusts: readonly Outcome<Trust>[]): void {
  const sorts = new Set(trusts.map(need));
  if (sorts.size <= 1) return;
  throw new WardroundError('evidence-vendors-mixed', 'genuine and simulated parts in one machine’s evidence', {
    action: 'stop',
  });
}
