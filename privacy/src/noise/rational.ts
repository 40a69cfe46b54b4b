// Exact ratios of whole numbers: standard deviations, rates and bounds on the grid, never rounded in anybody's favour but the patients'.
import type { Rational } from '@wardround/protocol/decimal';

export function whole(value: bigint): Rational {
  return { numerator: value, denominator: 1n };
}

export function times(a: Rational, b: Rational): Rational {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

/** The least whole number that is not below. Of ratios ≥ 0. */
export function ceiling({ numerator, denominator }: Rational): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/** The least whole number whose square is not below. Of ratios ≥ 0. */
export function rootCeiling(square: Rational): bigint {
  const least = ceiling(square);
  const root = rootFloor(least);
  return root * root === least ? root : root + 1n;
}

/** ⌊√value⌋ by Newton's method, from above. */
function rootFloor(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (root + value / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}

const doubleBits = 64;

/** Off by at most 2⁻⁵² of itself. Of ratios > 0 whose value a double can hold. */
export function nearestDouble({ numerator, denominator }: Rational): number {
  const shift = bitLength(denominator) - bitLength(numerator) + doubleBits;
  const quotient =
    shift >= 0 ? (numerator << BigInt(shift)) / denominator : numerator / (denominator << BigInt(-shift));
  return Number(quotient) * 2 ** -shift;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}
