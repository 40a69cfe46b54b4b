// What a plan for pictures must agree on with itself: a CNN of their size, which leaves something of them, and nothing that is for numbers.
import { inputCount } from '../input-columns.ts';
import type { PlanProblem } from './problems.ts';
import type { UnboundPlan } from './unbound-plan.ts';

/** None for a table and another model. */
export function imageProblems(plan: UnboundPlan): PlanProblem[] {
  return [...modelProblems(plan), ...(plan.cohort.source === 'images' ? cohortProblems(plan) : tableProblems(plan))];
}

function modelProblems({ model, cohort }: UnboundPlan): PlanProblem[] {
  if (model.kind !== 'cnn') return [];
  const { height, width, channels } = model.image;
  const problems: PlanProblem[] = [];
  if (height * width * channels !== inputCount(cohort)) {
    problems.push({
      path: ['model', 'image'],
      code: 'image-size',
      message: 'the cohort’s columns are no picture of the model’s size',
      expected: `height × width × channels = ${inputCount(cohort)}`,
      got: String(height * width * channels),
    });
  }
  if (Math.min(height, width) < 2 ** model.filters.length) {
    problems.push({
      path: ['model', 'filters'],
      code: 'image-vanishes',
      message: 'every layer halves the picture, and nothing is left of it before the last',
      expected: `at most ${Math.floor(Math.log2(Math.min(height, width)))} layers for ${height} × ${width}`,
      got: String(model.filters.length),
    });
  }
  return problems;
}

function cohortProblems({ model, cohort, statistics }: UnboundPlan): PlanProblem[] {
  const problems: PlanProblem[] = [];
  if (model.kind !== 'cnn') {
    problems.push({
      path: ['model', 'kind'],
      code: 'image-model',
      message: 'pictures are for a model of pictures',
      expected: 'cnn',
      got: model.kind,
    });
  }
  const [feature, ...others] = cohort.features;
  if (feature?.type !== 'image' || others.length > 0) {
    problems.push({
      path: ['cohort', 'features'],
      code: 'image-features',
      message: 'an image cohort has its pictures and no columns beside them',
      expected: 'no features: the size of the pictures stands under model.image',
      got: cohort.features.map(({ name }) => name).join(', '),
    });
  }
  if (cohort.standardise !== 'none' && cohort.standardise !== 'perImage') {
    problems.push({
      path: ['cohort', 'standardise'],
      code: 'image-standardise',
      message: 'the model sees every byte of a picture as 0 to 1, or each picture by its own mean and deviation',
      expected: 'none or perImage',
      got: cohort.standardise,
    });
  }
  if (statistics.length > 0) {
    problems.push({
      path: ['statistics'],
      code: 'image-statistics',
      message: 'federated statistics are of columns, not of pixels',
      expected: 'none',
      got: statistics.join(', '),
    });
  }
  return problems;
}

function tableProblems({ cohort }: UnboundPlan): PlanProblem[] {
  const pictures = cohort.features
    .filter(({ type }) => type === 'image')
    .map(({ name }) => {
      const path = ['cohort', 'features', name];
      return {
        path,
        code: 'image-in-table',
        message: 'pictures come from a source of their own',
        expected: 'cohort.source: images',
      };
    });
  if (cohort.standardise !== 'perImage') return pictures;
  return [
    ...pictures,
    {
      path: ['cohort', 'standardise'],
      code: 'image-standardise',
      message: 'columns of a table have units of their own: a row has no mean of all of them',
      expected: 'perSite, federated or none; or cohort.source: images',
      got: cohort.standardise,
    },
  ];
}
