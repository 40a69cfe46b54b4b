// A federation in one process for the strategies' tests: real local work, the enclave's checks of limits, exact sums. Everything that lasts
// from one round to the next goes through bytes, as it would from one process to another.
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '@wardround/learning/checkpoint';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { workLocally } from '@wardround/learning/rounds/local-work';
import { type Integers, type RoundTask, roundTask } from '@wardround/learning/rounds/round-task';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import type { Backend } from '@wardround/learning/tfjs/backend';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { compareNorm, sumOfSquares } from '@wardround/protocol/fixed-point';
import { type Tensor, decodeSafetensors, encodeSafetensors } from '@wardround/protocol/safetensors';

export interface Contribution {
  readonly site: string;
  readonly weight: number;
  readonly integers: Integers;
}

export interface FederationRun {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  /** In roster order. */
  readonly rows: readonly Rows[];
  /** Whether a site contributes to a round; all do where it is left out. */
  readonly contributes?: (site: number, round: number) => boolean;
}

export interface FederationRound {
  readonly checkpoint: Checkpoint;
  /** What each site keeps after the round. */
  readonly kept: readonly (readonly Tensor[])[];
  readonly contributions: readonly Contribution[];
}

export async function runFederation(run: FederationRun): Promise<readonly FederationRound[]> {
  const { backend, plan, rows, contributes = () => true } = run;
  const rounds: FederationRound[] = [];
  let base = initialCheckpoint(plan).content;
  let kept: readonly (readonly Tensor[])[] = rows.map(() => []);
  for (let round = 1; round <= plan.rounds; round += 1) {
    const contributions: Contribution[] = [];
    const next = [...kept];
    for (const [i, train] of rows.entries()) {
      if (!contributes(i, round)) continue;
      const site = plan.sites.roster[i]?.name ?? '';
      const data = { train, test: train, missing: { cells: new Float64Array(0), droppedRows: 0 } };
      const local = await workLocally({ backend, plan, site, round, base, data, kept: kept[i] ?? [] });
      contributions.push({ site, weight: plan.weighting === 'equal' ? 1 : train.rows, integers: local.integers });
      next[i] = throughBytes(local.kept);
    }
    base = closeRound({ plan, round, base, contributions });
    kept = next;
    rounds.push({ checkpoint: base, kept, contributions });
  }
  return rounds;
}

/** What the enclave does with a round's contributions, in whatever order they came. */
export function closeRound({
  plan,
  round,
  base,
  contributions,
}: {
  readonly plan: StudyPlan;
  readonly round: number;
  readonly base: Checkpoint;
  readonly contributions: readonly Contribution[];
}): Checkpoint {
  const task = roundTask(plan, round);
  for (const { integers } of contributions) requireWithinLimits(task, integers);
  const sums = task.tensors.map(({ weighting }, t) => {
    const length = contributions[0]?.integers[t]?.length ?? 0;
    const sum = new BigInt64Array(length);
    for (const { integers, weight } of contributions) {
      const times = weighting === 'byEnclave' ? BigInt(weight) : 1n;
      integers[t]?.forEach((value, j) => {
        sum[j] = (sum[j] ?? 0n) + BigInt(value) * times;
      });
    }
    return sum;
  });
  const content = task.next({
    base,
    sums,
    totalWeight: contributions.reduce((sum, { weight }) => sum + weight, 0),
    contributors: contributions.length,
    each: task.reads === 'each' ? contributions.toSorted((a, b) => (a.site < b.site ? -1 : 1)) : [],
  });
  return decodeCheckpoint(encodeCheckpoint({ round, ...content }));
}

function requireWithinLimits({ tensors, limits }: RoundTask, integers: Integers): void {
  if (integers.length !== tensors.length || limits.length !== tensors.length) throw new Error('not the layout');
  const squares = new Map<string, bigint>();
  limits.forEach((limit, t) => {
    const values = integers[t] ?? new Int32Array();
    const { shape = [], stepLog2 = 0 } = tensors[t] ?? {};
    if (values.length !== shape.reduce((a, b) => a * b, 1)) throw new Error(`tensor ${t} has not its shape`);
    if (limit.kind === 'range') {
      values.forEach((value) => {
        if (value < limit.least || value > limit.most) throw new Error(`tensor ${t} is out of its range`);
      });
      return;
    }
    const total = (squares.get(limit.group) ?? 0n) + sumOfSquares(values);
    squares.set(limit.group, total);
    if (compareNorm(total, limit.bound, stepLog2) > 0) throw new Error(`group ${limit.group} is over its bound`);
  });
}

/** As a site writes its state down and reads it again after a restart. */
function throughBytes(tensors: readonly Tensor[]): readonly Tensor[] {
  return decodeSafetensors(encodeSafetensors(tensors)).tensors;
}
