// What one hostile site does: to its labels, or to the integers that it was to contribute.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { fromFixed } from '@wardround/protocol/fixed-point';
import type { Integers, RoundTask } from '@wardround/learning/rounds/round-task';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { quantiseDifferences } from '@wardround/learning/update';

export interface Attack {
  readonly name: string;
  readonly rows?: (own: Rows) => Rows;
  /** What the update is multiplied by. */
  readonly factor?: number;
  /** Whether it is then made as long as the plan's norm bound allows, so that the enclave takes it. */
  readonly withinBound?: boolean;
}

export const attacks: readonly Attack[] = [
  { name: 'clean' },
  { name: 'sign flip', factor: -1, withinBound: true },
  { name: '×1000', factor: 1000, withinBound: true },
  { name: '×1000, unclipped', factor: 1000, withinBound: false },
  { name: 'label flip', rows: flipLabels },
  { name: 'sign flip ×1000', factor: -1000, withinBound: true },
];

function flipLabels(own: Rows): Rows {
  return { ...own, labels: own.labels.map((label) => 1 - label) };
}

/** The contribution as the hostile site sends it. Whatever is no part of the update (FedNova's share of steps) stays honest. */
export function attacked(
  attack: Attack,
  integers: Integers,
  { plan, task }: { plan: StudyPlan; task: RoundTask },
): Integers {
  const { factor = 1, withinBound = true } = attack;
  if (factor === 1) return integers;
  const { stepLog2, normBound } = plan.encoding.update;
  const isUpdate = integers.map((_, t) => task.limits[t]?.kind === 'norm');
  const moved = integers
    .filter((_, t) => isUpdate[t])
    .map((values) => fromFixed(values, stepLog2).map((value) => value * factor));
  const sent = withinBound
    ? quantiseDifferences(moved, { ring: 'int32', stepLog2, normBound }).integers
    : moved.map((values) => Int32Array.from(values, (value) => saturated(value / 2 ** stepLog2)));
  let next = 0;
  return integers.map((values, t) => {
    if (isUpdate[t] !== true) return values;
    next += 1;
    return sent[next - 1] ?? values;
  });
}

/** As large as the ring holds. */
function saturated(value: number): number {
  return Math.round(Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1));
}
