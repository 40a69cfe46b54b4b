// How the rows are spread over sites changes no bit of any checkpoint: rows are integers before they are added.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '@wardround/learning/checkpoint';
import { treesContribution } from '@wardround/learning/trees/local';
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

describe.each(['binary', 'number'] as const)('a forest for a %s label', (kind) => {
  const plan = treesPlan({ label: kind === 'binary' ? yesOrNo : numberLabel('-300', '300'), leastRows: 3 });
  const rows = syntheticRows(200, 11, kind);
  const pooled = encodeCheckpoint(growForest(plan, [rowsOf(rows)]));

  it('of any number of sites is the pooled one, to the bit', () => {
    const sites = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: rows.length, maxLength: rows.length });
    fc.assert(
      fc.property(sites, (siteOfRow) => {
        const parts = Array.from({ length: 7 }, (_, site) => rowsOf(rows.filter((_row, i) => siteOfRow[i] === site)));
        expect(encodeCheckpoint(growForest(plan, parts))).toEqual(pooled);
      }),
      { numRuns: 25 },
    );
  });

  it('does not depend on the order of rows and sites', () => {
    const parts = [rows.slice(120).reverse(), rows.slice(0, 50), rows.slice(50, 120).reverse()].map(rowsOf);
    expect(encodeCheckpoint(growForest(plan, parts))).toEqual(pooled);
  });

  it('does not depend on what a site remembers: after a restart in any round the same integers', () => {
    const data = rowsOf(rows);
    let checkpoint = initialForest(plan);
    for (let trainingRound = 1; trainingRound <= 6; trainingRound += 1) {
      const warm = treesContribution({ plan, base: checkpoint, trainingRound, data });
      const cold = treesContribution({ plan, base: checkpoint, trainingRound, data: rowsOf(rows) });
      expect(warm).toEqual(cold);
      checkpoint = nextForest(plan, checkpoint, [data]);
    }
  });

  it('does not depend on another study that used the same rows before', () => {
    const data = rowsOf(rows);
    growForest(treesPlan({ label: plan.cohort.label, model: { depth: 3, l2: '0', bins: 5 }, stepLog2: -20 }), [data]);
    growForest(treesPlan({ label: plan.cohort.label, leastRows: 40, model: { learningRate: '1' } }), [data]);
    expect(encodeCheckpoint(growForest(plan, [data]))).toEqual(pooled);
  });

  it('is another one when one row is missing', () => {
    expect(encodeCheckpoint(growForest(plan, [rowsOf(rows.slice(1))]))).not.toEqual(pooled);
  });
});
