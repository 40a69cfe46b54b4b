// Boosting written a second time, from the paper alone and in the plainest way: real numbers, rows in lists, every threshold tried. It shares
// no line with the engine that it judges. Chen and Guestrin, "XGBoost", KDD 2016: equations 5 and 7, algorithm 1.

export interface ReferenceOptions {
  readonly trees: number;
  readonly depth: number;
  readonly l2: number;
  readonly learningRate: number;
  readonly leastRows: number;
  readonly thresholds: readonly (readonly number[])[];
  readonly loss: 'binary' | 'number';
}

export interface ReferenceNode {
  readonly column: number;
  readonly threshold: number;
  readonly gain: number;
  /** The gain of the best split on another threshold: a close second could go either way by rounding. */
  readonly second: number;
  readonly left: ReferenceTree;
  readonly right: ReferenceTree;
}
export type ReferenceTree = ReferenceNode | { readonly leaf: number };

interface Person {
  readonly x: readonly number[];
  readonly y: number;
  sum: number;
}

export interface ReferenceForest {
  readonly base: number;
  readonly trees: readonly ReferenceTree[];
}

export function referenceForest(rows: readonly (readonly number[])[], options: ReferenceOptions): ReferenceForest {
  const mean = rows.reduce((sum, row) => sum + (row.at(-1) ?? 0), 0) / rows.length;
  const base = options.loss === 'binary' ? Math.log(mean / (1 - mean)) : mean;
  const people = rows.map((row): Person => ({ x: row.slice(0, -1), y: row.at(-1) ?? 0, sum: base }));
  const trees: ReferenceTree[] = [];
  for (let i = 0; i < options.trees; i += 1) {
    const tree = growTree(people, options.depth, options);
    for (const person of people) person.sum += answerOf(tree, person.x);
    trees.push(tree);
  }
  return { base, trees };
}

export function referenceAnswer({ base, trees }: ReferenceForest, x: readonly number[]): number {
  return trees.reduce((sum, tree) => sum + answerOf(tree, x), base);
}

function answerOf(tree: ReferenceTree, x: readonly number[]): number {
  if ('leaf' in tree) return tree.leaf;
  return answerOf((x[tree.column] ?? 0) < tree.threshold ? tree.left : tree.right, x);
}

function growTree(people: readonly Person[], depth: number, options: ReferenceOptions): ReferenceTree {
  const { g, h } = derivatives(people, options.loss);
  const leaf = { leaf: (-g / (h + options.l2)) * options.learningRate };
  if (depth === 0) return leaf;
  const candidates = options.thresholds
    .flatMap((thresholds, column) => thresholds.map((threshold) => judge(people, { column, threshold }, options)))
    .filter((candidate) => candidate !== null)
    .filter(({ gain }) => gain > 1e-9)
    .sort((a, b) => b.gain - a.gain);
  const [best] = candidates;
  if (best === undefined) return leaf;
  const other = candidates.find(
    ({ below }) => below.length !== best.below.length || below.some((p, i) => p !== best.below[i]),
  );
  return {
    column: best.column,
    threshold: best.threshold,
    gain: best.gain,
    second: other?.gain ?? 0,
    left: growTree(best.below, depth - 1, options),
    right: growTree(best.above, depth - 1, options),
  };
}

interface Candidate {
  readonly column: number;
  readonly threshold: number;
  readonly gain: number;
  readonly below: readonly Person[];
  readonly above: readonly Person[];
}

function judge(
  people: readonly Person[],
  { column, threshold }: { column: number; threshold: number },
  { l2, leastRows, loss }: ReferenceOptions,
): Candidate | null {
  const below = people.filter(({ x }) => (x[column] ?? 0) < threshold);
  const above = people.filter(({ x }) => (x[column] ?? 0) >= threshold);
  const [all, l, r] = [people, below, above].map((part) => derivatives(part, loss));
  if (all === undefined || l === undefined || r === undefined) return null;
  if (below.length < leastRows || above.length < leastRows || l.h < 1 || r.h < 1) return null;
  const score = ({ g, h }: { g: number; h: number }): number => g ** 2 / (h + l2);
  return { column, threshold, gain: (score(l) + score(r) - score(all)) / 2, below, above };
}

function derivatives(people: readonly Person[], loss: ReferenceOptions['loss']): { g: number; h: number } {
  let [g, h] = [0, 0];
  for (const { sum, y } of people) {
    const p = loss === 'binary' ? 1 / (1 + Math.exp(-sum)) : sum;
    g += p - y;
    h += loss === 'binary' ? p * (1 - p) : 1;
  }
  return { g, h };
}
