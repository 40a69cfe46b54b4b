// Edges and bins: the plan's ranges, quantiles, and the agreement between a bin and a question.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binOf, binOffsets, quantileEdges, uniformEdges } from '@wardround/learning/trees/bins';
import { withCode } from '../tensors.ts';
import { treesModel, treesPlan, twoFeatures } from './forest.ts';

const { cohort } = treesPlan();

describe('uniform edges', () => {
  it('cut the declared range into equal parts, and a code at one half', () => {
    expect(uniformEdges(cohort, treesModel).map((edges) => [...edges])).toEqual([
      [1, 2, 3, 4, 5, 6, 7],
      [0.5],
      [0.5],
      [0.5],
    ]);
    expect([...binOffsets(cohort, treesModel)]).toEqual([0, 8, 10, 12, 14]);
  });

  it('have no column for a dropped first code, and pixels from 0 to 1', () => {
    const features = [
      { type: 'code', name: 'sex', codes: ['f', 'm', 'x'], encode: 'oneHotDropFirst', missing: 'refuse' },
      { type: 'image', name: 'scan', height: 8, width: 8, channels: 1, missing: 'refuse' },
    ] as const;
    const edges = uniformEdges({ features: features.map((f) => ({ ...f })) as typeof cohort.features }, treesModel);
    expect(edges).toHaveLength(2 + 64);
    expect([...(edges[2] ?? [])]).toEqual([0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]);
  });

  it('that float32 cannot tell apart are one', () => {
    const narrow = { ...twoFeatures[0], range: { min: '16777216', max: '16777218' } };
    const [edges] = uniformEdges({ features: [narrow] as typeof cohort.features }, treesModel);
    expect([...(edges ?? [])]).toEqual([16777216, 16777218]);
  });
});

describe('quantile edges', () => {
  it('cut the stretches between quantiles, each once, and leave codes and columns without any as they were', () => {
    // 0 … 1 … 1.5 … 8: eight bins for three stretches.
    const edges = quantileEdges(cohort, treesModel, [[1, 0, 1, 1.5], [0.1, 0.9], null, []]);
    expect(edges.map((column) => [...column])).toEqual([
      [Math.fround(1 / 3), Math.fround(2 / 3), 1, Math.fround(1 + 0.5 / 3), Math.fround(1 + 1 / 3), 1.5, 4.75],
      [0.5],
      [0.5],
      [0.5],
    ]);
  });

  it('are the quantiles themselves, thinned evenly, where there are more than the bins take', () => {
    const [edges] = quantileEdges(cohort, treesModel, [
      Array.from({ length: 15 }, (_, i) => (i + 1) / 4),
      null,
      null,
      null,
    ]);
    expect([...(edges ?? [])]).toEqual([0.5, 1, 1.5, 2, 2.5, 3, 3.5]);
  });

  it('never number more than the bins less one, whatever the quantiles', () => {
    const quantile = fc.double({ min: 0, max: 8, noNaN: true });
    fc.assert(
      fc.property(fc.array(quantile, { maxLength: 12 }), fc.integer({ min: 2, max: 40 }), (given, bins) => {
        const [edges] = quantileEdges(cohort, { ...treesModel, bins }, [given, null, null, null]);
        expect(edges?.length).toBeLessThan(bins);
        expect([...(edges ?? [])]).toEqual([...new Set(edges?.toSorted())]);
      }),
    );
  });

  it.each([
    ['NaN', [[1, Number.NaN], null, null, null]],
    ['infinity', [[1, Number.POSITIVE_INFINITY], null, null, null]],
    ['beyond float32', [[1e39], null, null, null]],
    ['a column too few', [[1], null, null]],
  ])('refuse %s', (_, quantiles) => {
    expect(() => quantileEdges(cohort, treesModel, quantiles)).toThrow(withCode('trees-edges'));
  });
});

it('a value’s bin is below an edge’s place exactly where the value is below the edge', () => {
  const value = fc.float({ min: -10, max: 10, noNaN: true });
  const edges = fc
    .array(value, { maxLength: 20 })
    .map((values) => new Float32Array(new Set(values.toSorted((a, b) => a - b))));
  fc.assert(
    fc.property(edges, value, fc.nat(), (column, x, pick) => {
      const some = column.length > 0 && pick % 2 === 0 ? (column[pick % column.length] ?? x) : x;
      const bin = binOf(column, some);
      column.forEach((edge, i) => expect(bin <= i).toBe(some < edge));
    }),
  );
});
