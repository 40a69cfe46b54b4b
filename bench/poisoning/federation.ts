// A federation of five in one process, the third of them hostile: real local training, the enclave's norm check, the strategies' own rules.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { compareNorm, sumOfSquares } from '@wardround/protocol/fixed-point';
import { auroc } from '@wardround/learning/metrics';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { workLocally } from '@wardround/learning/rounds/local-work';
import {
  type ClosedContributions,
  type Integers,
  type RoundTask,
  roundTask,
} from '@wardround/learning/rounds/round-task';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import type { Tensor } from '@wardround/protocol/safetensors';
import { type Attack, attacked } from './attacks.ts';
import { type WdbcSplit, siteNames } from './sites.ts';

export const hostileSite = 2;

export interface PoisonedRun {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  readonly split: WdbcSplit;
  readonly attack: Attack;
}

export interface Outcome {
  /** On the held-out rows; null where a round fell short of K. */
  readonly auroc: number | null;
  /** How often the enclave refused the hostile contribution. */
  readonly refused: number;
}

export async function runPoisoned({ backend, plan, split, attack }: PoisonedRun): Promise<Outcome> {
  let base = initialCheckpoint(plan).content;
  const kept = new Map<number, readonly Tensor[]>();
  let refused = 0;
  for (let round = 1; round <= plan.rounds; round += 1) {
    const task = roundTask(plan, round);
    const accepted: { readonly weight: number; readonly integers: Integers }[] = [];
    for (const [i, own] of split.sites.entries()) {
      const isHostile = i === hostileSite;
      const train = isHostile && attack.rows !== undefined ? attack.rows(own) : own;
      const data = { train, test: train, missing: { cells: new Float64Array(), droppedRows: 0 } };
      const site = siteNames[i] ?? '';
      const local = await workLocally({ backend, plan, site, round, base, data, kept: kept.get(i) ?? [] });
      const integers = isHostile ? attacked(attack, local.integers, { plan, task }) : local.integers;
      if (!isWithinBound(task, integers)) {
        refused += 1;
        continue;
      }
      accepted.push({ weight: plan.weighting === 'equal' ? 1 : own.rows, integers });
      kept.set(i, local.kept);
    }
    if (accepted.length < plan.sites.minimum) return { auroc: null, refused };
    base = { round, ...task.next(closed(task, base, accepted)) };
  }
  const { features, labels } = split.test;
  const predictions = predict({ backend, plan, model: base.model, features });
  return { auroc: auroc({ predictions, labels: Float64Array.from(labels) }), refused };
}

function closed(
  task: RoundTask,
  base: ClosedContributions['base'],
  accepted: ClosedContributions['each'],
): ClosedContributions {
  const sums = task.tensors.map(({ shape }, t) => {
    const sum = new BigInt64Array(shape.reduce((product, size) => product * size, 1));
    for (const { weight, integers } of accepted) {
      integers[t]?.forEach((value, j) => {
        sum[j] = (sum[j] ?? 0n) + BigInt(value) * BigInt(weight);
      });
    }
    return sum;
  });
  const totalWeight = accepted.reduce((sum, { weight }) => sum + weight, 0);
  const each = task.reads === 'each' ? accepted : [];
  return { base, sums, totalWeight, contributors: accepted.length, each };
}

/** The enclave's own check of the one group that a norm bounds. */
function isWithinBound({ tensors, limits }: RoundTask, integers: Integers): boolean {
  const bounded = integers.filter((_, t) => limits[t]?.kind === 'norm');
  const squares = bounded.reduce((sum, values) => sum + sumOfSquares(values), 0n);
  const [first] = limits;
  return first?.kind !== 'norm' || compareNorm(squares, first.bound, tensors[0]?.stepLog2 ?? 0) <= 0;
}
