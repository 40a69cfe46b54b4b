// DP-SGD's chance at a site: which rows a step sees, and the noise on the sum of their clipped gradients.
import { parseDecimal } from '@wardround/protocol/decimal';
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import { noisedDoubles } from './add-noise.ts';
import { DiscreteGaussian } from './discrete-gaussian.ts';
import { PoissonSampling } from './poisson-sampling.ts';
import type { NoisePlan } from './update-noise.ts';
import { requirePrivateUpdates } from './private-updates.ts';
import { times, whole } from './rational.ts';
import { type RandomBytes, RandomWords } from './random-words.ts';

/**
 * The grid on which clipped gradients are summed: fine enough that rounding costs nothing (2⁻²⁴ of the clip norm a coordinate), coarse enough
 * that 2²⁷ rows' sum stays a whole number in a double.
 */
export interface GradientGrid {
  /** Gradients are multiples of 2^stepLog2. */
  readonly stepLog2: number;
  /** Clipped ones have a norm of at most so many steps: `clipNorm`, rounded down. From 2²⁴ to 2²⁵. */
  readonly clipNormSteps: number;
}

/** @throws WardroundError `noise-grid` for a clip norm that has none, `decimal-invalid` */
export function gradientGrid(clipNorm: string): GradientGrid {
  const { numerator, denominator } = parseDecimal(clipNorm);
  for (let stepLog2 = 16; stepLog2 >= -62; stepLog2 -= 1) {
    const steps = (numerator << BigInt(16 - stepLog2)) / (denominator << 16n);
    if (steps >= 2n ** 24n && steps < 2n ** 25n) return { stepLog2, clipNormSteps: Number(steps) };
  }
  throw new WardroundError('noise-grid', 'no grid for gradients of that norm', {
    got: clipNorm,
    where: 'privacy.clipNorm',
  });
}

/**
 * What a site draws for DP-SGD on its own rows, and its terms.
 *
 * A step's sum G = Σ over the drawn rows of gⱼ, integers with ‖gⱼ‖ ≤ C = `grid.clipNormSteps` exactly. One row is one patient. A patient more
 * or less moves G by at most C, a patient's other values by 2C; the divisor is the plan's batch size and no count of rows. Each row is drawn
 * by its own coin of the plan's rate, and the noise has σ = z · C with z the plan's multiplier, so each step is a Poisson-subsampled discrete
 * Gaussian of multiplier z. Everything after it (the optimiser, the rounds, the model) is a function of noisy sums.
 *
 * Source: Abadi et al., "Deep Learning with Differential Privacy", 2016, algorithm 1.
 */
export class GradientNoise {
  readonly grid: GradientGrid;
  readonly record: RoundReceipt['noise'];
  readonly #sampling: PoissonSampling;
  readonly #gaussian: DiscreteGaussian;
  readonly #words: RandomWords;

  /**
   * @param random secret and fresh for every attempt: {@link freshBytes}; seeded in simulations alone, which protect nobody
   * @throws WardroundError `noise-plan` unless the plan is one of DP-SGD on patients, `noise-sampling`, `noise-grid`, `noise-sigma`
   */
  constructor(plan: NoisePlan, random: RandomBytes) {
    const { clipNorm, samplingRate, noiseMultiplier, multiplierText } = requirePrivateUpdates(plan, 'dpSgd');
    this.grid = gradientGrid(clipNorm);
    this.#sampling = new PoissonSampling(samplingRate);
    this.#gaussian = new DiscreteGaussian(times(noiseMultiplier, whole(BigInt(this.grid.clipNormSteps))));
    this.#words = new RandomWords(random);
    this.record = { mode: 'dpSgd', noiseMultiplier: multiplierText, samplingRate };
  }

  /** The rows of one step, none among the possible answers. @throws WardroundError `noise-random` */
  sampledRows(rows: number): Uint32Array<ArrayBuffer> {
    return this.#sampling.sample(this.#words, rows);
  }

  /** The sum of one step with its noise. @throws WardroundError `noise-random` */
  noised(sums: readonly Float64Array[]): readonly Float64Array[] {
    return sums.map((values) => noisedDoubles(values, { gaussian: this.#gaussian, words: this.#words }));
  }
}
