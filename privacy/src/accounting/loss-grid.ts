// A loss law put on a grid, pessimistically: what an adversary learns from the grid's law is at least what it learns from the true one.
import { refused } from './mechanism.ts';
import { type IntegerPair, type LossPair, type NormalPair, type PairFunctions, pairFunctions } from './loss-law.ts';
import { integerNodes } from './loss-nodes.ts';
import { quantileAbove } from './normal-distribution.ts';

/** Masses of the losses first · step, (first + 1) · step, …; `infinite` is what was cut off above: it counts as losing everything. */
export interface LossGrid {
  readonly step: number;
  readonly first: number;
  readonly mass: Float64Array;
  readonly infinite: number;
}

export interface GridOptions {
  readonly step: number;
  /** log of the mass that may be cut off at either end. */
  readonly logTail: number;
  /** Losses below it are raised to it. */
  readonly floor: number;
}

const mostCells = 1 << 23;
/** The least part of a piece's greatest width that is walked at once: rounding must not stop the walk. */
const leastPart = 1e-9;

/**
 * Connect the dots (Doroshenko and others 2022): every small piece of the law is split between the grid points around it so that its mass under p and under q
 * are both kept. Then the grid's hockey-stick divergences equal the law's at every grid point, and lie on the chords above it between them.
 *
 * @throws WardroundError `privacy-too-fine`
 */
export function lossGrid(law: LossPair, options: GridOptions): LossGrid {
  if (law.kind === 'integer') return integerGrid(law, options);
  return law.symmetrised ? symmetrised(normalGrid(law, { ...options, floor: 0 })) : normalGrid(law, options);
}

/** Collects atoms on the grid. */
class Collector {
  readonly step: number;
  readonly first: number;
  readonly mass: Float64Array;
  /** The loss of the lowest cell. */
  readonly floor: number;
  readonly #wide: number;

  constructor(step: number, { lowest, highest, floor }: { lowest: number; highest: number; floor: number }) {
    this.step = step;
    this.first = Math.floor(Math.max(lowest, Math.min(floor, highest)) / step);
    this.floor = this.first * step;
    const cells = Math.ceil(highest / step) - this.first + 2;
    if (!(cells < mostCells)) {
      throw refused('privacy-too-fine', 'this needs a finer grid than is kept', {
        expected: `less than ${mostCells} cells; more noise or fewer steps, or the accountant rdp`,
        got: String(cells),
      });
    }
    this.mass = new Float64Array(cells);
    this.#wide = -Math.expm1(-step);
  }

  /** An atom keeps its mass under p, and under q (its mass times e^−loss). */
  add(loss: number, mass: number): void {
    if (loss <= this.floor) {
      this.mass[0] = (this.mass[0] ?? 0) + mass;
      return;
    }
    const place = Math.floor(loss / this.step);
    const cell = place - this.first;
    const upper = -Math.expm1(place * this.step - loss) / this.#wide;
    const share = Math.min(1, Math.max(0, upper));
    this.mass[cell] = (this.mass[cell] ?? 0) + mass * (1 - share);
    this.mass[cell + 1] = (this.mass[cell + 1] ?? 0) + mass * share;
  }

  /** The whole mass at the grid point above. */
  addAbove(loss: number, mass: number): void {
    const cell = Math.max(0, Math.ceil(loss / this.step) - this.first);
    this.mass[cell] = (this.mass[cell] ?? 0) + mass;
  }
}

/** Walks along x in pieces that end where the loss meets the next grid line, or are a tenth of the noise wide; three Gauss-Legendre points a piece. */
function normalGrid(law: NormalPair, { step, logTail, floor }: GridOptions): LossGrid {
  const { sigma } = law;
  const { logDensity, loss } = pairFunctions(law);
  const shifts = law.p.map(({ shift }) => shift);
  const tail = quantileAbove(logTail) * sigma;
  const [from, to] = [Math.min(...shifts) - tail, Math.max(...shifts) + tail];
  const grid = new Collector(step, { lowest: loss(from), highest: loss(to), floor });
  const widest = Math.min(sigma, sigma * sigma) / 10;
  let [x, at, slope] = [from, loss(from), 0];
  while (x < to) {
    const wanted = Math.max(grid.floor, (Math.floor(at / step + 1e-9) + 1) * step) - at;
    const [least, most] = [widest * leastPart, Math.max(widest * leastPart, Math.min(widest, to - x))];
    const width = within(slope > 0 ? wanted / slope : widest, least, most);
    const end = crossing({ x, at, wanted, width, least, most, step }, loss);
    addPiece(grid, { from: x, to: end.x }, { logDensity, loss });
    slope = (end.at - at) / (end.x - x);
    [x, at] = [end.x, end.at];
  }
  grid.addAbove(loss(from), Math.exp(logTail));
  return normalised(grid, Math.exp(logTail));
}

interface Piece {
  readonly x: number;
  readonly at: number;
  readonly wanted: number;
  readonly width: number;
  readonly least: number;
  readonly most: number;
  readonly step: number;
}

/** Where the loss has grown by what is wanted, to a hundredth of a step, or the widest piece ends. Atoms are split exactly wherever they lie: this only keeps them smooth. */
function crossing(
  { x, at, wanted, width, least, most, step }: Piece,
  loss: (x: number) => number,
): { x: number; at: number } {
  let end = { x: x + width, at: loss(x + width) };
  for (let tries = 0; tries < 4 && Math.abs(end.at - at - wanted) > 0.01 * step; tries += 1) {
    const slope = (end.at - at) / (end.x - x);
    const next = slope > 0 ? within(wanted / slope, least, most) : most;
    if (x + next === end.x) break;
    end = { x: x + next, at: loss(x + next) };
  }
  return end;
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

const offset = Math.sqrt(0.6);
const legendre = [
  { at: -offset, weight: 5 / 18 },
  { at: 0, weight: 8 / 18 },
  { at: offset, weight: 5 / 18 },
] as const;

function addPiece(
  grid: Collector,
  { from, to }: { from: number; to: number },
  { logDensity, loss }: PairFunctions,
): void {
  const middle = (from + to) / 2;
  const half = (to - from) / 2;
  for (const { at, weight } of legendre) {
    const x = middle + at * half;
    grid.add(loss(x), weight * (to - from) * Math.exp(logDensity(x)));
  }
}

function integerGrid(law: IntegerPair, { step, logTail, floor }: GridOptions): LossGrid {
  const { logMass, loss } = integerNodes(law, quantileAbove(logTail) + 1 / law.sigma);
  const grid = new Collector(step, { lowest: loss[0] ?? 0, highest: loss.at(-1) ?? 0, floor });
  for (const [k, value] of loss.entries()) grid.add(value, Math.exp(logMass[k] ?? 0));
  return normalised(grid, 2 * Math.exp(logTail));
}

/** Quadrature is good to 1e-10 here; what it missed is spread over everything. More would be a mistake of ours, and is none of the user's. */
function normalised({ step, first, mass }: Collector, infinite: number): LossGrid {
  const total = mass.reduce((sum, m) => sum + m, 0);
  if (!(Math.abs(total - 1) < 1e-9)) {
    throw refused('privacy-numerics', 'the law does not add up to 1', { expected: '1', got: String(total) });
  }
  return { step, first, mass: mass.map((m) => m / total), infinite };
}

/** See `NormalPair.symmetrised`: on the grid. */
function symmetrised({ step, first, mass, infinite }: LossGrid): LossGrid {
  const last = first + mass.length - 1;
  const whole = new Float64Array(2 * last + 1);
  let rest = 1;
  for (let i = 1; i <= last; i += 1) {
    const above = mass[i - first] ?? 0;
    const below = above * Math.exp(-i * step);
    whole[last + i] = above;
    whole[last - i] = below;
    rest -= above + below;
  }
  whole[last] = Math.max(0, rest);
  return { step, first: -last, mass: whole, infinite };
}
