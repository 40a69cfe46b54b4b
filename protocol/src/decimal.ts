// Decimal text as exact rationals: bounds that matter are never compared through floating point.
import { decimalSchema } from './documents/primitives.ts';
import { WardroundError } from './errors.ts';

/** numerator / denominator, the denominator a power of ten. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * Exact value of a decimal in its one shortest form (`-0.25`, `100`).
 *
 * @throws WardroundError `decimal-invalid`
 */
export function parseDecimal(text: string): Rational {
  if (!decimalSchema.safeParse(text).success) {
    throw new WardroundError('decimal-invalid', 'not a decimal in its shortest form', {
      expected: 'such as 0.25',
      got: text,
    });
  }
  const [whole = '', fraction = ''] = text.split('.');
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
}
