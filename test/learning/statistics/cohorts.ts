// Sites for the statistics tests: columns of every kind, and their sums as the enclave would have them.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { taskOfStage } from '@wardround/learning/rounds/round-task';
import type { Integers, NextContent } from '@wardround/learning/rounds/round-task';
import type { Rows, SiteRows } from '@wardround/learning/rounds/site-rows';
import type { Stage } from '@wardround/protocol/schedule';
import { cohortOf } from '../plans.ts';

export const mixedCohort: Cohort = {
  ...cohortOf(['age', 'flag']),
  features: [
    { type: 'number', name: 'age', unit: 'a', range: { min: '18', max: '100' }, missing: 'dropRow' },
    { type: 'number', name: 'flag', unit: null, range: { min: '0', max: '1' }, missing: 'refuse' },
    { type: 'code', name: 'cp', codes: [1, 2, 3], encode: 'oneHotDropFirst', missing: 'dropRow' },
  ],
};

export interface MixedRow {
  readonly age: number;
  readonly flag: 0 | 1;
  readonly cp: 1 | 2 | 3;
  readonly y: 0 | 1;
}

export function mixedSite(train: readonly MixedRow[], test: readonly MixedRow[] = [], empty = 0): SiteRows {
  return {
    train: encoded(train),
    test: encoded(test),
    missing: { cells: Float64Array.of(empty, 0, 0, 0), droppedRows: empty },
  };
}

function encoded(rows: readonly MixedRow[]): Rows {
  return {
    rows: rows.length,
    features: Float64Array.from(rows.flatMap(({ age, flag, cp }) => [age, flag, Number(cp === 2), Number(cp === 3)])),
    labels: Float64Array.from(rows, ({ y }) => y),
  };
}

export interface Closing {
  readonly plan: StudyPlan;
  readonly stage: Stage;
  readonly base: Checkpoint;
}

/** The round closed over these contributions, each of weight 1. */
export function close({ plan, stage, base }: Closing, contributions: readonly Integers[]): NextContent {
  const task = taskOfStage(plan, stage);
  const sums = task.tensors.map((_, i) => sumOf(contributions.map((integers) => integers[i] ?? new Int32Array(0))));
  const { length } = contributions;
  return task.next({ base, sums, each: [], totalWeight: length, contributors: length });
}

function sumOf(tensors: Integers): BigInt64Array {
  return BigInt64Array.from({ length: tensors[0]?.length ?? 0 }, (_, i) =>
    tensors.reduce((sum, values) => sum + BigInt(values[i] ?? 0), 0n),
  );
}
