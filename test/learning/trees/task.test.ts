// One round of trees at the enclave: layout and limits, small cells, ties, and sums that no honest site would send.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorLimit } from '@wardround/learning/rounds/round-task';
import { treesContribution } from '@wardround/learning/trees/local';
import { maxRows } from '@wardround/learning/trees/loss';
import { predictTrees } from '@wardround/learning/trees/predict';
import { readForest } from '@wardround/learning/trees/shape';
import { treesTask } from '@wardround/learning/trees/task';
import { f32, withCode } from '../tensors.ts';
import {
  growForest,
  initialForest,
  nextForest,
  numberLabel,
  rowsOf,
  syntheticRows,
  treesPlan,
  yesOrNo,
} from './forest.ts';

const plan = treesPlan();
const width = 8 + 3 * 2;

function rangeOf(limit: TensorLimit | undefined): { least: bigint; most: bigint } {
  if (limit?.kind !== 'range') throw new Error('no range');
  return limit;
}

describe('a round’s layout', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 1],
    [6, 2],
  ])('of round %i has %i nodes', (trainingRound, nodes) => {
    const task = treesTask(plan, { trainingRound });
    expect(task.reads).toBe('sums');
    expect(task.tensors).toEqual(
      [
        ['gradient', -24],
        ['hessian', -24],
        ['count', 0],
      ].map(([name, stepLog2]) => ({ name, shape: [nodes, width], ring: 'int64', stepLog2, weighting: 'none' })),
    );
  });

  it.each([0, 7, 1.5, -1, Number.NaN])('does not exist in round %d', (trainingRound) => {
    expect(() => treesTask(plan, { trainingRound })).toThrow(withCode('trees-round'));
  });

  it.each([
    ['yes or no', yesOrNo, -24],
    ['small numbers', numberLabel('0', '1'), -24],
    ['a fine step', yesOrNo, -60],
    ['blood pressure', numberLabel('40', '300'), -24],
    ['large numbers', numberLabel('-1000000', '3000000'), -40],
    ['numbers far from 0', numberLabel('900000', '900001'), -24],
    ['the widest range', numberLabel('0', '536870912'), -24],
  ])('bounds what a site can send so that a thousand sites cannot overflow: %s', (_, label, stepLog2) => {
    const limited = treesPlan({ label, stepLog2 });
    const { limits, tensors } = treesTask(limited, { trainingRound: 1 });
    for (const limit of limits) {
      const { least, most } = rangeOf(limit);
      expect(1000n * most).toBeLessThan(2n ** 63n);
      expect(-1000n * least).toBeLessThan(2n ** 63n);
      // A site adds up in doubles.
      expect(most).toBeLessThanOrEqual(2n ** 53n);
    }
    // The extreme row is inside: one row of the largest error weighs a 2^24th of the bound at most.
    const [low, high] = label.type === 'number' ? [Number(label.range.min), Number(label.range.max)] : [0, 1];
    const data = rowsOf([
      [1, 1, 0, 0, low],
      [2, 1, 0, 0, high],
    ]);
    const base = initialForest(limited);
    const sent = treesContribution({ plan: limited, base, trainingRound: 1, data });
    sent.forEach((values, i) => {
      const { least, most } = rangeOf(limits[i]);
      for (const value of values) {
        expect(value * BigInt(maxRows)).toBeLessThanOrEqual(2n * most);
        expect(value * BigInt(maxRows)).toBeGreaterThanOrEqual(2n * least);
      }
    });
    expect(tensors[0]?.stepLog2).toBeGreaterThanOrEqual(stepLog2);
  });

  it.each([
    ['yes or no', yesOrNo, -8],
    ['very small numbers', numberLabel('0', '0.0001'), -24],
    ['numbers of a thousand million', numberLabel('-1000000000', '0'), -24],
  ])('is refused where its step is no precision: %s', (_, label, stepLog2) => {
    expect(() => treesTask(treesPlan({ label, stepLog2 }), { trainingRound: 1 })).toThrow(withCode('trees-step'));
  });
});

describe('a split', () => {
  // Ages 1 to 7; the only label that differs belongs to one patient.
  const lonely = rowsOf([...Array.from({ length: 20 }, (_, i) => [1 + (i % 4), 1, 0, 0, 0]), [7, 0, 1, 0, 1]]);

  it.each([
    [1, 4.5],
    [2, 3.5],
    [6, 3.5],
    [7, 2.5],
    [10, 2.5],
    [11, null],
  ])('with a least of %i rows cuts at %d, and sets no fewer apart', (leastRows, threshold) => {
    const small = treesPlan({
      leastRows,
      label: numberLabel('0', '1'),
      model: { trees: 1, depth: 1, bins: 16 },
    });
    const forest = readForest(small, growForest(small, [lonely]).model);
    expect([forest.feature[0], forest.threshold[0]]).toEqual(threshold === null ? [-1, 0] : [0, threshold]);
  });

  it('counts the rows of all sites together, not of each', () => {
    const pair = treesPlan({ leastRows: 2, label: numberLabel('0', '1'), model: { trees: 1, depth: 1, bins: 16 } });
    const { feature, leaf } = readForest(pair, growForest(pair, [lonely, lonely]).model);
    expect(feature[0]).toBe(0);
    expect(leaf[1]).toBeGreaterThan(0.2);
  });

  it('leaves no leaf to the few rows that a site left behind when it went away', () => {
    const small = treesPlan({ leastRows: 10, label: numberLabel('0', '1'), model: { trees: 1, depth: 2, bins: 16 } });
    const alike = (count: number, row: readonly number[]): readonly (readonly number[])[] =>
      Array.from({ length: count }, () => row);
    const stays = rowsOf([...alike(20, [1, 1, 0, 0, 0]), [7, 1, 0, 0, 1]]);
    const goes = rowsOf([...alike(20, [1, 1, 0, 0, 0]), ...alike(10, [7, 1, 0, 0, 1])]);
    const split = nextForest(small, initialForest(small), [stays, goes]);
    expect(readForest(small, split.model).feature[0]).toBe(0);
    const leafOfOld = (sites: readonly (typeof stays)[]): number =>
      readForest(small, nextForest(small, split, sites).model).leaf[2] ?? Number.NaN;
    expect(leafOfOld([stays, goes])).toBeGreaterThan(0);
    expect(leafOfOld([stays])).toBe(0);
  });

  it('of a tie goes to the first column and the lowest edge', () => {
    const twins = treesPlan({
      model: { trees: 1, depth: 1, bins: 8 },
      features: ['a', 'b'].map((name) => ({
        type: 'number',
        name,
        unit: null,
        range: { min: '0', max: '8' },
        missing: 'refuse',
      })),
      label: numberLabel('0', '1'),
    });
    const rows = rowsOf(Array.from({ length: 10 }, (_, i) => (i < 5 ? [1.5, 1.5, 0] : [6.5, 6.5, 1])));
    const { feature, threshold } = readForest(twins, growForest(twins, [rows]).model);
    expect([feature[0], threshold[0]]).toEqual([0, 2]);
  });

  it('of rows that are all alike is none, and every leaf beneath is reached from the left', () => {
    const flat = treesPlan({ model: { trees: 2, depth: 2 } });
    const rows = rowsOf(Array.from({ length: 12 }, (_, i) => [3, 1, 0, 0, Number(i < 3)]));
    const { feature, leaf, base } = readForest(flat, growForest(flat, [rows]).model);
    expect([...feature]).toEqual([-1, -1, -1, -1, -1, -1]);
    expect(base[0]).toBeCloseTo(Math.log(3 / 9), 6);
    for (const value of leaf) expect(Math.abs(value)).toBeLessThan(1e-6);
  });

  it.each([0, 1])('where every label is %i leaves a finite model that says so', (label) => {
    const rows = rowsOf(syntheticRows(40, 3).map((row) => [...row.slice(0, -1), label]));
    const { model } = growForest(plan, [rows]);
    const answers = predictTrees({ plan, model, features: rows.features });
    for (const answer of answers) expect(Math.abs(answer - label)).toBeLessThan(1e-5);
  });
});

describe('the enclave’s step', () => {
  const rows = rowsOf(syntheticRows(60, 5));
  const base = nextForest(plan, initialForest(plan), [rows]);

  it.each([
    ['a tensor too few', [28, 28]],
    ['a cell too few', [28, 27, 28]],
    ['a tensor too many', [28, 28, 28, 28]],
    ['the level before', [14, 14, 14]],
  ])('refuses sums of another layout: %s', (_, lengths) => {
    const sums = lengths.map((length) => new BigInt64Array(length));
    const task = treesTask(plan, { trainingRound: 2 });
    expect(() => task.next({ base, sums, totalWeight: 3, contributors: 3, each: [] })).toThrow(
      withCode('sums-mismatch'),
    );
  });

  it('refuses a base that is no forest of the plan', () => {
    const task = treesTask(plan, { trainingRound: 2 });
    const sums = [0, 1, 2].map(() => new BigInt64Array(28));
    const closed = { sums, totalWeight: 3, contributors: 3, each: [] };
    const model = base.model.slice(0, 3);
    expect(() => task.next({ ...closed, base: { ...base, model } })).toThrow(withCode('tensors-mismatch'));
    const wild = [f32('trees.feature', Array<number>(9).fill(0.5), [3, 3]), ...base.model.slice(1)];
    expect(() => task.next({ ...closed, base: { ...base, model: wild } })).toThrow(withCode('trees-feature'));
  });

  it.each([1, 2, 5, 6])('makes a finite model of any integers within the limits, in round %i', (trainingRound) => {
    const task = treesTask(plan, { trainingRound });
    const cells = (task.tensors[0]?.shape ?? []).reduce((product, size) => product * size, 1);
    const integers = task.limits.map((limit) => {
      const { least, most } = rangeOf(limit);
      const edge = fc.constantFrom(least, 0n, 1n, most);
      return fc.array(fc.oneof(edge, fc.bigInt({ min: least, max: most })), { minLength: cells, maxLength: cells });
    });
    fc.assert(
      fc.property(fc.tuple(...integers), (values) => {
        const sums = values.map((tensor) => BigInt64Array.from(tensor, (value) => 900n * value));
        const next = task.next({ base, sums, totalWeight: 900, contributors: 900, each: [] });
        const forest = readForest(plan, next.model);
        for (const value of forest.leaf) expect(Math.abs(value)).toBeLessThanOrEqual(8 * 0.5);
        for (const value of predictTrees({ plan, model: next.model, features: rows.features })) {
          expect(value >= 0 && value <= 1).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('leaves other trees, the base and the state as they were', () => {
    const state = [{ name: 'statistics.rows', shape: [1], dtype: 'F64', data: Float64Array.of(60) }] as const;
    const later = nextForest(plan, { ...base, round: 3, state: [...state] }, [rows]);
    const [before, after] = [base, later].map(({ model }) => readForest(plan, model));
    expect(later.state).toEqual(state);
    expect(after?.base).toEqual(before?.base);
    expect(after?.feature.slice(0, 3)).toEqual(before?.feature.slice(0, 3));
    expect(after?.feature.slice(6)).toEqual(before?.feature.slice(6));
  });
});

describe('a site', () => {
  const rows = rowsOf(syntheticRows(20, 9));
  it.each([
    ['a label too few', { ...rows, labels: rows.labels.slice(1) }],
    ['a column too few', { ...rows, features: rows.features.slice(20) }],
    ['more rows than there are', { ...rows, rows: 21 }],
  ])('refuses %s', (_, data) => {
    expect(() => treesContribution({ plan, base: initialForest(plan), trainingRound: 1, data })).toThrow(
      withCode('training-data'),
    );
  });

  it('without rows contributes zeros', () => {
    const nobody = treesContribution({ plan, base: initialForest(plan), trainingRound: 1, data: rowsOf([]) });
    for (const values of nobody) expect(values.every((value) => value === 0n)).toBe(true);
  });

  it('counts every row once a column', () => {
    const [, , count] = treesContribution({ plan, base: initialForest(plan), trainingRound: 1, data: rows });
    const total = (from: number, to: number): bigint =>
      (count ?? new BigInt64Array(0)).slice(from, to).reduce((a, b) => a + b, 0n);
    expect([total(0, 8), total(8, 10), total(10, 12), total(12, 14)]).toEqual([20n, 20n, 20n, 20n]);
  });
});
