// Invented cohorts whose sites differ in size and in what is true there, so that strategies part ways.
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';

export const inputs = ['a', 'b', 'c'];

/** A site's rows: each site has its own weights, shifted inputs, and its own number of rows. */
export function siteRows(site: number, rows: number, seed = 1): Rows {
  const random = new SeededRandom(labels.syntheticCohort, ['strategies', seed, site]);
  const uniform = (): number => 2 * random.fraction() - 1;
  const truth = [1.5, -1, 0.5].map((value) => value + 0.8 * uniform());
  const features = Float64Array.from({ length: rows * inputs.length }, () => uniform() + 0.2 * site);
  const answers = Float64Array.from({ length: rows }, (_, row) => {
    const z = truth.reduce((sum, w, j) => sum + w * (features[row * inputs.length + j] ?? 0), 0);
    return random.fraction() < 1 / (1 + Math.exp(-3 * z)) ? 1 : 0;
  });
  return { rows, features, labels: answers };
}
