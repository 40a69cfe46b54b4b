// What a plan may get wrong about what is measured: statistics, class weights, early stopping, metrics, and weights that somebody chose.
import type { PlanProblem } from './problems.ts';
import type { UnboundPlan } from './unbound-plan.ts';

/** A released document holds some hundred thousand numbers; columns beyond these would not fit one. */
const mostCorrelated = 256;
const mostBinned = 1000;

export function measurementProblems(plan: UnboundPlan): readonly PlanProblem[] {
  return [
    ...twice(plan.statistics, ['statistics'], 'statistics-twice'),
    ...twice(plan.evaluation.metrics, ['evaluation', 'metrics'], 'metric-twice'),
    ...columnProblems(plan),
    ...classWeightProblems(plan),
    ...importedWeightProblems(plan),
  ];
}

function twice(names: readonly string[], path: readonly (string | number)[], code: string): readonly PlanProblem[] {
  return names.flatMap((name, i) =>
    names.indexOf(name) === i ? [] : [{ path: [...path, i], code, message: 'asked for twice', got: name }],
  );
}

function columnProblems({ cohort, statistics }: UnboundPlan): readonly PlanProblem[] {
  const label = cohort.label.type === 'binary' ? 0 : 1;
  const numbers = cohort.features.filter(({ type }) => type === 'number').length + label;
  const columns = cohort.features.reduce(
    (sum, feature) => sum + (feature.type === 'code' ? feature.codes.length : 1),
    label,
  );
  const isBinned = statistics.includes('histograms') || statistics.includes('quantiles');
  const limits = [
    { isAsked: statistics.includes('correlations'), got: columns, most: mostCorrelated },
    { isAsked: isBinned, got: numbers, most: mostBinned },
  ];
  return limits.flatMap(({ isAsked, got, most }) =>
    isAsked && got > most
      ? [
          {
            path: ['statistics'],
            code: 'statistics-columns',
            message: 'more columns than such statistics are released for',
            expected: `at most ${most}`,
            got: String(got),
          },
        ]
      : [],
  );
}

function classWeightProblems({ cohort, training }: UnboundPlan): readonly PlanProblem[] {
  if (training.method !== 'gradientDescent' || training.classWeights.method !== 'federated') return [];
  if (cohort.label.type === 'binary') return [];
  return [
    {
      path: ['training', 'classWeights'],
      code: 'class-weights-label',
      message: 'only a label of two classes has class weights',
      expected: 'none',
      got: 'federated',
    },
  ];
}

/** Crafted weights can make an average reveal single rows; only noise within every update takes that away. */
function importedWeightProblems({ initialWeights, privacy }: UnboundPlan): readonly PlanProblem[] {
  if (initialWeights.method !== 'importedWeights' || privacy.mode === 'dpSgd') return [];
  return [
    {
      path: ['initialWeights'],
      code: 'imported-weights-privacy',
      message: 'weights that somebody chose could make an average reveal single patients',
      expected: 'privacy by dpSgd, or zeros, or { seeded: 42 }',
      got: privacy.mode,
    },
  ];
}
