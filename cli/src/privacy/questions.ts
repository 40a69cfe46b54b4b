// From words on a command line, or in a file, to a question for the accountants.
import { WardroundError } from '@wardround/protocol/errors';
import type { Mechanism, Noise, Sampling } from '@wardround/privacy/accounting/mechanism';

export type SamplingWord = Sampling['kind'];

/**
 * A number as somebody typed it: digits, a point, an exponent. Whether it makes sense is the accountant's to say.
 *
 * @throws WardroundError `usage`
 */
export function typedNumber(text: string, option: string): number {
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) {
    throw new WardroundError('usage', 'not a number', { where: option, expected: 'such as 1.1 or 1e-5', got: text });
  }
  return value;
}

/** @throws WardroundError `usage` where the rate is missing, or given though nobody is drawn */
export function samplingFrom(kind: SamplingWord, rate: number | undefined): Sampling {
  if (kind === 'none') {
    if (rate === undefined || rate === 1) return { kind };
    throw new WardroundError('usage', 'nobody is drawn without sampling, so there is no rate', {
      where: '--sampling-rate',
      expected: '--sampling poisson or fixedSize, or no rate',
      got: String(rate),
    });
  }
  if (rate === undefined) {
    throw new WardroundError('usage', 'the rate of the sampling is missing', {
      where: '--sampling-rate',
      expected: 'the probability, or share, of a patient in one step; or --sampling none',
    });
  }
  return { kind, rate };
}

export interface MechanismWords {
  readonly noiseMultiplier: number;
  readonly sampling: Sampling;
  readonly gridSteps?: number | undefined;
}

/** With `gridSteps`, the clip norm in steps of the grid, the noise is the discrete Gaussian. */
export function mechanismFrom({ noiseMultiplier, sampling, gridSteps }: MechanismWords): Mechanism {
  const noise: Noise =
    gridSteps === undefined ? { kind: 'gaussian' } : { kind: 'discreteGaussian', clipNormSteps: gridSteps };
  return { noise, noiseMultiplier, sampling };
}
