// What a reservation with differential privacy is made of, so that an accountant can compose it with every other on the same population.
import * as z from 'zod';
import { positiveCountSchema, positiveDecimalSchema } from '@wardround/protocol/documents/primitives';
import type { Noise, Sampling, Spending } from './accounting/mechanism.ts';

const noiseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('gaussian') }),
  z.strictObject({ kind: z.literal('discreteGaussian'), clipNormSteps: positiveDecimalSchema }),
  z.strictObject({ kind: z.literal('discreteGaussianCount'), sensitivity: positiveCountSchema }),
]);

const samplingSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('poisson'), rate: positiveDecimalSchema }),
  z.strictObject({ kind: z.literal('fixedSize'), rate: positiveDecimalSchema }),
]);

/** For the whole study: each count is rounds times attempts, whatever is used of it. */
export const reservedSpendingSchema = z.strictObject({
  unit: z.enum(['patient', 'site']),
  adjacency: z.enum(['addOrRemoveOne', 'replaceOne']),
  uses: z
    .array(
      z.strictObject({
        noise: noiseSchema,
        noiseMultiplier: positiveDecimalSchema,
        sampling: samplingSchema,
        count: positiveCountSchema,
      }),
    )
    .min(1)
    .max(16),
});
export type ReservedSpending = z.infer<typeof reservedSpendingSchema>;

/**
 * One spending of several, as an accountant takes it; null where they do not speak of the same neighbours, so that no accountant may add them.
 */
export function composedSpending(all: readonly ReservedSpending[]): Spending | null {
  const [first] = all;
  if (first === undefined) return null;
  if (all.some(({ unit, adjacency }) => unit !== first.unit || adjacency !== first.adjacency)) return null;
  const uses = all.flatMap((one) =>
    one.uses.map(({ noise, noiseMultiplier, sampling, count }) => ({
      mechanism: {
        noise: noiseOf(noise),
        noiseMultiplier: Number(noiseMultiplier),
        sampling: samplingOf(sampling),
      },
      count,
    })),
  );
  return { adjacency: first.adjacency, uses };
}

function noiseOf(noise: ReservedSpending['uses'][number]['noise']): Noise {
  return noise.kind === 'discreteGaussian' ? { ...noise, clipNormSteps: Number(noise.clipNormSteps) } : noise;
}

function samplingOf(sampling: ReservedSpending['uses'][number]['sampling']): Sampling {
  return sampling.kind === 'none' ? sampling : { ...sampling, rate: Number(sampling.rate) };
}
