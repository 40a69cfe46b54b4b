// Which rows each optimiser step sees. A function of (seed, site, rows, batch size, steps, round): a restart needs no memory.
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';

export interface BatchPlan {
  /** Rows of the site's training data. */
  readonly rows: number;
  readonly batchSize: number;
  /** Optimiser steps a round. */
  readonly steps: number;
  /** From 1. */
  readonly round: number;
}

/**
 * The batches of one round. Round r takes steps (r − 1)·steps … r·steps − 1 of an endless stream in which every epoch is a fresh order of
 * all rows; a batch never crosses the end of an epoch, so an epoch's last batch may be smaller. The order comes from the plan's public seed:
 * only for plans without differential privacy.
 *
 * @throws WardroundError `batch-plan`
 */
export function* batchesOfRound(
  plan: BatchPlan & { readonly seed: number; readonly site: string },
): Generator<Uint32Array<ArrayBuffer>> {
  requirePlan(plan);
  const { seed, site, rows } = plan;
  let current = { epoch: -1, order: new Uint32Array(0) };
  for (const { epoch, start, end } of spansOfRound(plan)) {
    if (epoch !== current.epoch) {
      current = { epoch, order: new SeededRandom(labels.batchOrder, [seed, site, epoch]).permutation(rows) };
    }
    yield current.order.slice(start, end);
  }
}

/**
 * The same, from an explicit order: one epoch after the other, as an oracle or a recorded run lists them.
 *
 * @throws WardroundError `batch-plan`, `batch-order` (ends early, or names a row that is not there)
 */
export function* explicitBatches(
  plan: BatchPlan & { readonly order: readonly number[] },
): Generator<Uint32Array<ArrayBuffer>> {
  requirePlan(plan);
  const { rows, order } = plan;
  for (const { epoch, start, end } of spansOfRound(plan)) {
    const batch = order.slice(epoch * rows + start, epoch * rows + end);
    if (batch.length !== end - start || !batch.every((row) => Number.isInteger(row) && row >= 0 && row < rows)) {
      throw new WardroundError('batch-order', 'the order ends early or names a row that is not there', {
        where: `round ${plan.round}, epoch ${epoch}`,
      });
    }
    yield Uint32Array.from(batch);
  }
}

interface Span {
  readonly epoch: number;
  readonly start: number;
  readonly end: number;
}

function* spansOfRound({ rows, batchSize, steps, round }: BatchPlan): Generator<Span> {
  const batchesAnEpoch = Math.ceil(rows / batchSize);
  const first = (round - 1) * steps;
  for (let batch = first; batch < first + steps; batch += 1) {
    const start = (batch % batchesAnEpoch) * batchSize;
    yield { epoch: Math.floor(batch / batchesAnEpoch), start, end: Math.min(start + batchSize, rows) };
  }
}

function requirePlan(plan: BatchPlan): void {
  for (const name of ['rows', 'batchSize', 'steps', 'round'] as const) {
    if (!Number.isSafeInteger(plan[name]) || plan[name] < 1) {
      throw new WardroundError('batch-plan', 'no batches can be made', {
        where: name,
        expected: 'at least 1',
        got: `${plan[name]}`,
      });
    }
  }
  if (!Number.isSafeInteger(plan.steps * plan.round)) {
    throw new WardroundError('batch-plan', 'more steps than can be counted', { where: 'round' });
  }
}
