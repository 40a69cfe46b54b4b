// A compiled plan says everything; a plan that contradicts itself, its federation or this version is refused by path and code.
import { describe, expect, it } from 'vitest';
import { studyPlanSchema } from '@wardround/protocol/documents/study-plan';
import { generateSigningKey, thumbprint } from '@wardround/protocol/keys';
import { sign } from '@wardround/protocol/documents/signed';
import { compilePlan, compileUnresolved } from '@wardround/protocol/plan/compile';
import { PlanInvalidError, pathText } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { exampleFederation, examplePlan, now } from './example.ts';

type Plan = ReturnType<typeof examplePlan>;
const federation = exampleFederation();

function compiled(plan: unknown): ReturnType<typeof compilePlan> {
  return compilePlan({ source: parsePlanSource(plan), federation, researcher: 'dr.lind', now });
}

function problemsOf(work: () => unknown): readonly { path: string; code: string }[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PlanInvalidError)) throw error;
    return error.problems.map(({ path, code }) => ({ path: pathText(path), code }));
  }
  return [];
}

describe('compilePlan', () => {
  it('writes every value out', () => {
    const plan = compiled(examplePlan());
    expect(studyPlanSchema.parse(plan)).toEqual(plan);
    expect(plan).toMatchObject({
      federation: federation.federation,
      membership: federation.membership,
      researcher: 'dr.lind',
      createdAt: now.toISOString(),
      expires: '2027-03-31T23:59:59.000Z',
      predecessor: null,
      initialWeights: { method: 'zeros' },
      weighting: 'patients',
      encoding: {
        update: { ring: 'int32', stepLog2: -24, normBound: '100' },
        sums: { ring: 'int64', stepLog2: -24 },
        paddingBytes: 65_536,
      },
      training: {
        method: 'gradientDescent',
        optimizer: { name: 'sgd', learningRate: '0.001', momentum: '0' },
        batchSize: 32,
        steps: 100,
        seed: 42,
        classWeights: { method: 'none' },
        earlyStopping: { method: 'none' },
      },
      evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
      attestation: { gpu: 'unused', maxEvidenceAgeSeconds: 3600 },
      statistics: [],
    });
    expect(plan.sites).toMatchObject({ deadlineSeconds: 600, onShortfall: 'wait', maxAttempts: 10, maxShare: '0.7' });
    expect(plan.release).toMatchObject({
      whenSitesAgree: 3,
      consent: { method: 'oneByOne' },
      formats: ['safetensors', 'tfjs'],
    });
  });

  it('binds names to keys, the roster sorted however it was written', () => {
    const { sites, release } = compiled(examplePlan());
    expect(sites.roster.map(({ name }) => name)).toEqual(['cleveland', 'hungary', 'switzerland', 'va']);
    for (const { name, agent } of sites.roster) {
      const site = federation.sites.find((member) => member.name === name);
      expect(site === undefined ? null : thumbprint(site.keys.agent)).toBe(agent);
    }
    const [researcher] = federation.researchers;
    expect(release.to).toEqual([
      {
        name: 'dr.lind',
        signing: researcher === undefined ? '' : thumbprint(researcher.signing),
        receiving: researcher?.receiving,
      },
    ]);
  });

  it('is the same document twice, and one that can be signed', async () => {
    const key = generateSigningKey();
    const first = await sign('StudyPlan', compiled(examplePlan()), key);
    const second = await sign('StudyPlan', compiled(examplePlan()), key);
    expect(second.digest).toBe(first.digest);
  });

  it('keeps decimals exactly', () => {
    const plan = examplePlan();
    plan.training.learningRate = 1e-7;
    plan.sites.maxShare = '0.70';
    const { training, sites } = compiled(plan);
    expect(training).toMatchObject({ optimizer: { learningRate: '0.0000001' } });
    expect(sites.maxShare).toBe('0.7');
  });

  it('seeds what zeros would never part', () => {
    const plan = examplePlan();
    plan.model = { kind: 'mlp', hidden: [8] };
    plan.training.seed = 7;
    expect(compiled(plan)).toMatchObject({
      model: { kind: 'mlp', hidden: [8], activation: 'relu', l2: '0' },
      initialWeights: { method: 'seeded', seed: 7 },
    });
  });

  it.each([
    ['fedProx', { name: 'fedProx', mu: '0.01' }],
    ['fedAvgM', { name: 'fedAvgM', serverLearningRate: '1', momentum: '0.9' }],
    ['fedAdam', { name: 'fedAdam', serverLearningRate: '0.01', beta1: '0.9', beta2: '0.99', tau: '0.001' }],
    ['fedAdagrad', { name: 'fedAdagrad', serverLearningRate: '0.01', tau: '0.001' }],
  ])('fills %s', (name, expected) => {
    expect(compiled({ ...examplePlan(), strategy: { name } }).strategy).toEqual(expected);
  });

  const contradictions: readonly (readonly [string, (plan: Plan) => void, string, string])[] = [
    ['K below f + 2', (p) => (p.sites.minimum = 2), 'sites.minimum', 'minimum-too-small'],
    ['K above the roster', (p) => (p.sites.minimum = 5), 'sites.minimum', 'minimum-above-roster'],
    ['a share that nobody can keep', (p) => (p.sites.maxShare = 0.24), 'sites.maxShare', 'max-share-impossible'],
    ['a site twice', (p) => (p.sites.roster = ['va', 'va', 'hungary', 'cleveland']), 'sites.roster', 'roster-twice'],
    ['a site that is no member', (p) => (p.sites.roster[1] = 'bern'), 'sites.roster[1]', 'roster-unknown'],
    ['a recipient who is no member', (p) => (p.release.to = ['dr.who']), 'release.to[0]', 'recipient-unknown'],
    ['release below the quorum', (p) => (p.release.whenSitesAgree = 2), 'release.whenSitesAgree', 'release-quorum'],
    ['release above the roster', (p) => (p.release.whenSitesAgree = 5), 'release.whenSitesAgree', 'release-quorum'],
    ['an expiry in the past', (p) => (p.expires = '2026-11-30T23:59:59Z'), 'expires', 'expired'],
    [
      'the label as a feature',
      (p) => (p.cohort.features.num = { type: 'number', range: [0, 4] }),
      'cohort.features.num',
      'label-as-feature',
    ],
    [
      'a split on the label',
      (p) => (p.cohort.split = { column: 'num', train: 0, test: 1 }),
      'cohort.split.column',
      'split-on-label',
    ],
    ['a model for another label', (p) => (p.model.kind = 'linearRegression'), 'model.kind', 'model-label'],
    [
      'a metric for another label',
      (p) => (p.evaluation = { metrics: ['accuracy', 'rmse'] }),
      'evaluation.metrics[1]',
      'metric-label',
    ],
    ['a label of no sort', (p) => (p.cohort.label = { name: 'num' }), 'cohort.label', 'label-sort'],
    ['a label of two sorts', (p) => (p.cohort.label.range = [0, 4]), 'cohort.label.range', 'unknown-key'],
    [
      'a split of two sorts',
      (p) => (p.cohort.split = { column: 'fold', train: 'a', test: 'b', seed: 1 }),
      'cohort.split.seed',
      'unknown-key',
    ],
    ['half a split', (p) => (p.cohort.split = { column: 'fold', train: 'a' }), 'cohort.split.test', 'missing-key'],
    [
      'weights for a strategy that has none',
      (p) => ((p.strategy = { name: 'scaffold' }), (p.weighting = 'patients')),
      'weighting',
      'strategy-weighting',
    ],
    [
      'risk sets over all sites',
      (p) => (
        (p.model = { kind: 'coxProportionalHazards', stratify: 'none' }),
        (p.cohort.label = { time: 't', timeUnit: 'd', event: 'e', eventWhen: '> 0', maxTime: 100 })
      ),
      'model.stratify',
      'cox-stratify',
    ],
    [
      'risk sets that do not fit',
      (p) => (
        (p.model = { kind: 'coxProportionalHazards' }),
        (p.training.batchSize = 4097),
        (p.cohort.label = { time: 't', timeUnit: 'd', event: 'e', eventWhen: '> 0', maxTime: 100 })
      ),
      'training.batchSize',
      'cox-batch',
    ],
    [
      "Newton's method for hidden layers",
      (p) => (
        (p.model = { kind: 'mlp', hidden: [4] }),
        (p.training = { optimizer: 'newton' }),
        (p.strategy = { name: 'newton' })
      ),
      'training.optimizer',
      'newton-model',
    ],
    [
      "another start for Newton's method",
      (p) => (
        (p.training = { optimizer: 'newton' }),
        (p.strategy = { name: 'newton' }),
        (p.initialWeights = { seeded: 1 })
      ),
      'initialWeights',
      'newton-initial-weights',
    ],
    [
      'differential privacy',
      (p) => (p.privacy = { mode: 'central', clipNorm: 1, epsilon: 2, delta: 1e-5 }),
      'privacy.mode',
      'unsupported-privacy',
    ],
    ['masking', (p) => (p.masking = 'masked'), 'masking', 'unsupported-masking'],
    [
      'imported weights',
      (p) => (p.initialWeights = { importedWeights: 'a'.repeat(64) }),
      'initialWeights',
      'unsupported-initial-weights',
    ],
  ];
  it('takes any platform, and a GPU', () => {
    const plan = examplePlan();
    plan.attestation.platforms = ['sevSnp', 'tdx', 'azureSnpVtpm', 'azureTdxVtpm'];
    plan.attestation.gpu = 'required';
    expect(problemsOf(() => compiled(plan))).toEqual([]);
  });

  it.each(contradictions)('refuses %s', (_name, spoil, path, code) => {
    const plan = examplePlan();
    spoil(plan);
    expect(problemsOf(() => compiled(plan))).toContainEqual({ path, code });
  });

  it('refuses a signer who is no researcher of the federation', () => {
    const source = parsePlanSource(examplePlan());
    expect(problemsOf(() => compilePlan({ source, federation, researcher: 'mallory', now }))).toEqual([
      { path: '$', code: 'researcher-unknown' },
    ]);
  });

  it('takes the predecessor of an amendment', () => {
    const source = parsePlanSource(examplePlan());
    const predecessor = 'c'.repeat(64);
    expect(compilePlan({ source, federation, researcher: 'dr.lind', now, predecessor }).predecessor).toBe(predecessor);
  });
});

describe('compileUnresolved', () => {
  it('says the same as with a federation, but for what only a federation knows', () => {
    const source = parsePlanSource(examplePlan());
    const { plan, unresolved } = compileUnresolved({ source, now });
    const whole = compiled(examplePlan());
    expect(Object.keys(plan).toSorted()).toEqual(Object.keys(whole).toSorted());
    expect(plan.training).toEqual(whole.training);
    expect(plan.sites.roster).toEqual(whole.sites.roster.map(({ name }) => ({ name, agent: null })));
    expect(unresolved).toContain('release.whenSitesAgree');
    expect(studyPlanSchema.safeParse(plan).success).toBe(false);
  });

  it('refuses what is wrong in every federation', () => {
    const plan = examplePlan();
    plan.sites.minimum = 5;
    expect(problemsOf(() => compileUnresolved({ source: parsePlanSource(plan), now }))).toEqual([
      { path: 'sites.minimum', code: 'minimum-above-roster' },
    ]);
  });
});
