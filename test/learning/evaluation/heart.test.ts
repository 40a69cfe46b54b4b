// The four hospitals' pooled Newton, standardised by their federated statistics: pooled metrics against the reference fit's.
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readEvaluation } from '@wardround/learning/evaluation/state';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { simulateStudy } from '@wardround/learning/simulation/simulate-study';
import { startBackend } from '@wardround/learning/tfjs/backend';
import type { Tensor } from '@wardround/protocol/safetensors';
import { hasShared, readShared } from '../shared-data.ts';
import { heartFeatures, heartRows, hospitals } from '../newton/hospitals.ts';
import { cohortOf } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';

const referenceSchema = z.object({
  heart_pooled_norm_logistic_l2_1: z.object({ test_auc: z.number(), test_acc: z.number() }),
});

function rowsOf(...place: Parameters<typeof heartRows>): Rows {
  const { x, y } = heartRows(...place);
  return { rows: x.length, features: Float64Array.from(x.flat()), labels: Float64Array.from(y) };
}

describe.skipIf(!hasShared('fed-heart', 'fed_heart_740.csv'))('the four hospitals together', () => {
  it('reach the pooled fit’s accuracy exactly, and its AUROC within what bins can see', async () => {
    const plan = studyPlanOf({
      rounds: 8,
      cohort: { ...cohortOf(heartFeatures), standardise: 'federated' },
      model: { kind: 'logisticRegression', l2: '1' },
      training: { method: 'newton', tolerance: '0.000000000001' },
      strategy: { name: 'newton' },
      evaluation: { metrics: ['accuracy', 'auroc'], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
      sites: {
        ...studyPlanOf().sites,
        roster: hospitals.map((name) => ({ name, agent: 'a'.repeat(64) })),
        maxShare: '1',
      },
    });
    const narrow = {
      ...plan.cohort,
      features: plan.cohort.features.map((feature) =>
        feature.type === 'number' ? { ...feature, range: { min: '-5', max: '700' } } : feature,
      ),
    };
    const sites = hospitals.map((name) => ({
      name,
      weight: 1,
      data: {
        train: rowsOf(name, 'train'),
        test: rowsOf(name, 'test'),
        missing: { cells: new Float64Array(heartFeatures.length), droppedRows: 0 },
      },
    }));
    const study = { ...plan, cohort: narrow };
    let state: readonly Tensor[] = [];
    for await (const round of simulateStudy({ backend: await startBackend('cpu'), plan: study, sites }))
      ({ state } = round.checkpoint);
    const reference = referenceSchema.parse(JSON.parse(readShared('reference_fits.json')));
    const { test_auc, test_acc } = reference.heart_pooled_norm_logistic_l2_1;
    const { values, resolution, low, high } = readEvaluation(study, state);
    expect(values[0]).toBe(test_acc);
    expect(Math.abs((values[1] ?? 0) - test_auc)).toBeLessThanOrEqual(resolution[0] ?? 0);
    expect(resolution[0]).toBeLessThan(0.001);
    expect([low[1], high[1]]).toEqual([expect.closeTo(0.84, 1), expect.closeTo(0.92, 1)]);
  });
});
