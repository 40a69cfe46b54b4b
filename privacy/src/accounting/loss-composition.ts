// Many steps together: privacy losses add, so their laws are convolved, by Fourier transform (Koskela, Jälkö, Honkela 2020), tilted so that the tail that δ asks for is where the numbers are largest.
import { complexArray, type ComplexArray, inverseTransform, transform } from './fft.ts';
import type { LossPair } from './loss-law.ts';
import { type LossGrid, lossGrid } from './loss-grid.ts';
import { limits } from './mechanism.ts';
import { quantileAbove } from './normal-distribution.ts';
import { cumulant, type LossNodes, lossNodes } from './loss-nodes.ts';
import { leastNear } from './minimum.ts';

/** One law for each mechanism, all in the same direction, and how often it is met. */
export interface RepeatedLaw {
  readonly law: LossPair;
  readonly count: number;
}

interface Choice {
  readonly tilt: number;
  /** log of the mass of each step that is cut off. */
  readonly logTail: number;
  /** The most that the grid may add to ε. */
  readonly error: number;
}

/** The composed law above `bottom`, still tilted: true mass at (first + k) · step is tilted[k] · e^(log − tilt · loss). */
interface ComposedLaw {
  readonly step: number;
  readonly first: number;
  readonly tilted: Float64Array;
  readonly tilt: number;
  readonly log: number;
  /** Mass that is not in `tilted`: cut off, or above the window. It counts as losing everything. */
  readonly lost: number;
}

/** log of the masses, relative to the tail looked at, that may fall out of the window: e⁻²³. */
const windowNats = 23;
/** log of the share of a step's tilted law, over all steps, whose loss may be raised to a floor: below it no grid is needed. */
const floorNats = 46;
const mostLog2 = 22;
const leastLog2 = 12;
const tilts = { from: Math.log(1e-4), to: Math.log(1e4) };

/** Least ε such that the composed steps are (ε, δ)-differentially private in this direction; rounded up. */
export function composedEpsilon(laws: readonly RepeatedLaw[], delta: number, error: number): number {
  const logTail = tailFor(laws, delta);
  const nodes = nodesOf(laws, logTail);
  const { tilt, epsilon } = bestTilt(nodes, Math.log(delta));
  const fine = Math.min(error, Math.max(1e-12, 1e-4 * epsilon));
  return epsilonOf(compose(laws, nodes, { tilt, logTail, error: fine }), delta);
}

/** Least δ at this ε in this direction; rounded up. */
export function composedDelta(laws: readonly RepeatedLaw[], epsilon: number, error: number): number {
  const logTail = tailFor(laws, limits.delta.least);
  const nodes = nodesOf(laws, logTail);
  const chernoff = (logTilt: number) => total(nodes, Math.exp(logTilt)) - Math.exp(logTilt) * epsilon;
  const tilt = Math.exp(leastNear(chernoff, tilts));
  return deltaOf(compose(laws, nodes, { tilt, logTail, error }), epsilon);
}

interface RepeatedNodes {
  readonly nodes: LossNodes;
  readonly count: number;
}

function nodesOf(laws: readonly RepeatedLaw[], logTail: number): readonly RepeatedNodes[] {
  const reach = quantileAbove(logTail);
  return laws.map(({ law, count }) => ({ nodes: lossNodes(law, reach), count }));
}

/** How much of each step's tail may be cut off (it counts as losing everything): all steps together a hundred-millionth of δ. */
function tailFor(laws: readonly RepeatedLaw[], delta: number): number {
  return Math.min(Math.log(delta) - Math.log(stepsOf(laws)) - Math.log(1e8), Math.log(1e-18));
}

function stepsOf(laws: readonly RepeatedLaw[]): number {
  return laws.reduce((sum, { count }) => sum + count, 0);
}

function total(laws: readonly RepeatedNodes[], tilt: number): number {
  return laws.reduce((sum, { nodes, count }) => sum + count * cumulant(nodes, tilt), 0);
}

/** The tilt that the Rényi bound would choose for this δ, and its ε. */
function bestTilt(nodes: readonly RepeatedNodes[], logDelta: number): { tilt: number; epsilon: number } {
  const bound = (logTilt: number) => {
    const tilt = Math.exp(logTilt);
    const conversion = -logDelta - Math.log1p(tilt) - tilt * Math.log1p(1 / tilt);
    return (total(nodes, tilt) + conversion) / tilt;
  };
  const best = leastNear(bound, tilts);
  return { tilt: Math.exp(best), epsilon: Math.max(0, bound(best)) };
}

interface Window {
  readonly bottom: number;
  readonly top: number;
  /** The tilt whose Chernoff bound gave the top. */
  readonly topTilt: number;
}

/** Where all but e^−windowNats of the tilted law lies. */
function windowAround(nodes: readonly RepeatedNodes[], tilt: number): Window {
  const base = total(nodes, tilt);
  const above = (logExtra: number) =>
    (total(nodes, tilt + Math.exp(logExtra)) - base + windowNats) / Math.exp(logExtra);
  const below = (logExtra: number) =>
    (total(nodes, tilt - Math.exp(logExtra)) - base + windowNats) / Math.exp(logExtra);
  const best = leastNear(above, tilts);
  return { bottom: -below(leastNear(below, tilts)), top: above(best), topTilt: tilt + Math.exp(best) };
}

function compose(laws: readonly RepeatedLaw[], nodes: readonly RepeatedNodes[], choice: Choice): ComposedLaw {
  const { tilt, logTail } = choice;
  const window = windowAround(nodes, tilt);
  const floors = nodes.map((each) => (cumulant(each.nodes, tilt) - Math.log(each.count) - floorNats) / tilt);
  const widest = Math.max(...nodes.map((each, k) => support(each.nodes, floors[k] ?? 0)));
  const { step, length } = gridFor(window, { ...choice, widest }, laws);
  const grids = laws.map(({ law, count }, k) => {
    return { grid: lossGrid(law, { step, logTail, floor: floors[k] ?? 0 }), count };
  });
  const first = Math.floor(window.bottom / step);
  const log = grids.reduce((sum, { grid, count }) => sum + count * gridCumulant(grid, tilt), 0);
  const topLog = grids.reduce((sum, { grid, count }) => sum + count * gridCumulant(grid, window.topTilt), 0);
  const cut = grids.reduce((sum, { grid, count }) => sum + count * grid.infinite, 0);
  const beyond = Math.exp(topLog - window.topTilt * (first + length - 1) * step);
  return { step, first, tilt, log, lost: cut + beyond, tilted: convolved(grids, { tilt, first, length }) };
}

/** How far one step's losses above the floor reach. */
function support({ loss }: LossNodes, floor: number): number {
  const lowest = loss.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const highest = loss.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return highest - Math.max(lowest, Math.min(floor, highest));
}

/**
 * Splitting between grid points keeps E e^(−loss) and adds at most step²/6 of variance on average a step, so log E e^(t·loss) grows by at most
 * steps · t(1 + t) · step²/12, and ε by steps · (1 + t) · step²/12.
 */
function gridFor(
  { bottom, top }: Window,
  { tilt, error, widest }: Choice & { readonly widest: number },
  laws: readonly RepeatedLaw[],
): { step: number; length: number } {
  const wanted = Math.min(Math.sqrt((12 * error) / (stepsOf(laws) * (1 + tilt))), (top - bottom) / 2 ** leastLog2);
  const [only, ...others] = laws;
  const exact =
    only?.law.kind === 'integer' && others.length === 0 ? only.law.sensitivity / (2 * only.law.sigma ** 2) : 0;
  const isExact = exact > 0 && Math.max(top - bottom, widest) / exact < 2 ** mostLog2;
  const step = isExact ? exact : Math.max(wanted, widest / 2 ** mostLog2);
  const log2 = Math.min(mostLog2, Math.max(leastLog2, Math.ceil(Math.log2((top - bottom) / step + 2))));
  const length = 2 ** log2;
  return { step: Math.max(step, (top - bottom) / (length - 2)), length };
}

/** log Σ mass · e^(tilt · loss) of what is on the grid. */
function gridCumulant({ step, first, mass }: LossGrid, tilt: number): number {
  const logs = mass.map((m, k) => Math.log(m) + tilt * (first + k) * step);
  const high = logs.reduce((most, log) => Math.max(most, log), Number.NEGATIVE_INFINITY);
  return high + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - high), 0));
}

interface Place {
  readonly tilt: number;
  readonly first: number;
  readonly length: number;
}

/**
 * The sum's tilted law. What lies below the window comes round from above, multiplied by less than 1, and what lies above it comes round from below: both add mass, neither
 * takes any. Every entry is raised by what rounding can have taken from it.
 */
function convolved(grids: readonly { grid: LossGrid; count: number }[], { tilt, first, length }: Place): Float64Array {
  const spectrum = complexArray(length);
  spectrum.re.fill(1);
  const rounding = { sum: 0 };
  for (const { grid, count } of grids) multiply(spectrum, wrapped(grid, tilt, length), { count, rounding });
  for (let k = 0; k < length; k += 1) rounding.sum += Math.hypot(spectrum.re[k] ?? 0, spectrum.im[k] ?? 0);
  inverseTransform(spectrum);
  const raised = (16 * 2 ** -53 * Math.log2(length) * rounding.sum) / length;
  const origin = ((first % length) + length) % length;
  return Float64Array.from({ length }, (_, k) => Math.max(0, spectrum.re[(origin + k) % length] ?? 0) + raised);
}

/** The tilted masses of one step, laid around a circle of this length. */
function wrapped(grid: LossGrid, tilt: number, length: number): ComplexArray {
  const { step, first, mass } = grid;
  const log = gridCumulant(grid, tilt);
  const circle = complexArray(length);
  for (let k = 0; k < mass.length; k += 1) {
    const place = (((first + k) % length) + length) % length;
    const tilted = (mass[k] ?? 0) * Math.exp(tilt * (first + k) * step - log);
    circle.re[place] = (circle.re[place] ?? 0) + tilted;
  }
  return circle;
}

/** spectrum ·= (the step's transform)^count; and what an error of one rounding in it becomes. Of real masses the second half mirrors the first. */
function multiply(
  spectrum: ComplexArray,
  step: ComplexArray,
  { count, rounding }: { count: number; rounding: { sum: number } },
): void {
  transform(step);
  const length = step.re.length;
  for (let k = 0; k <= length / 2; k += 1) {
    const x = step.re[k] ?? 0;
    const y = step.im[k] ?? 0;
    const logRadius = 0.5 * Math.log(x * x + y * y);
    const turned = turn(spectrum, k, { radius: Math.exp(count * logRadius), angle: count * Math.atan2(y, x) });
    const mirror = (length - k) % length;
    spectrum.re[mirror] = turned.re;
    spectrum.im[mirror] = mirror === k ? turned.im : -turned.im;
    rounding.sum += 2 * count * Math.min(1, Math.exp((count - 1) * logRadius));
  }
}

function turn(
  spectrum: ComplexArray,
  k: number,
  { radius, angle }: { radius: number; angle: number },
): { re: number; im: number } {
  const [a, b] = [spectrum.re[k] ?? 0, spectrum.im[k] ?? 0];
  const [re, im] = radius === 0 ? [0, 0] : [radius * Math.cos(angle), radius * Math.sin(angle)];
  spectrum.re[k] = a * re - b * im;
  spectrum.im[k] = a * im + b * re;
  return { re: spectrum.re[k], im: spectrum.im[k] };
}

/** δ(ε) = Σ over losses above ε of mass · (1 − e^(ε − loss)); read from the top down until it exceeds δ. */
function epsilonOf({ step, first, tilted, tilt, log, lost }: ComposedLaw, delta: number): number {
  const target = delta - lost;
  if (!(target > 0)) return Number.POSITIVE_INFINITY;
  const [decay, steeper] = [Math.exp(-tilt * step), Math.exp(-(tilt + 1) * step)];
  let [mass, weighted] = [0, 0];
  for (let k = tilted.length - 1; k >= 0; k -= 1) {
    const loss = (first + k) * step;
    if (loss < 0) break;
    mass = (tilted[k] ?? 0) + decay * mass;
    weighted = (tilted[k] ?? 0) + steeper * weighted;
    // Below the grid point `loss` and above the one before: δ(ε) = scale · (mass − e^(ε − loss) · weighted).
    const wanted = target / Math.exp(log - tilt * loss);
    const part = (mass - wanted) / weighted;
    if (part > Math.exp(-step)) return Math.max(0, Math.min(loss, loss + Math.log(part)));
  }
  return Math.max(0, first * step);
}

function deltaOf({ step, first, tilted, tilt, log, lost }: ComposedLaw, epsilon: number): number {
  let delta = lost;
  for (let k = tilted.length - 1; k >= 0; k -= 1) {
    const loss = (first + k) * step;
    if (loss <= epsilon) break;
    delta += (tilted[k] ?? 0) * Math.exp(log - tilt * loss) * -Math.expm1(epsilon - loss);
  }
  return Math.min(1, delta);
}
