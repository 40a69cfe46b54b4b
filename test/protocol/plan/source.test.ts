// Plans as people write them: every slip is refused by its path, all at once, with what was meant.
import { describe, expect, it } from 'vitest';
import { PlanInvalidError, pathText } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { examplePlan } from './example.ts';

type Plan = ReturnType<typeof examplePlan>;

function problemsOf(
  plan: unknown,
): readonly { path: string; code: string; expected: string | undefined; got: string | undefined }[] {
  try {
    parsePlanSource(plan);
  } catch (error) {
    if (!(error instanceof PlanInvalidError)) throw error;
    expect(error.code).toBe('plan-invalid');
    return error.problems.map(({ path, code, expected, got }) => ({ path: pathText(path), code, expected, got }));
  }
  return [];
}

describe('parsePlanSource', () => {
  it('reads the smallest plan', () => {
    expect(problemsOf(examplePlan())).toEqual([]);
  });

  const slips: readonly (readonly [string, (plan: Plan) => void, string, string])[] = [
    ['an unknown key', (p) => (p.sites.minimun = 3), 'sites.minimun', 'unknown-key'],
    ['an unknown key at the top', (p) => (p.rouns = 3), 'rouns', 'unknown-key'],
    ['a missing key', (p) => delete p.sites.maxShare, 'sites.maxShare', 'missing-key'],
    ['no named privacy', (p) => delete p.privacy, 'privacy', 'missing-key'],
    ['no named masking', (p) => delete p.masking, 'masking', 'missing-key'],
    ['another version', (p) => (p.wardround = 'study/v2'), 'wardround', 'wrong-value'],
    ['a date for an instant', (p) => (p.expires = '2027-03-31'), 'expires', 'wrong-value'],
    ['an instant without zone', (p) => (p.expires = '2027-03-31T23:59:59'), 'expires', 'wrong-value'],
    ['a day that is none', (p) => (p.expires = '2027-02-30T00:00:00Z'), 'expires', 'wrong-value'],
    [
      'a range upside down',
      (p) => (p.cohort.features.age.range = [110, 18]),
      'cohort.features.age.range',
      'wrong-value',
    ],
    [
      'a range of one value',
      (p) => (p.cohort.features.age.range = [18, 18]),
      'cohort.features.age.range',
      'wrong-value',
    ],
    ['a feature of no sort', (p) => (p.cohort.features.age.type = 'numer'), 'cohort.features.age.type', 'wrong-value'],
    [
      'a feature name with a space',
      (p) => (p.cohort.features['chest pain'] = { type: 'number', range: [0, 1] }),
      'cohort.features.chest pain',
      'wrong-value',
    ],
    ['no features', (p) => (p.cohort.features = {}), 'cohort.features', 'wrong-value'],
    ['one code', (p) => (p.cohort.features.cp.codes = [1]), 'cohort.features.cp.codes', 'wrong-value'],
    [
      'a comparison that is none',
      (p) => (p.cohort.label.positiveWhen = '=> 0'),
      'cohort.label.positiveWhen',
      'wrong-value',
    ],
    ['a model that is none', (p) => (p.model.kind = 'logistcRegression'), 'model.kind', 'wrong-value'],
    ['a strategy that is none', (p) => (p.strategy.name = 'fedavg'), 'strategy.name', 'wrong-value'],
    ['a strategy with another one’s value', (p) => (p.strategy.mu = 1), 'strategy.mu', 'unknown-key'],
    ['a learning rate of 0', (p) => (p.training.learningRate = 0), 'training.learningRate', 'wrong-value'],
    [
      'a learning rate that is not finite',
      (p) => (p.training.learningRate = Number.NaN),
      'training.learningRate',
      'wrong-value',
    ],
    ['a momentum above 1', (p) => (p.training.momentum = 1.5), 'training.momentum', 'wrong-value'],
    ['rounds that are no whole number', (p) => (p.rounds = 1.5), 'rounds', 'wrong-value'],
    ['one site', (p) => (p.sites.roster = ['va']), 'sites.roster', 'wrong-value'],
    ['a minimum of 1', (p) => (p.sites.minimum = 1), 'sites.minimum', 'wrong-value'],
    ['a share above 1', (p) => (p.sites.maxShare = 1.01), 'sites.maxShare', 'wrong-value'],
    ['a deadline that is none', (p) => (p.sites.deadline = 'soon'), 'sites.deadline', 'wrong-value'],
    ['a deadline of nothing', (p) => (p.sites.deadline = 0), 'sites.deadline', 'wrong-value'],
    ['masking by another name', (p) => (p.masking = 'none'), 'masking', 'wrong-value'],
    ['privacy by another name', (p) => (p.privacy.mode = 'none'), 'privacy.mode', 'wrong-value'],
    ['nobody to release to', (p) => (p.release.to = []), 'release.to', 'wrong-value'],
  ];
  it.each(slips)('refuses %s', (_name, spoil, path, code) => {
    const plan = examplePlan();
    spoil(plan);
    expect(problemsOf(plan)).toContainEqual(expect.objectContaining({ path, code }));
  });

  it('names the nearest key and word', () => {
    const plan = examplePlan();
    plan.sites.minimun = 3;
    plan.model.kind = 'logistcRegression';
    const expected = problemsOf(plan).map((problem) => problem.expected);
    expect(expected).toContainEqual(expect.stringContaining('minimum perhaps?'));
    expect(expected).toContainEqual(expect.stringContaining('logisticRegression perhaps?'));
  });

  it('reports every mistake at once', () => {
    const plan = examplePlan();
    for (const [, spoil] of slips.filter(([, , path]) =>
      ['rouns', 'expires', 'sites.maxShare', 'model.kind'].includes(path),
    ))
      spoil(plan);
    const paths = problemsOf(plan).map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['rouns', 'expires', 'sites.maxShare', 'model.kind']));
  });

  it.each([null, undefined, 7, 'plan', [], {}])('refuses %j as a plan', (value) => {
    expect(problemsOf(value).length).toBeGreaterThan(0);
  });
});
