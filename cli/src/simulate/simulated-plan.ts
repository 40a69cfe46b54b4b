// A plan bound to imagined parties, so that it can be run here: nobody signs it, and no key in it opens anything.
import { labelledSha256, toHex, utf8 } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { labels } from '@wardround/protocol/labels';
import { PlanInvalidError } from '@wardround/protocol/plan/problems';
import { contradictions } from '@wardround/protocol/plan/semantics';
import type { PlanSource } from '@wardround/protocol/plan/source';
import { unsupported } from '@wardround/protocol/plan/support';
import { fillPlan } from '@wardround/protocol/plan/unbound-plan';
import { quorum } from '@wardround/protocol/quorum';

export interface SimulatedPlanInput {
  readonly source: PlanSource;
  /** In the place of the plan's roster. */
  readonly roster: readonly string[];
  /** Whether a file gives the initial weights; only simulations take one without DP-SGD. */
  readonly givenWeights: boolean;
  readonly seed: number | null;
}

/**
 * Every value explicit. What only concerns a real study (its expiry) is not asked for.
 *
 * @throws PlanInvalidError with every mistake of meaning
 */
export function simulatedPlan({ source, roster, givenWeights, seed }: SimulatedPlanInput): StudyPlan {
  const filled = fillPlan({ ...source, sites: { ...source.sites, roster: [...roster] } });
  const plan = seed === null ? filled : withSeed(filled, seed);
  const excused = new Set([
    'expired',
    ...(givenWeights ? ['unsupported-initial-weights', 'imported-weights-privacy'] : []),
  ]);
  const problems = [...contradictions(plan, { colludingSites: 0, now: new Date() }), ...unsupported(plan)].filter(
    ({ code }) => !excused.has(code),
  );
  if (problems.length > 0) throw new PlanInvalidError(problems);
  const nobody = imagined('federation');
  return {
    ...plan,
    federation: nobody,
    membership: nobody,
    researcher: 'simulation',
    createdAt: new Date().toISOString(),
    sites: { ...plan.sites, roster: roster.toSorted().map((name) => ({ name, agent: imagined(`site ${name}`) })) },
    release: {
      ...plan.release,
      to: plan.release.to.map((name) => ({
        name,
        signing: imagined(`recipient ${name}`),
        receiving: { kem: 'MLKEM768-X25519', key: '' } as const,
      })),
      whenSitesAgree: plan.release.whenSitesAgree ?? quorum(roster.length, 0),
    },
  };
}

/** Training and initial weights from another seed; the split into training and test patients stays the plan's. */
function withSeed<T extends Pick<StudyPlan, 'training' | 'initialWeights'>>(plan: T, seed: number): T {
  const { training, initialWeights } = plan;
  return {
    ...plan,
    training: training.method === 'gradientDescent' ? { ...training, seed } : training,
    initialWeights: initialWeights.method === 'seeded' ? { ...initialWeights, seed } : initialWeights,
  };
}

/** A digest of nothing that exists. */
function imagined(what: string): string {
  return toHex(labelledSha256(labels.partition, utf8(`simulated ${what}`)));
}
