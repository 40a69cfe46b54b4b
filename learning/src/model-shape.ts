// The tensors of each declared model: names, shapes, order. Sites, the enclave and exports all size a model by this.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { Model, StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputColumns } from '@wardround/protocol/input-columns';
import type { NamedShape } from './tensor-view.ts';

export type ModelPlan = Pick<StudyPlan, 'cohort' | 'model'>;

/** What the model's one output means: the log-odds of the label, or the label itself. */
export type Task = 'binary' | 'number';

export interface DenseLayer {
  readonly weight: NamedShape;
  readonly bias: NamedShape;
}

/**
 * The model as a chain of dense layers, input first; a linear model is a chain of one. The last has one output.
 *
 * @throws WardroundError `model-unsupported` for a kind that this version does not train, `model-label` where label and model do not fit
 */
export function denseLayers(plan: ModelPlan): readonly DenseLayer[] {
  taskOf(plan);
  const inputs = inputColumns(plan.cohort).length;
  const { model } = plan;
  switch (model.kind) {
    case 'logisticRegression':
    case 'linearRegression':
      return [{ weight: { name: 'weight', shape: [inputs, 1] }, bias: { name: 'bias', shape: [1] } }];
    case 'mlp':
      return [...model.hidden, 1].map((outputs, i) => denseLayer(i, model.hidden[i - 1] ?? inputs, outputs));
    default:
      throw unsupported(model);
  }
}

/** Names and shapes of all tensors, in the order in which they are always listed. @throws as {@link denseLayers} */
export function modelShape(plan: ModelPlan): readonly NamedShape[] {
  return denseLayers(plan).flatMap(({ weight, bias }) => [weight, bias]);
}

/** @throws as {@link denseLayers} */
export function taskOf({ model, cohort }: ModelPlan): Task {
  const label = labelTask(cohort.label);
  switch (model.kind) {
    case 'logisticRegression':
      return requireLabel(label, 'binary', model);
    case 'linearRegression':
      return requireLabel(label, 'number', model);
    case 'mlp':
      if (label === null) throw mismatch(model, 'binary or number', cohort.label.type);
      return label;
    default:
      throw unsupported(model);
  }
}

function labelTask(label: Cohort['label']): Task | null {
  return label.type === 'survival' ? null : label.type;
}

function requireLabel(got: Task | null, expected: Task, model: Model): Task {
  if (got !== expected) throw mismatch(model, expected, got ?? 'survival');
  return expected;
}

function denseLayer(index: number, inputs: number, outputs: number): DenseLayer {
  return {
    weight: { name: `dense${index}.weight`, shape: [inputs, outputs] },
    bias: { name: `dense${index}.bias`, shape: [outputs] },
  };
}

function unsupported(model: Model): WardroundError {
  return new WardroundError('model-unsupported', 'this version cannot train that kind of model', {
    expected: 'logisticRegression, linearRegression or mlp',
    got: model.kind,
    where: 'model.kind',
  });
}

function mismatch(model: Model, expected: string, got: string): WardroundError {
  return new WardroundError('model-label', `the label does not fit the model ${model.kind}`, {
    expected: `a label of type ${expected}`,
    got,
    where: 'cohort.label',
  });
}
