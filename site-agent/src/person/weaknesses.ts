// The weaknesses that a person must type to approve a study here: the plan's, the federation's, and the site's own.
import type { Policy } from '@wardround/attestation/policy/policy';
import { leavesOutChecks } from '@wardround/attestation/policy/weaknesses';
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import type { VaultIsolation } from '../config/site-config.ts';

export interface WeaknessContext {
  readonly plan: StudyPlan;
  readonly federation: FederationView;
  readonly policy: Policy;
  readonly isolation: VaultIsolation;
}

/** In words, for the person who decides. */
export const weaknessMeanings: Readonly<Record<Weakness, string>> = {
  simulatedPlatform: 'the enclave may run on simulated hardware: its evidence proves nothing about any machine',
  noDifferentialPrivacy: 'the model may reveal single patients; nothing bounds how much',
  unmasked: 'the enclave sees each site’s update: if its hardware is broken, so does whoever broke it',
  importedWeights: 'the first model was chosen by somebody, who may have crafted it to reveal single rows',
  selectingRule: 'the aggregation rule lets values of single sites through',
  unwitnessed: 'no append-only log binds the order of receipts; the sites’ cosignatures alone do',
  vaultNotIsolated: 'the operating system does not keep the process that sees patients off the network',
  policyWaiver:
    'the site’s attestation policy leaves out checks: by waivers, with a reason and a last day, or by registers that are only replayed',
};

/** Sorted. */
export function weaknessesOf({ plan, federation, policy, isolation }: WeaknessContext): readonly Weakness[] {
  const found: readonly (readonly [Weakness, boolean])[] = [
    ['simulatedPlatform', policy.simulatedPlatform !== undefined],
    ['noDifferentialPrivacy', plan.privacy.mode === 'noDifferentialPrivacy'],
    ['unmasked', plan.masking.mode === 'unmasked'],
    ['importedWeights', plan.initialWeights.method === 'importedWeights'],
    ['selectingRule', plan.strategy.name === 'selectingRule'],
    ['unwitnessed', federation.log.mode === 'unwitnessed'],
    ['vaultNotIsolated', isolation === 'vaultNotIsolated'],
    ['policyWaiver', leavesOutChecks(policy)],
  ];
  return found.flatMap(([name, there]) => (there ? [name] : [])).toSorted();
}

/**
 * What was typed is exactly what there is: nothing is accepted by silence, and nothing beyond need.
 *
 * @throws WardroundError `approve-weakness` naming those that were not typed, `approve-weakness-absent` naming those that are not there
 */
export function requireTyped(needed: readonly Weakness[], typed: readonly Weakness[]): readonly Weakness[] {
  const missing = needed.filter((weakness) => !typed.includes(weakness));
  if (missing.length > 0) {
    throw new WardroundError('approve-weakness', 'a weakness must be accepted by its name', {
      expected: missing.map((name) => `--accept ${name} (${weaknessMeanings[name]})`).join('; '),
    });
  }
  const absent = typed.filter((weakness) => !needed.includes(weakness));
  if (absent.length > 0) {
    throw new WardroundError(
      'approve-weakness-absent',
      'this study here does not have that weakness; do not accept it',
      {
        expected: needed.length === 0 ? 'none' : needed.join(', '),
        got: absent.join(', '),
      },
    );
  }
  return needed;
}
