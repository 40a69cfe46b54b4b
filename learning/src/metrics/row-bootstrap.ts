// Bootstrap of a site's own rows, for what is no function of a score table: squared errors and pairs of survival times.
import { type ConcordanceCounts, concordance } from '../cox/concordance.ts';
import type { Answers } from '../metrics.ts';
import type { ResamplingRandom } from './resampling.ts';

export interface RowBootstrap<T> {
  readonly random: ResamplingRandom;
  readonly replicates: number;
  readonly of: T;
}

/** Σ of as many values as there are, drawn with replacement, once a replicate. */
export function resampledSums({ random, replicates, of }: RowBootstrap<Float64Array>): Float64Array {
  return Float64Array.from({ length: replicates }, () => {
    let sum = 0;
    for (let draw = 0; draw < of.length; draw += 1) sum += of[random.below(of.length)] ?? 0;
    return sum;
  });
}

/** Pairs among as many rows as there are, drawn with replacement, once a replicate. */
export function resampledPairs({ random, replicates, of }: RowBootstrap<Answers>): readonly ConcordanceCounts[] {
  const { predictions, labels, events } = of;
  return Array.from({ length: replicates }, () => {
    const rows = Uint32Array.from(predictions, () => random.below(predictions.length));
    const pick = (values: Float64Array | Float32Array | undefined): Float64Array =>
      Float64Array.from(rows, (row) => values?.[row] ?? 0);
    return concordance({ risks: pick(predictions), labels: pick(labels), events: pick(events) });
  });
}
