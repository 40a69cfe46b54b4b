// The engine against boosting written from the paper: the same questions, the same leaves, the same answers, up to the fixed-point step.
import { describe, expect, it } from 'vitest';
import { predictTrees } from '@wardround/learning/trees/predict';
import { readForest, treesModelOf } from '@wardround/learning/trees/shape';
import { uniformEdges } from '@wardround/learning/trees/bins';
import { growForest, numberLabel, rowsOf, syntheticRows, treesPlan, yesOrNo } from './forest.ts';
import { type ReferenceTree, referenceAnswer, referenceForest } from './reference.ts';

describe.each(['binary', 'number'] as const)('a forest for a %s label', (loss) => {
  const plan = treesPlan({
    model: { trees: 5, depth: 3, bins: 16, learningRate: '0.3', l2: '1' },
    label: loss === 'binary' ? yesOrNo : numberLabel('-4', '4'),
    leastRows: 4,
  });
  const model = treesModelOf(plan);
  const rows = syntheticRows(120, 7, loss);
  const checkpoint = growForest(plan, [rowsOf(rows.slice(0, 33)), rowsOf(rows.slice(33, 90)), rowsOf(rows.slice(90))]);
  const forest = readForest(plan, checkpoint.model);
  const reference = referenceForest(rows, {
    trees: model.trees,
    depth: model.depth,
    l2: 1,
    learningRate: 0.3,
    leastRows: 4,
    thresholds: uniformEdges(plan.cohort, model).map((edges) => [...edges]),
    loss,
  });

  it('begins at the mean label', () => {
    expect(forest.base[0]).toBeCloseTo(reference.base, 6);
  });

  it('asks the same questions wherever one is clearly best, and splits at all', () => {
    let compared = 0;
    const compare = (tree: ReferenceTree, t: number, node: number): void => {
      const at = t * (2 ** model.depth - 1) + node;
      if ('leaf' in tree || tree.gain - tree.second < 1e-4 * tree.gain) return;
      expect({ t, node, column: forest.feature[at] }).toEqual({ t, node, column: tree.column });
      // An empty bin leaves the threshold open; the engine and the list both take the lowest.
      expect(forest.threshold[at]).toBe(tree.threshold);
      compared += 1;
      compare(tree.left, t, 2 * node + 1);
      compare(tree.right, t, 2 * node + 2);
    };
    reference.trees.forEach((tree, t) => compare(tree, t, 0));
    expect(compared).toBeGreaterThan(10);
  });

  it('gives every row the same answer to 1e-4', () => {
    const answers = predictTrees({ plan, model: checkpoint.model, features: rowsOf(rows).features });
    rows.forEach((row, i) => {
      const sum = referenceAnswer(reference, row.slice(0, -1));
      expect(answers[i]).toBeCloseTo(loss === 'binary' ? 1 / (1 + Math.exp(-sum)) : sum, 4);
    });
  });

  it('has learnt something that the mean does not know', () => {
    const answers = predictTrees({ plan, model: checkpoint.model, features: rowsOf(rows).features });
    const mean = rows.reduce((sum, row) => sum + (row.at(-1) ?? 0), 0) / rows.length;
    const error = (guess: (i: number) => number): number =>
      rows.reduce((sum, row, i) => sum + ((row.at(-1) ?? 0) - guess(i)) ** 2, 0);
    expect(error((i) => answers[i] ?? 0)).toBeLessThan(0.5 * error(() => mean));
  });
});
