// How other libraries arrive at the numbers that their tests state, where that differs from the truth: their rounding, their stated errors, their bisections.
import { complexArray, inverseTransform, transform } from '@wardround/privacy/accounting/fft';
import { gaussianDelta } from '@wardround/privacy/accounting/analytic-gaussian';
import { type NormalPair, pairFunctions } from '@wardround/privacy/accounting/loss-law';
import { cumulant, lossNodes } from '@wardround/privacy/accounting/loss-nodes';
import { upperTail } from '@wardround/privacy/accounting/normal-distribution';
import { rdpEpsilon } from '@wardround/privacy/accounting/rdp';

export interface SampledSteps {
  readonly sigma: number;
  readonly rate: number;
  readonly steps: number;
}

export function removalPair({ sigma, rate }: Omit<SampledSteps, 'steps'>): NormalPair {
  const p = [
    { weight: 1 - rate, shift: 0 },
    { weight: rate, shift: 1 },
  ];
  return { kind: 'normal', sigma, p, q: [{ weight: 1, shift: 0 }], symmetrised: false };
}

/** Opacus' orders. */
export const opacusOrders: readonly number[] = [
  ...Array.from({ length: 99 }, (_, k) => 1 + (k + 1) / 10),
  ...Array.from({ length: 52 }, (_, k) => 12 + k),
];

const halves = [1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 4.5];
/** TensorFlow Privacy's orders. */
export const tensorflowOrders: readonly number[] = halves.concat(
  Array.from({ length: 59 }, (_, k) => 5 + k),
  128,
  256,
  512,
);

/** The exact divergences at every order, by integration: what Opacus' signed series sums to. */
export function exactRdpEpsilon({ sigma, rate, steps }: SampledSteps, delta: number): number {
  const divergences = opacusOrders.map((order) => {
    const nodes = lossNodes(removalPair({ sigma, rate }), 14 + order / sigma);
    return (steps * cumulant(nodes, order - 1)) / (order - 1);
  });
  return rdpEpsilon(opacusOrders, divergences, delta).epsilon;
}

/** Gaussian DP's central limit (Bu and others 2020): an approximation, and optimistic; it is not offered for that reason. */
export function centralLimitEpsilon({ sigma, rate, steps }: SampledSteps, delta: number): number {
  const mu = rate * Math.sqrt(steps * Math.expm1(1 / (sigma * sigma)));
  return bisected((epsilon) => gaussianDelta(1 / mu, epsilon) <= delta, { from: 0, to: 500 });
}

export function bisected(holds: (value: number) => boolean, { from, to }: { from: number; to: number }): number {
  let [low, high] = [from, to];
  for (let k = 0; k < 200 && high - low > 1e-13; k += 1) {
    const middle = (low + high) / 2;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Opacus' search for a noise multiplier: halving from 10 until ε is at most 0.01 below the target. */
export function opacusNoise(epsilonAt: (sigma: number) => number, target: number): number {
  let [low, high] = [0, 10];
  let reached = epsilonAt(high);
  while (target - reached > 0.01) {
    const middle = (low + high) / 2;
    const epsilon = epsilonAt(middle);
    if (epsilon < target) [high, reached] = [middle, epsilon];
    else low = middle;
  }
  return high;
}

/** Gopi, Lee, Wutschitz 2021 as Opacus and Microsoft run it: losses rounded to the nearest mesh point, the mean put right, and errors of 0.01 and δ / 1000 added. */
export function prvEpsilon({ sigma, rate, steps }: SampledSteps, delta: number): number {
  const [epsilonError, deltaError] = [0.01, delta / 1000];
  const mesh = epsilonError / Math.sqrt((steps / 2) * Math.log(12 / deltaError));
  const length = 2 ** 19;
  const pair = removalPair({ sigma, rate });
  const masses = meshMasses({ sigma, rate }, { mesh, length });
  const shift = trueMean(pair) - masses.reduce((sum, mass, k) => sum + mass * (k - length / 2) * mesh, 0);
  const total = composed(masses, steps);
  const target = delta - deltaError;
  let [mass, weighted] = [0, 0];
  for (let k = length - 1; k >= 0; k -= 1) {
    const loss = (k - length / 2) * mesh + steps * shift;
    mass += Math.max(0, total[k] ?? 0);
    weighted = weighted * Math.exp(-mesh) + Math.max(0, total[k] ?? 0);
    const part = (mass - target) / weighted;
    if (part > Math.exp(-mesh)) return loss + Math.log(part) + epsilonError;
  }
  return Number.NaN;
}

function trueMean(pair: NormalPair): number {
  const { logMass, loss } = lossNodes(pair, 12);
  return loss.reduce((sum, value, k) => sum + value * Math.exp(logMass[k] ?? 0), 0);
}

/** Mass of the losses nearest to each of the points (k − length / 2) · mesh. */
function meshMasses(
  { sigma, rate }: Omit<SampledSteps, 'steps'>,
  { mesh, length }: { mesh: number; length: number },
): Float64Array {
  const above = (loss: number) => {
    const odds = (Math.exp(loss) - (1 - rate)) / rate;
    if (odds <= 0) return 1;
    const x = sigma * sigma * Math.log(odds) + 0.5;
    return (1 - rate) * upperTail(x / sigma) + rate * upperTail((x - 1) / sigma);
  };
  let before = 1;
  return Float64Array.from({ length }, (_, k) => {
    const beyond = above((k - length / 2 + 0.5) * mesh);
    const mass = before - beyond;
    before = beyond;
    return mass;
  });
}

function composed(masses: Float64Array, steps: number): Float64Array {
  const length = masses.length;
  const circle = complexArray(length);
  for (const [k, mass] of masses.entries()) circle.re[(k + length / 2) % length] = mass;
  transform(circle);
  for (let k = 0; k < length; k += 1) {
    const [x, y] = [circle.re[k] ?? 0, circle.im[k] ?? 0];
    const radius = Math.hypot(x, y) ** steps;
    circle.re[k] = radius * Math.cos(steps * Math.atan2(y, x));
    circle.im[k] = radius * Math.sin(steps * Math.atan2(y, x));
  }
  inverseTransform(circle);
  return Float64Array.from({ length }, (_, k) => circle.re[(k + length / 2) % length] ?? 0);
}

/** δ(ε) of one step, both directions, from the normal distribution's tails: exact. */
export function exactStepDelta({ sigma, rate }: Omit<SampledSteps, 'steps'>, epsilon: number): number {
  return Math.max(removalDelta({ sigma, rate }, epsilon), additionDelta({ sigma, rate }, epsilon));
}

/** ∫ (p − e^ε q)₊ for p = (1−r)N(0) + rN(1), q = N(0); any real ε. */
export function removalDelta({ sigma, rate }: Omit<SampledSteps, 'steps'>, epsilon: number): number {
  const odds = (Math.exp(epsilon) - (1 - rate)) / rate;
  if (odds <= 0) return -Math.expm1(epsilon);
  const x = sigma * sigma * Math.log(odds) + 0.5;
  return rate * upperTail((x - 1) / sigma) - (Math.exp(epsilon) - (1 - rate)) * upperTail(x / sigma);
}

function additionDelta({ sigma, rate }: Omit<SampledSteps, 'steps'>, epsilon: number): number {
  const odds = (Math.exp(-epsilon) - (1 - rate)) / rate;
  if (odds <= 0) return 0;
  const x = sigma * sigma * Math.log(odds) + 0.5;
  const below = (y: number) => upperTail(-y / sigma);
  return below(x) - Math.exp(epsilon) * ((1 - rate) * below(x) + rate * below(x - 1));
}

/** δ(ε) of a step and then another, direction of removal: the second's curve averaged over the first's loss. */
export function exactTwoStepsDelta(
  first: Omit<SampledSteps, 'steps'>,
  second: Omit<SampledSteps, 'steps'>,
  epsilon: number,
): number {
  const { logDensity, loss } = pairFunctions(removalPair(first));
  const [from, to, points] = [-12 * first.sigma, 1 + 12 * first.sigma, 20_000];
  const width = (to - from) / points;
  let sum = 0;
  for (let k = 0; k <= points; k += 1) {
    const x = from + k * width;
    sum += width * Math.exp(logDensity(x)) * removalDelta(second, epsilon - loss(x));
  }
  return sum;
}
