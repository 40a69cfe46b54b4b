// What a site is told of the federated model and of one trained alone: on its own test rows, by the plan's own metrics, and for itself only.
import { afterEach, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { inputColumns } from '@wardround/protocol/input-columns';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { VaultFiles } from '../../site-agent/src/vault/files.ts';
import { type Evaluation, TfjsLearner } from '../../site-agent/src/vault/learner.ts';
import { foundFakeFederation, signFakePlan } from '../fakes/fake-federation.ts';
import { fakeRows } from '../fakes/site-work.ts';
import { VaultWorld } from './vault-world.ts';

const federation = await foundFakeFederation({ colludingSites: 1 });

async function compared(change: (plan: StudyPlan) => StudyPlan): Promise<Evaluation> {
  const { value: plan } = await signFakePlan(federation, change);
  const rows = fakeRows(plan, 1);
  const encoded = { ...rows, provenance: 'synthetic' as const, columns: inputColumns(plan.cohort) };
  const data = { snapshot: '0'.repeat(64), encoded };
  const final = initialCheckpoint(plan).bytes;
  return await new TfjsLearner('cpu').evaluate({ plan, site: 'a', data, kept: [], final });
}

describe('the comparison at the study’s end', () => {
  it('has accuracy and AUROC of a class, and every metric of the plan with its interval', async () => {
    const evaluation = { metrics: ['brier' as const], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false };
    const { metrics, ...figures } = await compared((plan) => ({ ...plan, evaluation }));
    expect(metrics.map(({ metric }) => metric)).toEqual(['brier', 'accuracy', 'auroc']);
    // The final model here is the initial one, whose every probability is a half.
    expect(metrics[0]?.federated).toEqual({ value: 0.25, interval: { low: 0.25, high: 0.25 } });
    expect(metrics[0]?.local?.interval?.low).toBeLessThanOrEqual(metrics[0]?.local?.value ?? NaN);
    expect(figures).toMatchObject({ federatedAccuracy: 0.5, federatedAuroc: 0.5 });
    expect(figures.localAccuracy).toBe(metrics[1]?.local?.value);
  });

  it('has no accuracy of a number', async () => {
    const { metrics, ...figures } = await compared((plan) => ({
      ...plan,
      model: { kind: 'linearRegression', l2: '0' },
      cohort: {
        ...plan.cohort,
        label: { type: 'number', name: 'label', unit: null, range: { min: '0', max: '10' }, missing: 'dropRow' },
      },
      evaluation: { ...plan.evaluation, metrics: ['rmse'] },
    }));
    expect(metrics.map(({ metric }) => metric)).toEqual(['rmse']);
    expect(metrics[0]?.federated?.value).toBeCloseTo(Math.sqrt(0.5), 12);
    expect(figures).toEqual({ localAccuracy: null, federatedAccuracy: null, localAuroc: null, federatedAuroc: null });
  });
});

it('the comparison of a model that Newton’s method fits is with the same method on the site’s own rows', async () => {
  const { metrics } = await compared((plan) => ({
    ...plan,
    training: { method: 'newton', tolerance: '0.001' },
    strategy: { name: 'newton' },
    rounds: 3,
    evaluation: { ...plan.evaluation, metrics: ['loss'] },
  }));
  const [loss] = metrics;
  expect(loss?.federated?.value).toBeCloseTo(Math.log(2), 6);
  expect(loss?.local?.value).toBeGreaterThan(0);
  expect(loss?.local?.value).not.toBe(loss?.federated?.value);
});

let world: VaultWorld | undefined;
afterEach(async () => await world?.dispose());

describe('a site whose rows train no model alone', () => {
  it('completes the study all the same, and has no figures', async () => {
    const at = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) })).approved();
    world = at;
    at.evaluate = () => {
      throw new WardroundError('update-not-finite', 'training diverged');
    };
    const enclave = at.enclave();
    await at.session(enclave);
    await at.round(enclave);
    expect(at.checks()).toEqual(['study-complete null']);
    expect(await new VaultFiles(at.paths).readResults(at.study)).toMatchObject({
      federatedAccuracy: null,
      metrics: [],
    });
    expect(at.logs.filter(({ event }) => event === 'comparison-failed').map(({ code }) => code)).toEqual([
      'update-not-finite',
    ]);
  });
});
