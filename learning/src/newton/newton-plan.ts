// What Newton's method can do of a plan: three models with one column of coefficients, their parameters in one order, zeros to start from.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputColumns, inputCount } from '@wardround/protocol/input-columns';
import { requireStrata } from '../cox/strata.ts';
import type { NamedShape } from '../tensor-view.ts';

export type NewtonPlan = Pick<
  StudyPlan,
  'cohort' | 'model' | 'initialWeights' | 'training' | 'strategy' | 'encoding'
> & { readonly sites: Pick<StudyPlan['sites'], 'roster'> };

export type NewtonModel = Extract<
  StudyPlan['model'],
  { kind: 'logisticRegression' | 'linearRegression' | 'coxProportionalHazards' }
>;

export interface NewtonProblem {
  readonly model: NewtonModel;
  readonly inputs: number;
  /** Coefficients that are estimated: one an input column, then the intercept; Cox's model has none. */
  readonly parameters: number;
  /** Names of the parameters, for people. */
  readonly names: readonly string[];
  readonly l2: number;
  readonly tolerance: number;
}

/** Beyond this the Hessian alone would be 4 MiB a site and round. */
const mostParameters = 1024;

const labelOf = {
  logisticRegression: 'binary',
  linearRegression: 'number',
  coxProportionalHazards: 'survival',
} as const satisfies Record<NewtonModel['kind'], StudyPlan['cohort']['label']['type']>;

/**
 * The problem that a plan poses. `model.l2` is set against the sum over all patients of all sites: λ/2·‖weights‖² in units of the
 * log-likelihood, intercept not penalised, so the optimum does not depend on how patients are spread over sites (gradient descent sets it
 * against the mean).
 *
 * @throws WardroundError `model-unsupported`, `model-label`, `training-unsupported` (Newton is both training and strategy),
 * `newton-initial-weights`, `newton-images`, `newton-too-wide`, `cox-stratify`
 */
export function newtonProblem(plan: NewtonPlan): NewtonProblem {
  const model = requireModel(plan);
  const tolerance = requireNewton(plan);
  const inputs = countInputs(plan);
  const hasIntercept = model.kind !== 'coxProportionalHazards';
  const parameters = inputs + (hasIntercept ? 1 : 0);
  if (parameters > mostParameters) throw tooWide(parameters);
  const names = [...inputColumns(plan.cohort).map(({ name }) => name), ...(hasIntercept ? ['bias'] : [])];
  return { model, inputs, parameters, names, l2: Number(model.l2), tolerance };
}

/**
 * The tensors of each of these models, `weight` [inputs, 1] and `bias` [1]; Cox's bias stays 0, because it cancels in every risk set.
 */
export function newtonShapes({ inputs }: Pick<NewtonProblem, 'inputs'>): readonly [NamedShape, NamedShape] {
  return [
    { name: 'weight', shape: [inputs, 1] },
    { name: 'bias', shape: [1] },
  ];
}

function requireModel({ model, cohort }: NewtonPlan): NewtonModel {
  switch (model.kind) {
    case 'logisticRegression':
    case 'linearRegression':
    case 'coxProportionalHazards':
      break;
    default:
      throw new WardroundError('model-unsupported', "Newton's method does not train that kind of model", {
        expected: Object.keys(labelOf).join(', '),
        got: model.kind,
        where: 'model.kind',
      });
  }
  if (cohort.label.type !== labelOf[model.kind]) {
    throw new WardroundError('model-label', `the label does not fit the model ${model.kind}`, {
      expected: `a label of type ${labelOf[model.kind]}`,
      got: cohort.label.type,
      where: 'cohort.label',
    });
  }
  if (model.kind === 'coxProportionalHazards') requireStrata(model);
  return model;
}

function requireNewton({ training, strategy, initialWeights }: NewtonPlan): number {
  if (training.method !== 'newton' || strategy.name !== 'newton') {
    throw new WardroundError('training-unsupported', "Newton's method is both the training and the strategy", {
      expected: 'newton',
      got: `${training.method}, ${strategy.name}`,
      where: 'training.method, strategy.name',
    });
  }
  if (initialWeights.method !== 'zeros') {
    throw new WardroundError(
      'newton-initial-weights',
      "Newton's method starts from zeros: its optimum needs no other",
      {
        expected: 'zeros',
        got: initialWeights.method,
        where: 'initialWeights.method',
      },
    );
  }
  return Number(training.tolerance);
}

function countInputs({ cohort }: NewtonPlan): number {
  const image = cohort.features.find(({ type }) => type === 'image');
  if (image !== undefined) {
    throw new WardroundError('newton-images', "Newton's method takes columns of a table, not pictures", {
      expected: 'numbers and codes',
      got: image.name,
      where: 'cohort.features',
    });
  }
  return inputCount(cohort);
}

function tooWide(parameters: number): WardroundError {
  return new WardroundError('newton-too-wide', "too many coefficients for Newton's method", {
    expected: `at most ${mostParameters}`,
    got: String(parameters),
    where: 'cohort.features',
  });
}
