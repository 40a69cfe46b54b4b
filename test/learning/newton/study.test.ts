// Newton's method as a study carries it out: round 0, every stage of the schedule, each site's part and the enclave's.
import { describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '@wardround/learning/checkpoint';
import { newtonReport } from '@wardround/learning/newton/newton-task';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { type SimulatedRound, simulateStudy } from '@wardround/learning/simulation/simulate-study';
import { requireSupportedLearning } from '@wardround/learning/supported';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { fakeFederation } from '../../fakes/federation.ts';
import { type Plan, fakePlan } from '../../fakes/plan.ts';
import { byInstitution, lungFeatures, lungPatients } from '../cox/lung.ts';
import { naiveCox } from '../cox/naive-cox.ts';
import { hasShared } from '../shared-data.ts';
import { type Hospital, heartFeatures, heartRows, references } from './hospitals.ts';
import { type PlanParts, largestGap, newtonPlan, solutionOf } from './newton-rounds.ts';

const backend = await startBackend('cpu');
const evaluation = { metrics: [], minimumCell: 1, everyRounds: 0, perSiteAtEnd: false };

async function studyOf(names: readonly string[], parts: PlanParts, change: Partial<Plan> = {}): Promise<Plan> {
  const base = fakePlan(await fakeFederation([...names]));
  const { sites: _, ...newton } = newtonPlan(parts);
  return { ...base, ...newton, evaluation, rounds: 8, ...change };
}

async function run(
  plan: Plan,
  rows: readonly { readonly train: Rows; readonly test: Rows }[],
): Promise<readonly SimulatedRound[]> {
  const sites = rows.map(({ train, test }, i) => ({
    name: plan.sites.roster[i]?.name ?? '',
    weight: train.rows,
    data: { train, test, missing: { cells: new Float64Array(parts(train)), droppedRows: 0 } },
  }));
  const rounds: SimulatedRound[] = [];
  for await (const round of simulateStudy({ backend, plan, sites })) rounds.push(round);
  return rounds;
}

const parts = ({ rows, features }: Rows): number => features.length / rows;

describe.skipIf(!hasShared('fed-heart', 'fed_heart_740.csv'))(
  'a study by Newton’s method on the four hospitals',
  () => {
    const hospitals: readonly Hospital[] = ['cleveland', 'hungarian', 'switzerland', 'va'];
    const asRows = ({ x, y }: ReturnType<typeof heartRows>): Rows => ({
      rows: x.length,
      features: Float64Array.from(x.flat()),
      labels: Float64Array.from(y),
    });
    const rows = hospitals.map((name) => ({
      train: asRows(heartRows(name, 'train')),
      test: asRows(heartRows(name, 'test')),
    }));
    const logistic = { kind: 'logisticRegression', l2: '1' } as const;
    const range = { min: '-5', max: '700' };

    it('standardised per site: the published fit, evaluated at every site at the end', async () => {
      const plan = await studyOf(
        hospitals,
        { model: logistic, features: heartFeatures, range, standardise: 'perSite' },
        { evaluation: { ...evaluation, metrics: ['accuracy', 'auroc'] } },
      );
      requireSupportedLearning(plan);
      const rounds = await run(plan, rows);
      expect(rounds.map(({ stage }) => stage.task)).toEqual([
        ...Array.from({ length: 8 }, () => 'newton'),
        'evaluation',
      ]);
      const last = rounds.at(-1)?.checkpoint;
      const [, ...weights] = references().heart_persite_norm_logistic_l2_1.coef_intercept_first;
      // The reference standardised by float32 moments.
      expect(
        largestGap(solutionOf(plan, last ?? { round: 0, model: [], state: [] }).slice(0, 13), weights),
      ).toBeLessThan(1e-6);
      expect(newtonReport(plan, last?.state ?? [])).toMatchObject({ converged: true, rows: 486 });
    });

    it('standardised by all sites’ statistics: the pooled fit, and round 0 as large as every other', async () => {
      const plan = await studyOf(hospitals, {
        model: logistic,
        features: heartFeatures,
        range,
        standardise: 'federated',
      });
      requireSupportedLearning(plan);
      const rounds = await run(plan, rows);
      expect(rounds[0]?.stage.task).toBe('statistics');
      const last = rounds.at(-1)?.checkpoint ?? { round: 0, model: [], state: [] };
      const [, ...weights] = references().heart_pooled_norm_logistic_l2_1.coef_intercept_first;
      expect(largestGap(solutionOf(plan, last).slice(0, 13), weights)).toBeLessThan(1e-6);
      expect(encodeCheckpoint(last).byteLength).toBe(initialCheckpoint(plan).bytes.byteLength);
    });
  },
);

describe.skipIf(!hasShared('survival', 'lung.csv'))('a study of Cox’s model by institution', () => {
  it('gives the stratified fit, by the default of its plan', async () => {
    const institutions = byInstitution(lungPatients());
    const names = institutions.map((_, i) => `site-${String(i).padStart(2, '0')}`);
    const model = { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' } as const;
    const plan = await studyOf(names, { model, features: lungFeatures, range: { min: '0', max: '110' } });
    requireSupportedLearning(plan);
    const rounds = await run(
      plan,
      institutions.map((train) => ({ train, test: train })),
    );
    const last = rounds.at(-1)?.checkpoint ?? { round: 0, model: [], state: [] };
    expect(largestGap(solutionOf(plan, last), naiveCox(institutions, 'efron').coefficients)).toBeLessThan(1e-9);
  });
});
