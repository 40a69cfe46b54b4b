// e^x, the logistic function and its inverse from + − × ÷ alone, which IEEE 754 rounds in one way: every machine finds the same bits,
// whatever its library's exp and log do.

// ln 2 in two parts: the first has 21 trailing zero bits, so that k · ln2High is exact for the few k that occur here.
const ln2High = 0.69314718036912381649;
const ln2Low = 1.90821492927058770002e-10;

/** Beyond ±40 the logistic function is 0 or 1 to every step that a plan may name. */
const largestArgument = 40;
const exponentialTerms = 16;
const logarithmTerms = 27;

/** 1 / (1 + e^−x), of x held to ±40. */
export function logistic(x: number): number {
  const small = exponential(-Math.min(Math.abs(x), largestArgument));
  return x >= 0 ? 1 / (1 + small) : small / (1 + small);
}

/** ln(p / (1 − p)) for 0 < p < 1. */
export function logOdds(p: number): number {
  return logarithm(p / (1 - p));
}

/** For |x| ≤ 40: x = k·ln 2 + r with |r| ≤ ½·ln 2, then Taylor's series of e^r, then k doublings. */
export function exponential(x: number): number {
  const k = Math.round(x / Math.LN2);
  const r = x - k * ln2High - k * ln2Low;
  let sum = 1;
  for (let i = exponentialTerms; i >= 1; i -= 1) sum = 1 + (sum * r) / i;
  const factor = k < 0 ? 0.5 : 2;
  for (let i = Math.abs(k); i > 0; i -= 1) sum *= factor;
  return sum;
}

/** For finite y > 0: y = m·2^k with ¾ ≤ m < 3/2, then ln m = 2·(t + t³/3 + t⁵/5 + …) with t = (m − 1) / (m + 1). */
export function logarithm(y: number): number {
  let m = y;
  let k = 0;
  for (; m >= 1.5; k += 1) m *= 0.5;
  for (; m < 0.75; k -= 1) m *= 2;
  const t = (m - 1) / (m + 1);
  let sum = 0;
  for (let i = logarithmTerms; i >= 1; i -= 2) sum = sum * t * t + 1 / i;
  return k * ln2High + (k * ln2Low + 2 * t * sum);
}
