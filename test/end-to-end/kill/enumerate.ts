// From what an undisturbed process passed: the boundaries of one round, and the trials that a campaign makes of them.
import type { Trial } from './campaign.ts';
import type { Role } from './instrumented-checkout.ts';

/** Where a round begins for each role, a message or a write that a round has once. Boundaries are counted from here. */
export const anchors: Readonly<Record<Role, string>> = {
  'aggregator-enclave': 'message publish RoundOrder',
  vault: 'frame publish Contribution',
  courier: 'message publish Contribution',
  coordinator: 'database insert into records RoundOrder',
};

export interface RoundBoundaries {
  /** How many the longest of the counted rounds has. */
  readonly count: number;
  /** Names that every counted round has. */
  readonly names: readonly string[];
}

/** @param passed names in order, as processes told them: `what < frames` */
export function boundariesOf(role: Role, passed: readonly string[]): RoundBoundaries {
  const what = passed.map((name) => name.split(' < ')[0] ?? name);
  const starts = what.flatMap((name, index) => (name === anchors[role] ? [index] : []));
  const rounds = starts.slice(1).map((end, index) => what.slice(starts[index], end));
  const names = new Set(rounds.flat());
  return {
    count: Math.max(0, ...rounds.map(({ length }) => length)),
    names: [...names].filter((name) => rounds.every((round) => round.includes(name))),
  };
}

/** One trial at each name, and one at every `stride`-th boundary after the anchor: with stride 1 at every boundary of a round. */
export function trialsOf(role: Role, { count, names }: RoundBoundaries, stride: number): readonly Trial[] {
  const named = names.map((anchor): Trial => ({ role, life: 'this', anchor, index: 0 }));
  const counted = Array.from({ length: Math.floor((count - 1) / stride) }, (_, index): Trial => ({
    role,
    life: 'this',
    anchor: anchors[role],
    index: (index + 1) * stride,
  }));
  return [...named, ...counted];
}
