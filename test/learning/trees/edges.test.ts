// Which edges a study uses: the plan's ranges, or what its own round of statistics found.
import { describe, expect, it } from 'vitest';
import { edgesOfStudy } from '@wardround/learning/trees/edges';
import { uniformEdges } from '@wardround/learning/trees/bins';
import { initialTrees, treesModelOf } from '@wardround/learning/trees/shape';
import { localStatistics } from '@wardround/learning/statistics/local-statistics';
import { initialStatistics } from '@wardround/learning/statistics/state';
import { statisticsTask } from '@wardround/learning/statistics/statistics-task';
import { withSection } from '@wardround/learning/rounds/state-sections';
import { fakeFederation } from '../../fakes/federation.ts';
import { fakePlan } from '../../fakes/plan.ts';
import { withCode } from '../tensors.ts';
import { growForest, nextForest, rowsOf, syntheticRows, treesPlan } from './forest.ts';

const plan = { ...fakePlan(await fakeFederation(['a', 'b'])), ...treesPlan({ statistics: ['quantiles'] }) };
// Ages below 1, but for a tenth.
const rows = rowsOf(syntheticRows(200, 21).map(([age = 0, ...rest], i) => [i % 10 === 0 ? age : age / 8, ...rest]));
const before = {
  round: 0,
  model: initialTrees(treesModelOf(plan)),
  state: withSection([], 'statistics', initialStatistics(plan)),
};

function afterStatistics(): typeof before.state {
  const site = { train: rows, test: rowsOf([]), missing: { cells: new Float64Array(4), droppedRows: 0 } };
  const sums = localStatistics(plan, site).map((values) => BigInt64Array.from(values, BigInt));
  return statisticsTask(plan).next({ base: before, sums, totalWeight: 1, contributors: 1, each: [] }).state;
}

describe('edgesOfStudy', () => {
  it('are uniform without statistics, whatever the state', () => {
    const plain = treesPlan();
    expect(edgesOfStudy(plain, afterStatistics())).toEqual(uniformEdges(plain.cohort, treesModelOf(plain)));
  });

  it('are narrow where the quantiles say that the rows are', () => {
    const [ages, ...codes] = edgesOfStudy(plan, afterStatistics());
    expect(ages?.length).toBe(7);
    expect(ages?.filter((edge) => edge < 1.1).length).toBeGreaterThan(4);
    expect(codes).toEqual(Array.from({ length: 3 }, () => Float32Array.of(0.5)));
  });

  it('make another forest of the same rows', () => {
    const state = afterStatistics();
    const grown = nextForest(plan, { ...before, state }, [rows]);
    expect(grown.state).toEqual(state);
    expect(grown.model).not.toEqual(nextForest(treesPlan(), { ...before, state }, [rows]).model);
  });

  it('are refused before the round of statistics', () => {
    expect(() => growForest(plan, [rows])).toThrow(withCode('tensors-mismatch'));
    expect(() => edgesOfStudy(plan, before.state)).toThrow(withCode('statistics-missing'));
  });
});
