// Scales for exports: those by which the hospitals standardised, or none.
import { describe, expect, it } from 'vitest';
import { inputScaling } from '../../cli/src/study/input-scaling.ts';
import { cohortOf } from '../learning/plans.ts';

const plan = {
  cohort: { ...cohortOf(['a', 'b', 'c']), standardise: 'federated' },
  model: { kind: 'logisticRegression', l2: '0' },
} as const;
const moments = [
  { column: 'c', mean: '-3.5', standardDeviation: '0' },
  { column: 'a', mean: '50000.25', standardDeviation: '2' },
  { column: 'b', mean: null, standardDeviation: null },
  { column: 'y', mean: '1', standardDeviation: '1' },
];
const statistics = { kind: 'statistics', suppressedBelow: 10, notes: {}, rows: { train: 9, test: null }, moments };

describe('inputScaling', () => {
  it('is by column: a constant one is only centred, a suppressed one left as it is', () => {
    expect(inputScaling(plan, [{ kind: 'evaluation' }, statistics])).toEqual({
      mean: Float64Array.of(50000.25, 0, -3.5),
      scale: Float64Array.of(2 + 1e-9, 1, 1),
    });
  });

  it('is none where moments were not released, or not of every column', () => {
    expect(inputScaling(plan, [])).toBeNull();
    expect(inputScaling(plan, [{ ...statistics, moments: undefined }])).toBeNull();
    expect(inputScaling(plan, [{ ...statistics, moments: moments.slice(1) }])).toBeNull();
    expect(inputScaling(plan, [{ ...statistics, moments: [{ ...moments[0], mean: 'x' }] }])).toBeNull();
  });

  it.each(['perSite', 'none'] as const)('is none where the plan standardises otherwise: %s', (standardise) => {
    expect(inputScaling({ ...plan, cohort: { ...plan.cohort, standardise } }, [statistics])).toBeNull();
  });

  it('is none for trees, which ask about values in the units of the contract', () => {
    const model = { kind: 'gradientBoostedTrees', trees: 2, depth: 2, bins: 4, learningRate: '1', l2: '0' } as const;
    expect(inputScaling({ ...plan, model }, [statistics])).toBeNull();
  });
});
