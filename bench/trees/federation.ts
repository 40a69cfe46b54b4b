// One forest over any sites in one process: what sites and enclave compute, through their own code, without what lies between them.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { elementsOf } from '@wardround/protocol/payload';
import { roundsOfTrees } from '@wardround/protocol/tree-sizes';
import type { Checkpoint } from '@wardround/learning/checkpoint';
import type { Integers, RoundTask } from '@wardround/learning/rounds/round-task';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { withSection } from '@wardround/learning/rounds/state-sections';
import { localStatistics } from '@wardround/learning/statistics/local-statistics';
import { initialStatistics } from '@wardround/learning/statistics/state';
import { statisticsTask } from '@wardround/learning/statistics/statistics-task';
import { treesContribution } from '@wardround/learning/trees/local';
import { initialTrees, treesModelOf } from '@wardround/learning/trees/shape';
import { treesTask } from '@wardround/learning/trees/task';

export interface GrownForest {
  readonly checkpoint: Checkpoint;
  readonly seconds: number;
  /** Of the largest round: one site's integers. */
  readonly largestContribution: number;
}

export function growForest(plan: StudyPlan, sites: readonly Rows[], progress: (round: number) => void): GrownForest {
  const started = performance.now();
  let checkpoint = afterStatistics(plan, sites);
  let largestContribution = 0;
  for (let trainingRound = 1; trainingRound <= roundsOfTrees(treesModelOf(plan)); trainingRound += 1) {
    const task = treesTask(plan, { trainingRound });
    const base = checkpoint;
    const content = close(
      task,
      base,
      sites.map((data) => treesContribution({ plan, base, trainingRound, data })),
    );
    checkpoint = { round: trainingRound, ...content };
    largestContribution = Math.max(largestContribution, ...task.tensors.map((header) => 3 * 8 * elementsOf(header)));
    progress(trainingRound);
  }
  return { checkpoint, seconds: (performance.now() - started) / 1000, largestContribution };
}

function afterStatistics(plan: StudyPlan, sites: readonly Rows[]): Checkpoint {
  const model = initialTrees(treesModelOf(plan));
  if (plan.statistics.length === 0) return { round: 0, model, state: [] };
  const base = { round: 0, model, state: withSection([], 'statistics', initialStatistics(plan)) };
  const none: Rows = { rows: 0, features: new Float64Array(0), labels: new Float64Array(0) };
  const missing = { cells: new Float64Array((sites[0]?.features.length ?? 0) / (sites[0]?.rows ?? 1)), droppedRows: 0 };
  const sent = sites.map((train) => localStatistics(plan, { train, test: none, missing }));
  return { round: 0, ...close(statisticsTask(plan), base, sent) };
}

function close(task: RoundTask, base: Checkpoint, sent: readonly Integers[]): ReturnType<RoundTask['next']> {
  const sums = task.tensors.map((header) => new BigInt64Array(elementsOf(header)));
  for (const integers of sent) {
    integers.forEach((values, tensor) => {
      const into = sums[tensor] ?? new BigInt64Array(0);
      for (let i = 0; i < into.length; i += 1) into[i] = (into[i] ?? 0n) + BigInt(values[i] ?? 0);
    });
  }
  return task.next({ base, sums, totalWeight: sent.length, contributors: sent.length, each: [] });
}
