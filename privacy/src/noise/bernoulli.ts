// Coins that fall with exactly the probability they should: a rational number, or e to the power of minus one.
//
// A coin of probability p compares a uniform real, drawn 32 bits at a time, with p. Doubles decide only where their error leaves no doubt
// (all but one comparison in 2³²); the others are decided by whole numbers. So no rounding ever reaches the distribution.
import type { Rational } from '@wardround/protocol/decimal';
import type { RandomWords } from './random-words.ts';

/** A number γ ≥ 0: as a double that is off by at most {@link nearness} · (1 + γ), and exactly, for when that is not enough. */
export interface Exponent {
  readonly near: number;
  readonly exact: () => Rational;
}

/** What is granted to doubles: those of this room are off by less than a thirtieth of it. */
const nearness = 2 ** -44;
const wordValues = 2 ** 32;

/**
 * True with probability exp(−γ), exactly, for a γ of at most 1.
 *
 * Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", 2020, algorithm 1.
 *
 * @throws WardroundError `noise-random`
 */
export function bernoulliExpOfOne(words: RandomWords, gamma: Exponent): boolean {
  return isUnbroken(words, gamma, 1);
}

/** The same of any γ ≥ 0, as the product of equal factors whose exponents are at most 1. @throws likewise */
export function bernoulliExp(words: RandomWords, gamma: Exponent): boolean {
  const parts = Math.max(1, Math.ceil(gamma.near + nearness * (1 + gamma.near)));
  for (let part = 0; part < parts; part += 1) if (!isUnbroken(words, gamma, parts)) return false;
  return true;
}

/** Algorithm 1 for γ / parts: the first coin of γ/k, k = 1, 2, …, to fail has an odd k. */
function isUnbroken(words: RandomWords, gamma: Exponent, parts: number): boolean {
  let k = 1;
  while (isBelow(words, gamma, parts * k)) k += 1;
  return k % 2 === 1;
}

/** True with probability p = numerator / denominator ≤ 1, exactly. @throws WardroundError `noise-random` */
export function bernoulli(words: RandomWords, probability: Exponent): boolean {
  return isBelow(words, probability, 1);
}

/** Whether a uniform real of [0, 1) is below γ / divisor. */
function isBelow(words: RandomWords, gamma: Exponent, divisor: number): boolean {
  const word = words.uint32();
  const { near } = gamma;
  const scale = wordValues / divisor;
  const margin = nearness * (1 + near);
  if (word + 1 <= (near - margin) * scale) return true;
  if (word >= (near + margin) * scale) return false;
  return isBelowExactly(words, { word, ratio: gamma.exact(), divisor });
}

interface Undecided {
  /** The first 32 bits of the uniform real. */
  readonly word: number;
  readonly ratio: Rational;
  readonly divisor: number;
}

function isBelowExactly(words: RandomWords, { word, ratio, divisor }: Undecided): boolean {
  const denominator = ratio.denominator * BigInt(divisor);
  let numerator = ratio.numerator;
  let digit = BigInt(word);
  for (;;) {
    const rest = (numerator << 32n) - digit * denominator;
    if (rest <= 0n) return false;
    if (rest >= denominator) return true;
    numerator = rest;
    digit = BigInt(words.uint32());
  }
}
