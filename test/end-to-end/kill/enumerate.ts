// From what an undisturbed process passed, the boundaries of one round: how many there are, and which of them a shortened campaign tries.
import type { Role } from './instrumented-checkout.ts';

/** Where a round begins for each role, a message or a write that a round has once. Boundaries are counted from here. */
export const anchors: Readonly<Record<Role, string>> = {
  'aggregator-enclave': 'message publish RoundOrder',
  vault: 'frame publish Contribution',
  courier: 'message publish Contribution',
  coordinator: 'database insert into records RoundOrder',
};

/**
 * The longest of the rounds that were counted, from anchor to anchor: names of its boundaries in order.
 *
 * @param passed names as processes told them, `what < frames`
 */
export function longestRound(role: Role, passed: readonly string[]): readonly string[] {
  const what = passed.map((name) => name.split(' < ')[0] ?? name);
  const starts = what.flatMap((name, index) => (name === anchors[role] ? [index] : []));
  const rounds = starts.slice(1).map((end, index) => what.slice(starts[index], end));
  return rounds.toSorted((a, b) => b.length - a.length)[0] ?? [];
}

/** Every `stride`-th boundary, and the first of each name. */
export function chosen(round: readonly string[], stride: number): readonly number[] {
  return round.flatMap((name, index) => (index % stride === 0 || round.indexOf(name) === index ? [index] : []));
}
