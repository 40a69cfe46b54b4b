// What a forest says of rows: which node each row stands in, and its sum over the trees that have grown. Doubles, trees in their order.
import type { Rows } from '../rounds/site-rows.ts';
import { type Forest, noSplit } from './shape.ts';

/** Features as trees compare them: float32, a picture's bytes as 0 to 1. */
export function valuesOf(features: Rows['features']): Float32Array<ArrayBuffer> {
  return features instanceof Uint8Array
    ? Float32Array.from(features, (value) => value / 255)
    : Float32Array.from(features);
}

export interface Place {
  readonly forest: Forest;
  readonly tree: number;
  /** Levels to go down: 0 is the root, the forest's depth is the leaves. */
  readonly level: number;
}

/** Rows of float32 values, row-major, with the sums of as many trees as were last asked for. */
export class SumsOfRows {
  readonly #values: Float32Array;
  readonly #columns: number;
  readonly #sums: Float64Array<ArrayBuffer>;
  /** The forest of the sums, and how many of its trees they hold. */
  #known: { readonly forest: Forest; readonly trees: number } | null = null;

  constructor(values: Float32Array, columns: number) {
    this.#values = values;
    this.#columns = columns;
    this.#sums = new Float64Array(values.length / columns);
  }

  /**
   * The sums after the first `trees` trees; the array is changed by the next call. Where these trees begin with those that were asked for
   * before, to the bit, only the others are walked: adding them one by one is what the whole walk would do.
   */
  after(forest: Forest, trees: number): Float64Array {
    let start = this.#known?.trees ?? 0;
    if (this.#known === null || start > trees || !sameTrees(this.#known.forest, forest, start)) {
      this.#sums.fill(forest.base[0] ?? 0);
      start = 0;
    }
    for (let tree = start; tree < trees; tree += 1) this.#add(forest, tree);
    this.#known = { forest, trees };
    return this.#sums;
  }

  /** Position among the nodes of the level (or the leaves), from 0. */
  nodeOf(row: number, { forest: { depth, feature, threshold }, tree, level }: Place): number {
    const start = row * this.#columns;
    const first = tree * (2 ** depth - 1);
    let node = 0;
    for (let i = 0; i < level; i += 1) {
      const column = feature[first + node] ?? noSplit;
      const goesRight = column >= 0 && (this.#values[start + column] ?? 0) >= (threshold[first + node] ?? 0);
      node = 2 * node + (goesRight ? 2 : 1);
    }
    return node - (2 ** level - 1);
  }

  #add(forest: Forest, tree: number): void {
    const { depth, leaf } = forest;
    const place = { forest, tree, level: depth };
    for (let row = 0; row < this.#sums.length; row += 1) {
      const value = leaf[tree * 2 ** depth + this.nodeOf(row, place)] ?? 0;
      this.#sums[row] = (this.#sums[row] ?? 0) + value;
    }
  }
}

/** Whether two forests begin alike: the same base, and the same first trees. */
function sameTrees(a: Forest, b: Forest, trees: number): boolean {
  if (a.depth !== b.depth) return false;
  const nodes = trees * (2 ** a.depth - 1);
  const leaves = trees * 2 ** a.depth;
  return (
    sameStart(a.base, b.base, 1) &&
    sameStart(a.feature, b.feature, nodes) &&
    sameStart(a.threshold, b.threshold, nodes) &&
    sameStart(a.leaf, b.leaf, leaves)
  );
}

function sameStart(a: Float32Array, b: Float32Array, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
