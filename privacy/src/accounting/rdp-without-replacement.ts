// Rényi differential privacy of the Gaussian on batches of fixed size: Wang, Balle, Kasiviswanathan, "Subsampled Rényi Differential Privacy and Analytical Moments Accountant", AISTATS 2019.
import { logAdd, logBinomials, logSumExp } from './log-space.ts';

/** Above it the bound is not computed: infinite, which no minimum over orders chooses. */
export const greatestOrderWithoutReplacement = 256;

/**
 * Theorem 27 (the Gaussian's), and corollary 10 between integers: (α − 1) times the divergence is convex.
 *
 * @param sigma noise ÷ the most that replacing one patient changes the sum
 * @param rate batch size ÷ patients
 */
export function withoutReplacementRdp(
  { sigma, rate }: { sigma: number; rate: number },
  orders: readonly number[],
): readonly number[] {
  const central = centralMoments(sigma);
  const cumulant = (order: number) => (order === 1 ? 0 : logBound({ sigma, rate }, order, central));
  return orders.map((order) => {
    if (order > greatestOrderWithoutReplacement) return Number.POSITIVE_INFINITY;
    const below = Math.floor(order);
    const part = order - below;
    const log = part === 0 ? cumulant(order) : (1 - part) * cumulant(below) + part * cumulant(below + 1);
    return log / (order - 1);
  });
}

/** log of 1 + Σ C(α, j) rʲ · (the j-th term's bound). */
function logBound(
  { sigma, rate }: { sigma: number; rate: number },
  order: number,
  central: (power: number) => number,
): number {
  const binomials = logBinomials(order, order + 1);
  const gaussian = (power: number) => (power * (power - 1)) / (2 * sigma * sigma);
  const second = 1 / (sigma * sigma);
  let log = 0;
  for (let j = 2; j <= order; j += 1) {
    const ternary =
      j === 2
        ? Math.log(4) + second + Math.log1p(-Math.exp(-second))
        : Math.log(4) + 0.5 * (central(2 * Math.floor(j / 2)) + central(2 * Math.ceil(j / 2)));
    const term = Math.min(ternary, Math.log(2) + gaussian(j));
    log = logAdd(log, j * Math.log(rate) + (binomials[j] ?? 0) + term);
  }
  return log;
}

/** log E_Q (p/q − 1)ʲ for even j: an integral of what is never negative, so nothing cancels (the theorem's forward differences do). */
function centralMoments(sigma: number): (power: number) => number {
  const known = new Map<number, number>();
  return (power) => {
    const value = known.get(power) ?? centralMoment(sigma, power);
    known.set(power, value);
    return value;
  };
}

function centralMoment(sigma: number, power: number): number {
  const step = sigma / 16;
  const from = -12 * sigma;
  const points = Math.ceil((power + 24 * sigma) / step);
  const constant = Math.log(step / (sigma * Math.sqrt(2 * Math.PI)));
  return logSumExp(
    Array.from({ length: points }, (_, k) => {
      const x = from + k * step;
      const loss = (2 * x - 1) / (2 * sigma * sigma);
      const away = loss > 30 ? loss : Math.log(Math.abs(Math.expm1(loss)));
      return constant - (x * x) / (2 * sigma * sigma) + power * away;
    }),
  );
}
