// Cox's partial likelihood of one batch as tfjs operations, for gradient descent: the risk sets are those of the batch, at this site.
import type { Scalar, Tensor1D } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import { type Ties, groupsByTime, tiedShares } from '../cox/partial-likelihood.ts';
import type { Tf } from './backend.ts';

/** One a row of the batch, in its order. */
export interface BatchOutcomes {
  readonly times: Float32Array | Float64Array;
  /** 1 where the time ends with the event, 0 where it is censored. */
  readonly events: Float32Array | Float64Array;
}

/** A batch's events × rows are laid out as one matrix: 64 MiB at this size. A plan's `batchSize` must not be larger. */
export const largestCoxBatch = 4096;

/** Far below any exponent that float32 tells from 0. */
const absent = -1e9;

/**
 * −log partial likelihood of the batch, divided by its number of events; 0, with a gradient of 0, where it has none. Call within `tf.tidy`.
 *
 * With the whole site as one batch this is the exact stratum's likelihood; a smaller batch estimates it with smaller risk sets, as
 * gradient descent on Cox's model commonly does (Kvamme, Borgan and Scheel, JMLR 20, 2019, section 3.1).
 *
 * @param risks the model's outputs for the batch
 * @throws WardroundError `cox-batch` (sizes that differ, or beyond {@link largestCoxBatch})
 */
export function coxBatchLoss(tf: Tf, risks: Tensor1D, batch: BatchOutcomes & { readonly ties: Ties }): Scalar {
  requireBatch(risks.size, batch);
  const { count, offsets } = riskSets(batch);
  if (count === 0) return risks.sum<Scalar>().mul(0);
  const weighted = risks.expandDims<Tensor1D>(0).add(tf.tensor2d(offsets, [count, risks.size]));
  const logTotals: Scalar = tf.logSumExp(weighted, 1).sum<Scalar>();
  // Not `gather`: the gradient of it needs a kernel that the WASM backend lacks.
  const ofEvents: Scalar = risks.mul(tf.tensor1d(Float32Array.from(batch.events))).sum<Scalar>();
  return logTotals.sub<Scalar>(ofEvents).div(count);
}

interface RiskSets {
  /** Events in the batch. */
  readonly count: number;
  /** For each event and each row the logarithm of the row's share in the risk set. */
  readonly offsets: Float32Array;
}

function riskSets({ times, events, ties }: BatchOutcomes & { readonly ties: Ties }): RiskSets {
  const rows = times.length;
  const lines: Float32Array[] = [];
  const line = new Float32Array(rows).fill(absent);
  for (const group of groupsByTime({ rows, labels: times }, 'latestFirst')) {
    for (const row of group) line[row] = 0;
    const tied = group.filter((row) => events[row] === 1);
    for (const share of tiedShares(tied.length, ties)) {
      const own = Float32Array.from(line);
      for (const row of tied) own[row] = Math.log(1 - share);
      lines.push(own);
    }
  }
  const offsets = new Float32Array(lines.length * rows);
  lines.forEach((own, i) => offsets.set(own, i * rows));
  return { count: lines.length, offsets };
}

function requireBatch(size: number, { times, events }: BatchOutcomes): void {
  if (times.length === size && events.length === size && size >= 1 && size <= largestCoxBatch) return;
  throw new WardroundError('cox-batch', 'a batch that cannot be laid out as risk sets', {
    expected: `1 to ${largestCoxBatch} rows, a time and an event each`,
    got: `${size} rows, ${times.length} times, ${events.length} events`,
    where: 'training.batchSize',
  });
}
