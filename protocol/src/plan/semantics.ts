// What a well-formed plan may still get wrong: values that contradict each other, and what this version cannot do.
import { leastContributors, quorum } from '../quorum.ts';
import { imageProblems } from './image-problems.ts';
import { measurementProblems } from './measurement-problems.ts';
import { newtonProblems } from './newton-problems.ts';
import type { PlanProblem } from './problems.ts';
import { strategyProblems } from './strategy-problems.ts';
import { treesProblems } from './trees-semantics.ts';
import type { UnboundPlan } from './unbound-plan.ts';

/** Every contradiction inside a plan; `colludingSites` is 0 where the federation is not known. */
export function contradictions(
  plan: UnboundPlan,
  { colludingSites, now }: { colludingSites: number; now: Date },
): readonly PlanProblem[] {
  return [
    ...rosterProblems(plan, colludingSites),
    ...releaseProblems(plan, colludingSites),
    ...columnProblems(plan),
    ...imageProblems(plan),
    ...labelProblems(plan),
    ...strategyProblems(plan, colludingSites),
    ...maskingProblems(plan),
    ...treesProblems(plan),
    ...newtonProblems(plan),
    ...measurementProblems(plan),
    ...expiryProblems(plan, now),
  ];
}

function rosterProblems({ sites }: UnboundPlan, colludingSites: number): PlanProblem[] {
  const problems: PlanProblem[] = [];
  const members = sites.roster.length;
  const least = leastContributors(colludingSites);
  const twice = sites.roster.find((name, index) => sites.roster.indexOf(name) !== index);
  if (twice !== undefined) {
    problems.push({ path: ['sites', 'roster'], code: 'roster-twice', message: 'a site is listed twice', got: twice });
  }
  if (sites.minimum < least) {
    problems.push({
      path: ['sites', 'minimum'],
      code: 'minimum-too-small',
      message: `with ${colludingSites} colluding sites tolerated, fewer contributors would show one site's update`,
      expected: `at least ${least}`,
      got: String(sites.minimum),
    });
  }
  if (sites.minimum > members) {
    problems.push({
      path: ['sites', 'minimum'],
      code: 'minimum-above-roster',
      message: 'the plan asks for more contributors than it lists sites',
      expected: `at most ${members}`,
      got: String(sites.minimum),
    });
  }
  if (Number(sites.maxShare) * members < 1) {
    problems.push({
      path: ['sites', 'maxShare'],
      code: 'max-share-impossible',
      message: `even with equal weights each of ${members} sites has a larger share`,
      expected: `at least 1/${members}`,
      got: sites.maxShare,
    });
  }
  return problems;
}

function releaseProblems({ release, sites }: UnboundPlan, colludingSites: number): PlanProblem[] {
  if (release.whenSitesAgree === null) return [];
  const members = sites.roster.length;
  const least = quorum(members, colludingSites);
  const problems: PlanProblem[] = [];
  if (release.whenSitesAgree < least || release.whenSitesAgree > members) {
    problems.push({
      path: ['release', 'whenSitesAgree'],
      code: 'release-quorum',
      message: 'the model may leave the sites only with a quorum of them',
      expected: `${least} to ${members}`,
      got: String(release.whenSitesAgree),
    });
  }
  return problems;
}

function columnProblems({ cohort }: UnboundPlan): PlanProblem[] {
  const { label, split } = cohort;
  const labels = label.type === 'survival' ? [label.time, label.event] : [label.name];
  const problems = cohort.features
    .filter((feature) => labels.includes(feature.name))
    .map((feature): PlanProblem => {
      const path = ['cohort', 'features', feature.name];
      return { path, code: 'label-as-feature', message: 'the model would be shown what it is to predict' };
    });
  if (split.method === 'column' && labels.includes(split.column)) {
    problems.push({
      path: ['cohort', 'split', 'column'],
      code: 'split-on-label',
      message: 'the label cannot say who is a test patient',
    });
  }
  return problems;
}

const labelOfModel = {
  logisticRegression: ['binary'],
  linearRegression: ['number'],
  mlp: ['binary', 'number'],
  coxProportionalHazards: ['survival'],
  cnn: ['binary', 'number'],
  gradientBoostedTrees: ['binary', 'number'],
} as const satisfies Record<UnboundPlan['model']['kind'], readonly UnboundPlan['cohort']['label']['type'][]>;

const labelOfMetric = {
  accuracy: ['binary'],
  auroc: ['binary'],
  auprc: ['binary'],
  brier: ['binary'],
  calibration: ['binary'],
  cIndex: ['survival'],
  rmse: ['number'],
  loss: ['binary', 'number'],
} as const satisfies Record<
  UnboundPlan['evaluation']['metrics'][number],
  readonly UnboundPlan['cohort']['label']['type'][]
>;

function labelProblems({ cohort, model, evaluation, training, strategy }: UnboundPlan): PlanProblem[] {
  const problems: PlanProblem[] = [];
  const { type } = cohort.label;
  const fits: readonly string[] = labelOfModel[model.kind];
  if (!fits.includes(type)) {
    problems.push({
      path: ['model', 'kind'],
      code: 'model-label',
      message: `${model.kind} does not predict a label of type ${type}`,
      expected: `a label of type ${fits.join(' or ')}`,
      got: type,
    });
  }
  evaluation.metrics.forEach((name, index) => {
    const measures: readonly string[] = labelOfMetric[name];
    if (measures.includes(type)) return;
    problems.push({
      path: ['evaluation', 'metrics', index],
      code: 'metric-label',
      message: `${name} does not measure a label of type ${type}`,
      expected: `a label of type ${measures.join(' or ')}`,
      got: type,
    });
  });
  if ((training.method === 'newton') !== (strategy.name === 'newton')) {
    problems.push({
      path: ['strategy', 'name'],
      code: 'newton-alone',
      message: "Newton's method is both the training and the strategy, or neither",
    });
  }
  return problems;
}

function maskingProblems({ strategy, masking }: UnboundPlan): PlanProblem[] {
  if (strategy.name !== 'selectingRule' || masking.mode === 'unmasked') return [];
  const message = 'a rule that selects must see each update, and masks show sums only';
  return [{ path: ['masking'], code: 'selecting-masked', message, expected: 'unmasked', got: masking.mode }];
}

function expiryProblems({ expires }: UnboundPlan, now: Date): PlanProblem[] {
  if (new Date(expires) > now) return [];
  return [
    {
      path: ['expires'],
      code: 'expired',
      message: 'the plan has expired already',
      expected: `an instant after ${now.toISOString()}`,
      got: expires,
    },
  ];
}
