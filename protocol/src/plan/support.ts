// What this version can carry out. The protocol's documents know more; a plan that asks for it is good, but not yet, and hears so plainly.
import type { PlanProblem } from './problems.ts';
import type { UnboundPlan } from './unbound-plan.ts';

const models: readonly string[] = [
  'logisticRegression',
  'linearRegression',
  'coxProportionalHazards',
  'mlp',
  'cnn',
  'gradientBoostedTrees',
];
const strategies: readonly string[] = [
  'fedAvg',
  'fedProx',
  'scaffold',
  'fedAvgM',
  'fedAdam',
  'fedYogi',
  'fedAdagrad',
  'fedNova',
  'fedBn',
  'newton',
  'selectingRule',
];

interface Limit {
  readonly path: readonly (string | number)[];
  readonly code: string;
  /** True where the plan asks for what this version lacks. */
  readonly beyond: boolean;
  readonly what: string;
  readonly got: string;
  readonly instead: string;
}

/** Everything that the plan asks of a later version. */
export function unsupported(plan: UnboundPlan): readonly PlanProblem[] {
  return [...learningLimits(plan), ...privacyLimits(plan)]
    .filter(({ beyond }) => beyond)
    .map(({ path, code, what, got, instead }) => {
      return {
        path,
        code: `unsupported-${code}`,
        message: `this version does not have ${what} yet`,
        expected: instead,
        got,
      };
    });
}

function learningLimits({ model, strategy, initialWeights, weighting }: UnboundPlan): Limit[] {
  return [
    {
      path: ['model', 'kind'],
      code: 'model',
      beyond: !models.includes(model.kind),
      what: 'that model',
      got: model.kind,
      instead: models.join(', '),
    },
    {
      path: ['strategy', 'name'],
      code: 'strategy',
      beyond: !strategies.includes(strategy.name),
      what: 'that strategy',
      got: strategy.name,
      instead: strategies.join(', '),
    },
    {
      path: ['initialWeights'],
      code: 'initial-weights',
      beyond: initialWeights.method === 'importedWeights',
      what: 'imported weights',
      got: initialWeights.method,
      instead: 'zeros or { seeded: 42 }',
    },
    {
      path: ['weighting'],
      code: 'weighting',
      beyond: weighting === 'coarse',
      what: 'coarse weights',
      got: weighting,
      instead: 'patients or equal',
    },
  ];
}

function privacyLimits({ privacy, masking, evaluation, release }: UnboundPlan): Limit[] {
  return [
    {
      path: ['privacy', 'mode'],
      code: 'privacy',
      beyond: privacy.mode !== 'noDifferentialPrivacy',
      what: 'differential privacy',
      got: privacy.mode,
      instead: 'noDifferentialPrivacy, by that name',
    },
    {
      path: ['masking'],
      code: 'masking',
      beyond: masking.mode !== 'unmasked',
      what: 'masking',
      got: masking.mode,
      instead: 'unmasked, by that name',
    },
    {
      path: ['evaluation', 'perSiteAtEnd'],
      code: 'per-site-metrics',
      beyond: evaluation.perSiteAtEnd,
      what: 'publication of per-site metrics',
      got: 'true',
      instead: 'false',
    },
    {
      path: ['release', 'consent'],
      code: 'consent',
      beyond: release.consent.method !== 'oneByOne',
      what: 'consent given with the approval',
      got: release.consent.method,
      instead: 'oneByOne',
    },
  ];
}
