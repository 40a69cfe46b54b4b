// Who stays in a round's sum: each contributor's own conditions and the plan's largest share, as one function of the set.
import { parseDecimal } from '@wardround/protocol/decimal';

export interface Candidate {
  readonly site: string;
  /** Thumbprint of its agent key: how peers name it. */
  readonly agent: string;
  readonly weight: number;
  /** From its approval. */
  readonly peers: readonly string[];
  readonly minimumContributors: number;
  readonly maxShare: string;
}

export interface PlanConditions {
  /** K. */
  readonly minimum: number;
  readonly maxShare: string;
}

/**
 * The candidates that remain when, again and again, first those whose share exceeds the plan's are taken out, and where there are none,
 * those whose own conditions fail (peers they count, and they themselves, at least max(K, their minimum); no share above their own largest).
 * Depends on the set alone, not on its order. Fewer than K may remain; the caller decides what that means.
 */
export function remaining<T extends Candidate>(candidates: readonly T[], plan: PlanConditions): readonly T[] {
  let current = candidates;
  for (;;) {
    const failing = failingIn(current, plan);
    if (failing.size === 0) return current;
    current = current.filter((candidate) => !failing.has(candidate.site));
  }
}

function failingIn(current: readonly Candidate[], plan: PlanConditions): ReadonlySet<string> {
  const total = current.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
  const tooLarge = current.filter(({ weight }) => exceeds(weight, total, plan.maxShare));
  const failing = tooLarge.length > 0 ? tooLarge : current.filter((candidate) => !isContent(candidate, current, plan));
  return new Set(failing.map(({ site }) => site));
}

function isContent(candidate: Candidate, current: readonly Candidate[], plan: PlanConditions): boolean {
  const peers = new Set(candidate.peers);
  const counted = current.filter(({ site, agent }) => site === candidate.site || peers.has(agent)).length;
  if (counted < Math.max(plan.minimum, candidate.minimumContributors)) return false;
  const total = current.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
  return current.every(({ weight }) => !exceeds(weight, total, candidate.maxShare));
}

/** weight / total > share, exactly. */
export function exceeds(weight: number, total: bigint, share: string): boolean {
  const { numerator, denominator } = parseDecimal(share);
  return BigInt(weight) * denominator > numerator * total;
}
