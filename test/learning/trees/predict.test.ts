// A forest written by hand, tensor by tensor, answers as the page in shape.ts says.
import { describe, expect, it } from 'vitest';
import { predictTrees } from '@wardround/learning/trees/predict';
import { initialTrees, treesModelOf, treesShape } from '@wardround/learning/trees/shape';
import type { Tensor } from '@wardround/protocol/safetensors';
import { f32, withCode } from '../tensors.ts';
import { numberLabel, treesPlan } from './forest.ts';

const plan = treesPlan({ model: { trees: 2, depth: 2 }, label: numberLabel('0', '100') });
const byHand = (): Tensor[] => [
  f32('trees.feature', [0, 1, -1, 3, 0, 0], [2, 3]),
  f32('trees.threshold', [4, 0.5, 0, 0.5, 0, 0], [2, 3]),
  f32('trees.leaf', [1, 2, 4, 8, 16, 32, 64, 128], [2, 4]),
  f32('trees.base', [0.5]),
];
const ask = (row: readonly number[], model: readonly Tensor[] = byHand()): number | undefined =>
  predictTrees({ plan, model, features: Float64Array.from(row) })[0];

describe('predictTrees', () => {
  it.each([
    // age, female, male, other → leaf of tree 0 + leaf of tree 1
    [[3, 0, 1, 0], 0.5 + 1 + 32],
    [[3, 1, 0, 0], 0.5 + 2 + 32],
    [[3.9999, 0, 1, 0], 0.5 + 1 + 32],
    // Nearer to 4 than to any other float32.
    [[3.9999999, 0, 1, 0], 0.5 + 4 + 32],
    [[4, 0, 1, 0], 0.5 + 4 + 32],
    [[5, 1, 0, 1], 0.5 + 4 + 128],
    [[3, 0, 0, 1], 0.5 + 1 + 128],
  ])('sends %j down to %d', (row, answer) => {
    expect(ask(row)).toBe(answer);
  });

  it('compares as float32, as an export does', () => {
    const model = byHand();
    model[1] = f32('trees.threshold', [0.1, 0.5, 0, 0.5, 0, 0], [2, 3]);
    // 0.1 as a double is below 0.1 as float32; rounded to float32 it is equal, so it goes right.
    expect(ask([0.1, 0, 1, 0], model)).toBe(0.5 + 4 + 32);
    expect(ask([0.0999, 0, 1, 0], model)).toBe(0.5 + 1 + 32);
  });

  it('says one half, or the base, before any tree has grown', () => {
    const binary = treesPlan();
    const features = Float64Array.from([1, 0, 1, 0]);
    expect([...predictTrees({ plan: binary, model: initialTrees(treesModelOf(binary)), features })]).toEqual([0.5]);
    expect(ask([1, 0, 1, 0], initialTrees(treesModelOf(plan)))).toBe(0);
  });

  it('answers no rows with none, and refuses half a row', () => {
    expect(ask([])).toBe(undefined);
    expect(() => ask([1, 2, 3])).toThrow(withCode('prediction-data'));
  });

  it.each([
    ['another name', 0, f32('feature', [0, 1, -1, 3, 0, 0], [2, 3]), 'tensors-mismatch'],
    ['another shape', 2, f32('trees.leaf', [1, 2, 4, 8, 16, 32], [2, 3]), 'tensors-mismatch'],
    ['infinity', 1, f32('trees.threshold', [4, 0.5, 0, Infinity, 0, 0], [2, 3]), 'tensors-not-finite'],
    ['a column between two', 0, f32('trees.feature', [0.5, 1, -1, 3, 0, 0], [2, 3]), 'trees-feature'],
    ['a column before the first', 0, f32('trees.feature', [-2, 1, -1, 3, 0, 0], [2, 3]), 'trees-feature'],
    ['a column after the last', 0, f32('trees.feature', [4, 1, -1, 3, 0, 0], [2, 3]), 'trees-feature'],
  ])('refuses %s', (_, index, tensor, code) => {
    const model = byHand();
    model[index] = tensor;
    expect(() => ask([1, 0, 1, 0], model)).toThrow(withCode(code));
  });
});

describe('treesModelOf', () => {
  it.each([
    ['another model', { ...plan, model: { kind: 'logisticRegression', l2: '0' } as const }, 'model-unsupported'],
    [
      'a scale of each site',
      { ...plan, cohort: { ...plan.cohort, standardise: 'perSite' } as const },
      'trees-standardise',
    ],
    [
      'a federated scale',
      { ...plan, cohort: { ...plan.cohort, standardise: 'federated' } as const },
      'trees-standardise',
    ],
    ['four million leaves and more', treesPlan({ model: { trees: 2000, depth: 12 } }), 'trees-too-large'],
    [
      'histograms that nobody can send',
      treesPlan({
        model: { depth: 12, trees: 1, bins: 256 },
        features: Array.from({ length: 10 }, (_, i) => ({
          type: 'number',
          name: `x${i}`,
          unit: null,
          range: { min: '0', max: '1' },
          missing: 'refuse',
        })),
      }),
      'trees-too-large',
    ],
  ])('refuses %s', (_, wrong, code) => {
    expect(() => treesModelOf(wrong)).toThrow(withCode(code));
  });

  it('sizes the tensors by the plan', () => {
    expect(treesShape(treesModelOf(plan))).toEqual([
      { name: 'trees.feature', shape: [2, 3] },
      { name: 'trees.threshold', shape: [2, 3] },
      { name: 'trees.leaf', shape: [2, 4] },
      { name: 'trees.base', shape: [1] },
    ]);
  });
});
