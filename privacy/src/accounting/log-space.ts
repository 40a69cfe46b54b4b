// Sums in log space, and binomial coefficients for real upper arguments.

/** log(eᵃ + eᵇ) without overflow. */
export function logAdd(a: number, b: number): number {
  const high = Math.max(a, b);
  if (high === Number.NEGATIVE_INFINITY) return high;
  return high + Math.log1p(Math.exp(Math.min(a, b) - high));
}

/** log Σ e^term; −∞ for no terms. */
export function logSumExp(terms: readonly number[]): number {
  const high = terms.reduce((most, term) => Math.max(most, term), Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(high)) return high;
  return high + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - high), 0));
}

/** log |C(α, 0)|, log |C(α, 1)|, …, log |C(α, terms − 1)| for real α, by their recurrence: relative error below terms · 2⁻⁵². */
export function logBinomials(alpha: number, terms: number): readonly number[] {
  const logs = [0];
  for (let i = 1; i < terms; i += 1) {
    logs.push((logs[i - 1] ?? 0) + Math.log(Math.abs(alpha - i + 1)) - Math.log(i));
  }
  return logs;
}
