// One hostile site of five on real tumours: rules that select keep their AUROC, and a mean shows what they are for. The whole table is
// `npm run bench:poisoning`.
import { beforeAll, describe, expect, it } from 'vitest';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { attacks } from '../../../bench/poisoning/attacks.ts';
import { type Outcome, runPoisoned } from '../../../bench/poisoning/federation.ts';
import { contenders, planFor } from '../../../bench/poisoning/plans.ts';
import { tolerance } from '../../../bench/poisoning/report.ts';
import { readTumours, splitTumours, wdbcFile } from '../../../bench/poisoning/sites.ts';
import { hasShared, sharedPath } from '../shared-data.ts';
import { testBackend } from '../test-backend.ts';

const seed = 42;
const present = hasShared('wdbc', 'sklearn_breast_cancer.csv');

describe.skipIf(!present)('one hostile site of five', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });

  async function outcomeOf(strategy: string, attackName: string): Promise<Outcome> {
    const contender = contenders.find(({ name }) => name === strategy);
    const attack = attacks.find(({ name }) => name === attackName);
    if (contender === undefined || attack === undefined) throw new Error('no such strategy or attack');
    const split = splitTumours(readTumours(wdbcFile(sharedPath())), seed);
    return await runPoisoned({ backend, plan: { ...planFor(contender, seed), rounds: 5 }, split, attack });
  }

  it.each(['median', 'trimmed mean, 1', 'Multi-Krum, 3 of 5'])('%s', { timeout: 60_000 }, async (strategy) => {
    const { auroc: clean } = await outcomeOf(strategy, 'clean');
    expect(clean).toBeGreaterThan(0.97);
    for (const attack of ['sign flip', '×1000', 'label flip', 'sign flip ×1000']) {
      const { auroc, refused } = await outcomeOf(strategy, attack);
      expect([attack, refused]).toEqual([attack, 0]);
      expect(auroc, attack).toBeGreaterThan((clean ?? 1) - tolerance);
    }
  });

  it('breaks a mean, which the norm bound alone does not save', async () => {
    expect((await outcomeOf('FedAvg', 'sign flip ×1000')).auroc).toBeLessThan(0.5);
  });

  it('is refused by the norm bound where it does not keep to it: the others go on, unless K needs all', async () => {
    const { auroc, refused } = await outcomeOf('median', '×1000, unclipped');
    expect(refused).toBeGreaterThan(0);
    expect(auroc).toBeGreaterThan(0.97);
    expect(await outcomeOf('Multi-Krum, 3 of 5', '×1000, unclipped')).toEqual({ auroc: null, refused: 1 });
  });
});
