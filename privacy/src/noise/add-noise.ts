// Noise onto whole numbers. What leaves the ring is brought to its end: that depends on the noisy value alone, so it costs no privacy.
import type { DiscreteGaussian } from './discrete-gaussian.ts';
import type { RandomWords } from './random-words.ts';

export interface NoiseSource {
  readonly gaussian: DiscreteGaussian;
  readonly words: RandomWords;
}

const [least64, most64] = [-(2n ** 63n), 2n ** 63n - 1n];
const [least32, most32] = [-(2 ** 31), 2 ** 31 - 1];

/** A site's integers. A copy; one sample for each, in their order. @throws WardroundError `noise-random` */
export function noised32(values: Int32Array, { gaussian, words }: NoiseSource): Int32Array<ArrayBuffer> {
  return Int32Array.from(values, (value) => Math.min(most32, Math.max(least32, value + gaussian.sample(words))));
}

/** The enclave's sums. As {@link noised32}. @throws likewise */
export function noised64(values: BigInt64Array, { gaussian, words }: NoiseSource): BigInt64Array<ArrayBuffer> {
  return BigInt64Array.from(values, (value) => {
    const noisy = value + BigInt(gaussian.sample(words));
    if (noisy < least64) return least64;
    return noisy > most64 ? most64 : noisy;
  });
}

/** Whole numbers in doubles, at most 2⁵² in size: sums of clipped gradients. As {@link noised32}. @throws likewise */
export function noisedDoubles(values: Float64Array, { gaussian, words }: NoiseSource): Float64Array<ArrayBuffer> {
  return Float64Array.from(values, (value) => value + gaussian.sample(words));
}
