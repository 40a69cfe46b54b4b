// The best split of one node from its histogram, by Chen and Guestrin's gain; ties go to the first column, then to the lowest edge.
import type { Edges } from './bins.ts';

/** Sums of a set of rows: gradients and Hessians in real units. */
export interface Mass {
  readonly gradient: number;
  readonly hessian: number;
  readonly count: number;
}

/** One node's cells of the histogram, in real units. */
export interface NodeCells {
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
  readonly count: Float64Array;
}

export interface SplitRules {
  readonly l2: number;
  /** A child holds at least so many rows, of all sites together: no split sets fewer apart. */
  readonly leastRows: number;
}

export interface Split {
  readonly column: number;
  /** Rows with values below it go left. */
  readonly threshold: number;
  readonly left: Mass;
  readonly right: Mass;
}

/** Least Hessian of a child, as in XGBoost (`min_child_weight` 1): beneath it −G / (H + λ) is mostly noise. */
const leastHessian = 1;
/** A gain below this part of the scores that it is the difference of is rounding. */
const leastRelativeGain = 2 ** -40;

const nothing: Mass = { gradient: 0, hessian: 0, count: 0 };

/**
 * The split of largest gain, or null where none is allowed or gains anything.
 * Source: Chen and Guestrin, KDD 2016, equation 7 with γ = 0, without the factor ½: G_L²/(H_L + λ) + G_R²/(H_R + λ) − G²/(H + λ).
 *
 * @param offsets where each column's bins begin in the cells, and where the last one's end
 */
export function bestSplit(
  cells: NodeCells,
  { edges, offsets }: { readonly edges: Edges; readonly offsets: Uint32Array },
  rules: SplitRules,
): Split | null {
  let best: Split | null = null;
  let bestGain = 0;
  edges.forEach((columnEdges, column) => {
    const start = offsets[column] ?? 0;
    const whole = massOf(cells, start, offsets[column + 1] ?? start);
    let left = nothing;
    columnEdges.forEach((threshold, bin) => {
      left = plus(left, massOf(cells, start + bin, start + bin + 1));
      const right = minus(whole, left);
      if (!isAllowed(left, rules) || !isAllowed(right, rules)) return;
      const gain = gainOf({ whole, left, right }, rules.l2);
      if (gain <= bestGain) return;
      best = { column, threshold, left, right };
      bestGain = gain;
    });
  });
  return best;
}

/** The cells from `start` to before `end`, added up in their order. */
export function massOf(cells: NodeCells, start: number, end: number): Mass {
  let mass = nothing;
  for (let i = start; i < end; i += 1) {
    mass = plus(mass, {
      gradient: cells.gradient[i] ?? 0,
      hessian: cells.hessian[i] ?? 0,
      count: cells.count[i] ?? 0,
    });
  }
  return mass;
}

/** −G / (H + λ), the leaf's weight (equation 5), held to ±`largest`; 0 for a set without rows or Hessian. */
export function leafWeight({ gradient, hessian, count }: Mass, l2: number, largest: number): number {
  if (count < 1 || hessian <= 0) return 0;
  return Math.min(Math.max(0 - gradient / (hessian + l2), -largest), largest);
}

function isAllowed({ hessian, count }: Mass, { leastRows }: SplitRules): boolean {
  return count >= leastRows && hessian >= leastHessian;
}

/** 0 where the difference is no more than rounding. */
function gainOf({ whole, left, right }: { whole: Mass; left: Mass; right: Mass }, l2: number): number {
  const children = score(left, l2) + score(right, l2);
  const gain = children - score(whole, l2);
  return gain > children * leastRelativeGain ? gain : 0;
}

/** Only asked for sets that {@link isAllowed} lets through, so the divisor is at least 1. */
function score({ gradient, hessian }: Mass, l2: number): number {
  return (gradient * gradient) / (hessian + l2);
}

function plus(a: Mass, b: Mass): Mass {
  return { gradient: a.gradient + b.gradient, hessian: a.hessian + b.hessian, count: a.count + b.count };
}

function minus(a: Mass, b: Mass): Mass {
  return { gradient: a.gradient - b.gradient, hessian: a.hessian - b.hessian, count: a.count - b.count };
}
