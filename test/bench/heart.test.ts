// What the hospitals' benchmark stands on: its plans compile, its best plan is the pooled fit, and its own server half adds nothing.
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { fedAdagrad } from '@wardround/learning/strategies/fed-adagrad';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { requireSupportedLearning } from '@wardround/learning/supported';
import { runBest, runRow } from '../../bench/heart/federation.ts';
import { bestPlan, planOfRow } from '../../bench/heart/plans.ts';
import { type PublishedRow, publishedRows } from '../../bench/heart/published.ts';
import { compare, loudLines, outsideLines, reportTable } from '../../bench/heart/report.ts';
import { readHeart } from '../../bench/heart/sites.ts';
import { hasShared, readShared, sharedPath } from '../learning/shared-data.ts';

const rowNamed = (name: string): PublishedRow => {
  const row = publishedRows.find((known) => known.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
};

describe('the plans of the benchmark', () => {
  it.each(publishedRows.map((row) => [row.name, row] as const))('%s can be carried out as it stands', (_, row) => {
    const plan = planOfRow(row, 7);
    requireSupportedLearning(plan);
    expect(plan.training).toMatchObject({ seed: 7, batchSize: 4 });
    expect(plan.sites.roster.map(({ name }) => name)).toEqual(
      row.place === 'onePlace' ? ['pooled'] : ['cleveland', 'hungarian', 'switzerland', 'va'],
    );
    expect(plan.weighting).toBe(row.name === 'SCAFFOLD' ? 'equal' : 'patients');
  });
});

describe.skipIf(!hasShared('fed-heart', 'fed_heart_740.csv'))('on the four hospitals', () => {
  const read = async (): ReturnType<typeof readHeart> =>
    await readHeart(sharedPath('fed-heart', 'fed_heart_740.csv'), bestPlan().cohort);

  it('our best plan answers as the reference fit at every site', async () => {
    const reference = z
      .object({
        heart_pooled_norm_logistic_l2_1: z.object({
          test_acc_per_site: z.record(z.string(), z.number()),
          test_auc_per_site: z.record(z.string(), z.number()),
        }),
      })
      .parse(JSON.parse(readShared('reference_fits.json'))).heart_pooled_norm_logistic_l2_1;
    const data = await read();
    const scores = await runBest(await startBackend('cpu'), data);
    const bySite = (value: (score: (typeof scores)[number]) => number): Record<string, number> =>
      Object.fromEntries(data.sites.map(({ name }, i) => [name, scores[i] === undefined ? NaN : value(scores[i])]));
    expect(bySite(({ accuracy }) => accuracy)).toEqual(reference.test_acc_per_site);
    expect(bySite(({ auroc }) => auroc)).toEqual(reference.test_auc_per_site);
  });

  it('the rule that no plan asks for is put where the plan’s own would be', { timeout: 120_000 }, async () => {
    const data = await read();
    const backend = await startBackend('cpu');
    const plain = { ...rowNamed('FedAdagrad') };
    const row = { ...plain, changes: { ...plain.changes, rounds: 3 } };
    const byPlan = await runRow({ backend, data, row, seed: 42 });
    const server = fedAdagrad({ learningRate: 0.316228, tau: 1e-8 });
    expect(await runRow({ backend, data, row: { ...row, server }, seed: 42 })).toEqual(byPlan);
    const { server: withMomentum } = rowNamed('FedAdagrad, β₁ 0.9');
    expect(withMomentum).toBeDefined();
    expect(
      await runRow({
        backend,
        data,
        row: { ...row, ...(withMomentum === undefined ? {} : { server: withMomentum }) },
        seed: 42,
      }),
    ).not.toEqual(byPlan);
  });
});

describe('the report', () => {
  const row = rowNamed('FedAvg');
  const around = (mean: number): ReturnType<typeof compare> =>
    compare({
      row,
      bySeed: [
        [mean - 0.01, mean - 0.01],
        [mean + 0.01, mean + 0.01],
      ],
    });

  it('says what is outside the band of .03, and what is no chance', () => {
    const inside = around(0.685 + 0.029);
    const outside = around(0.685 - 0.031);
    expect(inside.difference).toBeCloseTo(0.029, 12);
    expect(outsideLines([inside, outside])).toEqual([expect.stringMatching(/FedAvg is outside the band.*−0\.031/)]);
    expect(reportTable([outside], ['a', 'b'])).toContain('**NO**');
    expect(reportTable([inside], ['a', 'b'])).not.toContain('**NO**');
    expect(loudLines([around(0.685 + 0.02)])).toEqual([]);
    expect(loudLines([around(0.685 + 0.04)])).toEqual([expect.stringContaining('0.040 above')]);
  });
});
