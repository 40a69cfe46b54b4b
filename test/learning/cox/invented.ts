// Invented patients with times and events, the same for the same seed.
import type { SurvivalRows } from '@wardround/learning/cox/partial-likelihood';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';

export interface Shape {
  readonly rows: number;
  readonly columns: number;
  /** Times are 1 to this: few of them make many ties. */
  readonly times: number;
  /** The share of patients with the event. */
  readonly events: number;
}

export function survivors(seed: number, { rows, columns, times, events }: Shape): SurvivalRows {
  const random = new SeededRandom(labels.split, ['survivors', seed]);
  return {
    rows,
    features: Float64Array.from({ length: rows * columns }, () => 2 * random.fraction() - 1),
    labels: Float64Array.from({ length: rows }, () => 1 + Math.floor(times * random.fraction())),
    events: Float64Array.from({ length: rows }, () => Number(random.fraction() < events)),
  };
}
