// The standard normal distribution's tails, to nearly full double precision wherever they are representable.

const rootTwo = Math.SQRT2;
const logRootTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * The scaled complementary error function e^(x²) erfc(x) for x ≥ 0; relative error below 1e-14.
 * Below 1: from the series erf(x) = 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!! (Abramowitz and Stegun 7.1.6), whose terms are all positive.
 * From 1 on: Laplace's continued fraction (7.1.14), run backwards.
 */
export function scaledErfc(x: number): number {
  if (x < 1) return Math.exp(x * x) - (2 / Math.sqrt(Math.PI)) * erfSeries(x);
  let fraction = x;
  for (let n = 16 + Math.ceil(220 / (x * x)); n >= 1; n -= 1) fraction = x + n / 2 / fraction;
  return 1 / (Math.sqrt(Math.PI) * fraction);
}

function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-18; n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return sum;
}

/** Mills' ratio: P(X > x) / φ(x). */
export function millsRatio(x: number): number {
  if (x < 0) return (1 - upperTail(-x)) / Math.exp(logDensity(x));
  return Math.sqrt(Math.PI / 2) * scaledErfc(x / rootTwo);
}

/** log φ(x). */
export function logDensity(x: number): number {
  return -0.5 * x * x - logRootTwoPi;
}

/** P(X > x). */
export function upperTail(x: number): number {
  if (x < 0) return 1 - upperTail(-x);
  return 0.5 * Math.exp(-0.5 * x * x) * scaledErfc(x / rootTwo);
}

/** log P(X > x), finite wherever x² is. */
export function logUpperTail(x: number): number {
  if (x < 0) return Math.log1p(-upperTail(-x));
  return -0.5 * x * x + Math.log(0.5 * scaledErfc(x / rootTwo));
}

/** The least x (to 1e-6) whose upper tail is at most e^logMass; rounded away from the centre. */
export function quantileAbove(logMass: number): number {
  let low = 0;
  let high = 1;
  while (logUpperTail(high) > logMass) high *= 2;
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    if (logUpperTail(middle) > logMass) low = middle;
    else high = middle;
  }
  return high;
}
