// The weaknesses that a policy names, for the people who decide and for every report: nothing weak goes unsaid.
import type { Policy } from './policy.ts';
import type { Waiver } from './waiver.ts';
import { isWaiver } from './waiver.ts';

export interface Weakness {
  /** `simulatedPlatform`, or `waiver` for a check that the policy leaves out. */
  readonly name: 'simulatedPlatform' | 'waiver';
  /** Path in the policy. */
  readonly where: string;
  readonly meaning: string;
  /** Last instant of a waiver. */
  readonly until?: string;
}

export function policyWeaknesses(policy: Policy): readonly Weakness[] {
  const waivers = findWaivers(policy, '').map(({ where, waiver }): Weakness => {
    return { name: 'waiver', where, meaning: waiver.waived.reason, until: waiver.waived.until };
  });
  return policy.simulatedPlatform === undefined ? waivers : [simulated, ...waivers];
}

const simulated: Weakness = {
  name: 'simulatedPlatform',
  where: 'simulatedPlatform',
  meaning: 'evidence of a simulated silicon vendor is accepted; it proves nothing about hardware',
};

function findWaivers(value: unknown, where: string): readonly { where: string; waiver: Waiver }[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isWaiver(value)) return [{ where, waiver: value }];
  return Object.entries(value).flatMap(([key, member]) => findWaivers(member, where === '' ? key : `${where}.${key}`));
}
