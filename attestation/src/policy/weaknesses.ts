// The weaknesses that a policy names, for the people who decide and for every report: nothing weak goes unsaid.
import type { Policy } from './policy.ts';
import { isWaiver } from './waiver.ts';

export interface Weakness {
  /** `simulatedPlatform`; `waiver` for a check that the policy leaves out; `replayed` for a register that may hold whatever its event log explains. */
  readonly name: 'simulatedPlatform' | 'waiver' | 'replayed';
  /** Path in the policy. */
  readonly where: string;
  readonly meaning: string;
  /** Last instant of a waiver. */
  readonly until?: string;
}

export function policyWeaknesses(policy: Policy): readonly Weakness[] {
  const found = findWeak(policy, '');
  return policy.simulatedPlatform === undefined ? found : [simulated, ...found];
}

/** Whether the policy leaves out a check, in either way: then a person types `policyWaiver`. */
export function leavesOutChecks(policy: Policy): boolean {
  return policyWeaknesses(policy).some(({ name }) => name === 'waiver' || name === 'replayed');
}

const simulated: Weakness = {
  name: 'simulatedPlatform',
  where: 'simulatedPlatform',
  meaning: 'evidence of a simulated silicon vendor is accepted; it proves nothing about hardware',
};

const explainedOnly =
  'the register may hold whatever its event log explains: the log is proved complete, and nothing says that what it names is wanted';

function findWeak(value: unknown, where: string): readonly Weakness[] {
  if (value === 'replayed') return [{ name: 'replayed', where, meaning: explainedOnly }];
  if (typeof value !== 'object' || value === null) return [];
  if (isWaiver(value)) return [{ name: 'waiver', where, meaning: value.waived.reason, until: value.waived.until }];
  return Object.entries(value).flatMap(([key, member]) => findWeak(member, where === '' ? key : `${where}.${key}`));
}
