// What a fake site contributes to a round: integers that the round's task takes, deterministic, of a few invented rows where rows are asked for.
import { localEvaluation } from '@wardround/learning/evaluation/local-evaluation';
import { type Integers, roundTask } from '@wardround/learning/rounds/round-task';
import type { SiteRows } from '@wardround/learning/rounds/site-rows';
import { localStatistics } from '@wardround/learning/statistics/local-statistics';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { inputCount } from '@wardround/protocol/input-columns';
import { stageOf } from '@wardround/protocol/schedule';

export interface FakeWork {
  readonly plan: StudyPlan;
  readonly site: string;
  /** The site's place among all: each has other integers. */
  readonly index: number;
  readonly round: number;
}

export function fakeWork({ plan, site, index, round }: FakeWork): Integers {
  const stage = stageOf(plan, round);
  if (stage.task === 'statistics') return localStatistics(plan, fakeRows(plan, index));
  if (stage.task === 'evaluation') {
    const { test } = fakeRows(plan, index);
    const predictions = Float64Array.from({ length: test.rows }, (_, row) => ((row * 7 + index) % 10) / 10);
    const answers = { predictions, labels: Float64Array.from(test.labels) };
    return localEvaluation({ plan, site, trainingRound: stage.trainingRound, answers });
  }
  return roundTask(plan, round).tensors.map((tensor, t) => {
    const length = tensor.shape.reduce((product, size) => product * size, 1);
    const value = (i: number): number => ((index + 1) * 7919 + round * 104_729 + t * 31 + i * 17) % 100_003;
    return tensor.ring === 'int32'
      ? Int32Array.from({ length }, (_, i) => value(i))
      : BigInt64Array.from({ length }, (_, i) => BigInt(value(i)));
  });
}

interface FakeRows {
  readonly rows: number;
  readonly features: Float64Array<ArrayBuffer>;
  readonly labels: Float64Array<ArrayBuffer>;
}

export interface FakeSiteRows extends SiteRows {
  readonly train: FakeRows;
  readonly test: FakeRows;
  readonly missing: { readonly cells: Float64Array<ArrayBuffer>; readonly droppedRows: number };
}

/** 20 training rows and 16 test rows within the ranges of the fake plans. */
export function fakeRows(plan: StudyPlan, index: number): FakeSiteRows {
  const columns = inputCount(plan.cohort);
  const rowsOf = (rows: number): FakeRows => ({
    rows,
    features: Float64Array.from({ length: rows * columns }, (_, i) => (i * 3 + index) % 10),
    labels: Float64Array.from({ length: rows }, (_, row) => row % 2),
  });
  return { train: rowsOf(20), test: rowsOf(16), missing: { cells: new Float64Array(columns), droppedRows: 0 } };
}
