// Which rows a step of DP-SGD sees: each by its own coin, so that the accountant's theorem is about what happens.
import { parseDecimal } from '@wardround/protocol/decimal';
import { WardroundError } from '@wardround/protocol/errors';
import { type Exponent, bernoulli } from './bernoulli.ts';
import type { RandomWords } from './random-words.ts';
import { nearestDouble } from './rational.ts';

/** A sampling rate as the plan writes it, above 0 and at most 1. */
export class PoissonSampling {
  readonly #rate: Exponent;

  /** @throws WardroundError `noise-sampling`, `decimal-invalid` */
  constructor(rate: string) {
    const exact = parseDecimal(rate);
    if (exact.numerator <= 0n || exact.numerator > exact.denominator) {
      throw new WardroundError('noise-sampling', 'not a rate at which rows can be sampled', {
        expected: 'above 0, at most 1',
        got: rate,
      });
    }
    this.#rate = { near: nearestDouble(exact), exact: () => exact };
  }

  /**
   * Of the rows 0 … rows − 1 each independently with the rate's probability, exactly; none at all is a sample like any other. In their
   * order. The randomness must be secret: who knows which rows were drawn has no amplification to grant.
   *
   * @throws WardroundError `noise-random`
   */
  sample(words: RandomWords, rows: number): Uint32Array<ArrayBuffer> {
    const drawn: number[] = [];
    for (let row = 0; row < rows; row += 1) if (bernoulli(words, this.#rate)) drawn.push(row);
    return Uint32Array.from(drawn);
  }
}
