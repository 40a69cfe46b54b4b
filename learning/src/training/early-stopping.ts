// Early stopping by the pooled loss, on the enclave's side: each contribution carries its site's mean training loss as one more integer. After
// `patience` training rounds without improvement the flag in the state is up; the rounds that the schedule still has then change nothing, so
// that no document tells when the data said stop. What remains is the last model, not an earlier one: the loss is one of training, which
// sees no overfitting that going back would undo (as Keras' EarlyStopping without `restore_best_weights`).
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { ClosedContributions, NextContent, RoundTask, TensorLimit } from '../rounds/round-task.ts';
import { readSection, withSection } from '../rounds/state-sections.ts';
import { powerOfTwo } from '../strategies/server-strategy.ts';
import { type Float64Tensor, requireFloat64 } from '../tensor-view.ts';

type StoppingPlan = Pick<StudyPlan, 'cohort' | 'training'>;

/** Losses up to 2048, in millionths. */
const lossStepLog2 = -20;
const mostLoss = 2 ** 31 - 1;

export const lossHeader: TensorHeader = {
  name: 'training.loss',
  shape: [1],
  ring: 'int32',
  stepLog2: lossStepLog2,
  weighting: 'byEnclave',
};
const lossLimit: TensorLimit = { kind: 'range', least: 0n, most: BigInt(mostLoss) };

/** float64, one value each: training rounds seen, loss of the last and of the best, rounds since the best, 1 once stopped. */
const stateNames = ['rounds', 'loss', 'best', 'sinceBest', 'stopped'] as const;
interface StoppingState {
  readonly rounds: number;
  readonly loss: number;
  readonly best: number;
  readonly sinceBest: number;
  readonly stopped: number;
}

export function stopsEarly({ training }: StoppingPlan): boolean {
  return training.method === 'gradientDescent' && training.earlyStopping.method === 'pooledLoss';
}

/** The section `training` before the first round; empty for plans without early stopping. */
export function initialTraining(plan: StoppingPlan): readonly Float64Tensor[] {
  return stopsEarly(plan) ? tensorsOf({ rounds: 0, loss: 0, best: 0, sinceBest: 0, stopped: 0 }) : [];
}

/** Whether the rounds of training that are left change nothing. @throws WardroundError `tensors-mismatch` */
export function hasStopped(plan: StoppingPlan, state: readonly Tensor[]): boolean {
  return stopsEarly(plan) && readState(state).stopped === 1;
}

/**
 * The task with one more tensor where the plan stops early, last in the layout; the same task otherwise.
 *
 * @throws in `next` those of the task, and `sums-mismatch`
 */
export function withEarlyStopping(task: RoundTask, plan: StoppingPlan): RoundTask {
  if (!stopsEarly(plan)) return task;
  return {
    ...task,
    tensors: [...task.tensors, lossHeader],
    limits: [...task.limits, lossLimit],
    next: (closed) => nextOrStopped(task, plan, closed),
  };
}

function nextOrStopped(task: RoundTask, plan: StoppingPlan, closed: ClosedContributions): NextContent {
  const { base, sums, each, totalWeight } = closed;
  const before = readState(base.state);
  if (before.stopped === 1) return { model: base.model, state: base.state };
  const { model, state } = task.next({
    ...closed,
    sums: sums.slice(0, -1),
    each: each.map((one) => ({ ...one, integers: one.integers.slice(0, -1) })),
  });
  const sum = sums.at(-1);
  if (sum?.length !== 1 || totalWeight <= 0) {
    throw new WardroundError('sums-mismatch', 'the sums have no loss', { action: 'stop' });
  }
  const loss = (Number(sum[0] ?? 0n) / totalWeight) * powerOfTwo(lossStepLog2) * lossUnit(plan);
  return { model, state: withSection(state, 'training', tensorsOf(after(before, loss, plan))) };
}

function after(before: StoppingState, loss: number, { training }: StoppingPlan): StoppingState {
  const rule = training.method === 'gradientDescent' ? training.earlyStopping : { method: 'none' as const };
  if (rule.method === 'none') return before;
  const isBetter = before.rounds === 0 || loss < before.best - Number(rule.minimumImprovement);
  const sinceBest = isBetter ? 0 : before.sinceBest + 1;
  return {
    rounds: before.rounds + 1,
    loss,
    best: isBetter ? loss : before.best,
    sinceBest,
    stopped: sinceBest >= rule.patience ? 1 : 0,
  };
}

/** A site's loss as its contribution carries it; what is larger than the limit, or no number, counts as the limit. */
export function quantisedLoss(plan: StoppingPlan, loss: number): Int32Array<ArrayBuffer> {
  const steps = Math.round(loss / lossUnit(plan) / powerOfTwo(lossStepLog2));
  return Int32Array.of(steps < mostLoss ? Math.max(0, steps) : mostLoss);
}

/** A squared error is counted in squares of the label's range. */
function lossUnit({ cohort: { label } }: StoppingPlan): number {
  if (label.type !== 'number') return 1;
  const width = Number(label.range.max) - Number(label.range.min);
  return width > 0 ? width * width : 1;
}

function readState(state: readonly Tensor[]): StoppingState {
  const [rounds, loss, best, sinceBest, stopped] = requireFloat64(
    readSection(state, 'training'),
    stateNames.map((name) => ({ name, shape: [1] })),
  ).map(({ data }) => data[0] ?? 0);
  return {
    rounds: rounds ?? 0,
    loss: loss ?? 0,
    best: best ?? 0,
    sinceBest: sinceBest ?? 0,
    stopped: stopped ?? 0,
  };
}

function tensorsOf(state: StoppingState): readonly Float64Tensor[] {
  return stateNames.map((name) => ({ name, shape: [1], dtype: 'F64', data: Float64Array.of(state[name]) }));
}
