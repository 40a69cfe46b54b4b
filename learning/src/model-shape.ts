// The tensors of each declared model: names, shapes, order. Sites, the enclave and exports all size a model by this.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { Model, StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import { requireStrata } from './cox/strata.ts';
import type { NamedShape } from './tensor-view.ts';
import { treesModelOf, treesShape } from './trees/shape.ts';

export type ModelPlan = Pick<StudyPlan, 'cohort' | 'model'>;

/** What the model's one output means, by its label's type: the log-odds, the number itself, or the logarithm of the relative hazard. */
export type Task = Cohort['label']['type'];

export interface DenseLayer {
  readonly kind: 'dense';
  /** [inputs, outputs] */
  readonly weight: NamedShape;
  readonly bias: NamedShape;
}

/** Stride 1 over an image padded with zeros to the same size, the plan's activation, then the largest of each 2 × 2 (odd edges left out). */
export interface ConvolutionLayer {
  readonly kind: 'convolution';
  /** [kernel, kernel, channels, filters] */
  readonly weight: NamedShape;
  readonly bias: NamedShape;
}

export type Layer = DenseLayer | ConvolutionLayer;

/**
 * The model as a chain of layers, input first; a linear model is a chain of one. The last is dense and has one output. Where dense layers
 * follow a convolution, its image is flattened row by row, each pixel's channels together.
 *
 * @throws WardroundError `model-unsupported` for a kind that this version does not train by gradients, `model-label` where label and model
 * do not fit, `cox-stratify` for risk sets over all sites, `model-image` where the cohort's columns are no image of the model's size or the image vanishes between the layers
 */
export function layersOf(plan: ModelPlan): readonly Layer[] {
  taskOf(plan);
  const inputs = inputCount(plan.cohort);
  const { model } = plan;
  switch (model.kind) {
    case 'logisticRegression':
    case 'linearRegression':
    // Cox's bias stays 0, because it cancels in every risk set.
    case 'coxProportionalHazards':
      return [{ kind: 'dense', weight: { name: 'weight', shape: [inputs, 1] }, bias: { name: 'bias', shape: [1] } }];
    case 'mlp':
      return denseChain(inputs, model.hidden);
    case 'cnn':
      return convolutionalChain(inputs, model);
    default:
      throw unsupported(model);
  }
}

/** {@link layersOf} of a model that has dense layers only. @throws as it, and `model-unsupported` for a model of other layers */
export function denseLayers(plan: ModelPlan): readonly DenseLayer[] {
  const layers = layersOf(plan);
  const dense = layers.filter((layer) => layer.kind === 'dense');
  if (dense.length !== layers.length) throw unsupported(plan.model);
  return dense;
}

/** Names and shapes of all tensors, in the order in which they are always listed. @throws as {@link layersOf}, and `trees-*` */
export function modelShape(plan: ModelPlan): readonly NamedShape[] {
  if (plan.model.kind === 'gradientBoostedTrees') return treesShape(treesModelOf(plan));
  return layersOf(plan).flatMap(({ weight, bias }) => [weight, bias]);
}

/** @throws as {@link layersOf} */
export function taskOf({ model, cohort }: ModelPlan): Task {
  const label = cohort.label.type;
  switch (model.kind) {
    case 'logisticRegression':
      return requireLabel(label, 'binary', model);
    case 'linearRegression':
      return requireLabel(label, 'number', model);
    case 'mlp':
    case 'cnn':
    case 'gradientBoostedTrees':
      if (label === 'survival') throw mismatch(model, 'binary or number', label);
      return label;
    case 'coxProportionalHazards':
      requireStrata(model);
      return requireLabel(label, 'survival', model);
    default:
      throw unsupported(model);
  }
}

function requireLabel(got: Task, expected: Task, model: Model): Task {
  if (got !== expected) throw mismatch(model, expected, got);
  return expected;
}

function denseChain(inputs: number, hidden: readonly number[]): readonly DenseLayer[] {
  return [...hidden, 1].map((outputs, i) => ({
    kind: 'dense',
    weight: { name: `dense${i}.weight`, shape: [hidden[i - 1] ?? inputs, outputs] },
    bias: { name: `dense${i}.bias`, shape: [outputs] },
  }));
}

type CnnModel = Extract<Model, { kind: 'cnn' }>;

function convolutionalChain(inputs: number, { image, filters, kernel, hidden }: CnnModel): readonly Layer[] {
  const pixels = image.height * image.width * image.channels;
  if (pixels !== inputs) {
    throw badImage(`${image.height} × ${image.width} × ${image.channels} = ${pixels} input columns`, `${inputs}`);
  }
  const convolutions = filters.map((outputs, i): ConvolutionLayer => ({
    kind: 'convolution',
    weight: { name: `conv${i}.weight`, shape: [kernel, kernel, filters[i - 1] ?? image.channels, outputs] },
    bias: { name: `conv${i}.bias`, shape: [outputs] },
  }));
  const [height, width] = [image.height, image.width].map((size) => Math.floor(size / 2 ** filters.length));
  const flat = (height ?? 0) * (width ?? 0) * (filters.at(-1) ?? 0);
  if (flat === 0) throw badImage('an image of at least 2 pixels a side before every layer', `${filters.length} layers`);
  return [...convolutions, ...denseChain(flat, hidden)];
}

function unsupported(model: Model): WardroundError {
  return new WardroundError('model-unsupported', 'this version cannot train that kind of model that way', {
    expected: 'logisticRegression, linearRegression, coxProportionalHazards, mlp or cnn',
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

function badImage(expected: string, got: string): WardroundError {
  return new WardroundError('model-image', 'the image does not fit the model', {
    expected,
    got,
    where: 'model.image',
  });
}
