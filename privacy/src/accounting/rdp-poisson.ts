// Rényi differential privacy of the Gaussian under Poisson sampling: Mironov, Talwar, Zhang, "Rényi Differential Privacy of the Sampled Gaussian Mechanism", 2019.
import { logAdd, logBinomials } from './log-space.ts';
import { logUpperTail } from './normal-distribution.ts';

interface Sampled {
  /** Noise ÷ clip norm. */
  readonly sigma: number;
  readonly rate: number;
}

/** The divergence of the given order (> 1) for neighbours that differ by one patient more or less. */
export function poissonRdp(sampled: Sampled, order: number): number {
  if (sampled.rate === 1) return order / (2 * sampled.sigma ** 2);
  const log = Number.isInteger(order) ? integerMoment(sampled, order) : fractionalMoment(sampled, order);
  return Math.max(0, log / (order - 1));
}

/** Section 3.3, integer orders: a finite sum of positive terms. */
function integerMoment({ sigma, rate }: Sampled, order: number): number {
  const binomials = logBinomials(order, order + 1);
  let log = Number.NEGATIVE_INFINITY;
  for (let k = 0; k <= order; k += 1) {
    const drawn = k * Math.log(rate) + (order - k) * Math.log1p(-rate);
    log = logAdd(log, (binomials[k] ?? 0) + drawn + (k * k - k) / (2 * sigma * sigma));
  }
  return log;
}

const mostTerms = 1000;

/**
 * Section 3.3, fractional orders: two infinite series, whose signs alternate behind the order. We add every term as positive: an upper bound,
 * and nothing cancels. Where 1000 terms are not enough the order is left out (infinite), which can only cost privacy on paper.
 */
function fractionalMoment({ sigma, rate }: Sampled, order: number): number {
  const binomials = logBinomials(order, mostTerms);
  const crossing = sigma * sigma * Math.log(1 / rate - 1) + 0.5;
  let total = Number.NEGATIVE_INFINITY;
  let before = { left: Number.NEGATIVE_INFINITY, right: Number.NEGATIVE_INFINITY };
  for (let i = 0; i < mostTerms; i += 1) {
    const j = order - i;
    const left =
      i * Math.log(rate) +
      j * Math.log1p(-rate) +
      (i * i - i) / (2 * sigma * sigma) +
      logUpperTail((i - crossing) / sigma);
    const right =
      j * Math.log(rate) +
      i * Math.log1p(-rate) +
      (j * j - j) / (2 * sigma * sigma) +
      logUpperTail((crossing - j) / sigma);
    const terms = { left: (binomials[i] ?? 0) + left, right: (binomials[i] ?? 0) + right };
    total = logAdd(total, logAdd(terms.left, terms.right));
    const falling = terms.left < before.left && terms.right < before.right;
    if (falling && Math.max(terms.left, terms.right) < total - 30) return total;
    before = terms;
  }
  return Number.POSITIVE_INFINITY;
}
