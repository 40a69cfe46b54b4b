// The discrete Gaussian, drawn exactly: the noise of every mechanism here, on the grid on which the sums live.
//
// Float noise on float sums is no Gaussian: which doubles can come out depends on what was hidden (Mironov, "On significance of the least
// significant bits for differential privacy", 2012). Whole numbers plus whole-numbered noise have no least significant bits to look at.
import type { Rational } from '@wardround/protocol/decimal';
import { WardroundError } from '@wardround/protocol/errors';
import { type Exponent, bernoulliExp, bernoulliExpOfOne } from './bernoulli.ts';
import type { RandomWords } from './random-words.ts';
import { nearestDouble, times } from './rational.ts';

/** Beyond, a sample might leave the whole numbers that a double holds. */
const mostSigma = 2n ** 46n;
/** Below, every sample is 0 (a probability of e^(−2³⁹) is none), so that it would be no noise. */
const leastSigmaDivisor = 2n ** 20n;
const mostDigits = 4096n;

/** A Laplace variable beyond so many scales is cut there: of that probability e⁻⁶⁴, and then kept with one below e⁻¹⁹⁰⁰. */
const mostScales = 64;
const one: Exponent = { near: 1, exact: () => ({ numerator: 1n, denominator: 1n }) };

/**
 * Integers x with probability proportional to exp(−x²/2σ²), for a σ > 0 that is any ratio of whole numbers.
 *
 * Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", 2020, algorithms 2 and 3.
 */
export class DiscreteGaussian {
  /** σ² */
  readonly #variance: Rational;
  /** ⌊σ⌋ + 1: scale of the Laplace variables of which some are kept. */
  readonly #scale: number;
  readonly #shift: number;
  readonly #halfPrecision: number;

  /** @throws WardroundError `noise-sigma` unless 2⁻²⁰ ≤ σ ≤ 2⁴⁶: the absence of noise is no noise of deviation 0 */
  constructor(sigma: Rational) {
    requireSigma(sigma);
    this.#variance = times(sigma, sigma);
    const scale = sigma.numerator / sigma.denominator + 1n;
    this.#scale = Number(scale);
    this.#shift = nearestDouble(times(this.#variance, { numerator: 1n, denominator: scale }));
    this.#halfPrecision = 1 / (2 * nearestDouble(this.#variance));
  }

  /** A whole number below 2⁵³ in size. @throws WardroundError `noise-random` */
  sample(words: RandomWords): number {
    for (;;) {
      const size = this.#laplaceSize(words);
      const isNegative = words.below(2) === 1;
      if (isNegative && size === 0) continue;
      if (this.#isKept(words, size)) return isNegative ? -size : size;
    }
  }

  /** Algorithm 2 with s = 1, without its sign. */
  #laplaceSize(words: RandomWords): number {
    const scale = this.#scale;
    for (;;) {
      const offset = words.below(scale);
      const exact = (): Rational => ({ numerator: BigInt(offset), denominator: BigInt(scale) });
      if (offset > 0 && !bernoulliExpOfOne(words, { near: offset / scale, exact })) continue;
      let scales = 0;
      while (scales < mostScales && bernoulliExpOfOne(words, one)) scales += 1;
      return offset + scale * scales;
    }
  }

  /** Algorithm 3: with probability exp(−(size − σ²/t)² / 2σ²). Of the double, |size − σ²/t| is off by 2⁻⁵²σ at most, so γ by 2⁻⁴⁹(1 + γ). */
  #isKept(words: RandomWords, size: number): boolean {
    const distance = size - this.#shift;
    return bernoulliExp(words, {
      near: distance * distance * this.#halfPrecision,
      exact: () => this.#exponentOf(BigInt(size)),
    });
  }

  /** With σ² = a/b: (|y| − σ²/t)² / 2σ² = (|y|·b·t − a)² / 2abt². */
  #exponentOf(size: bigint): Rational {
    const { numerator: a, denominator: b } = this.#variance;
    const scale = BigInt(this.#scale);
    return { numerator: (size * b * scale - a) ** 2n, denominator: 2n * a * b * scale * scale };
  }
}

function requireSigma({ numerator, denominator }: Rational): void {
  const isRatio = denominator > 0n && numerator > 0n && denominator < 1n << mostDigits;
  if (isRatio && numerator <= mostSigma * denominator && numerator * leastSigmaDivisor >= denominator) return;
  throw new WardroundError('noise-sigma', 'no standard deviation that can be drawn exactly', {
    expected: 'from 2^-20 to 2^46 steps; a coarser step makes it smaller',
  });
}
