// A declared model as tfjs operations: convolutions and dense layers, the plan's activation between them, log-odds or a number at the end.
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Model } from '@wardround/protocol/documents/study-plan';

export type LayerTensors = DenseTensors | ConvolutionTensors;

interface DenseTensors {
  readonly kind: 'dense';
  /** [inputs, outputs] */
  readonly weight: Tensor2D;
  /** [outputs] */
  readonly bias: Tensor1D;
}

interface ConvolutionTensors {
  readonly kind: 'convolution';
  /** [kernel, kernel, channels, filters] */
  readonly weight: Tensor4D;
  /** [filters] */
  readonly bias: Tensor1D;
}

/** [rows, inputs] to [rows]: what `taskOf` says. Call within `tf.tidy`. */
export function forward(model: Model, layers: readonly LayerTensors[], inputs: Tensor2D): Tensor1D {
  const convolutions = layers.filter((layer) => layer.kind === 'convolution');
  const dense = layers.filter((layer) => layer.kind === 'dense');
  const last = dense.length - 1;
  const outputs = dense.reduce(
    (values, { weight, bias }, i) => {
      // Cox's bias cancels in every risk set: without it here, no rounding can move it from 0.
      const shift = model.kind === 'coxProportionalHazards' ? bias.zerosLike() : bias;
      const sums: Tensor2D = values.matMul<Tensor2D>(weight).add(shift);
      return i === last ? sums : activate(model, sums);
    },
    convolve(model, convolutions, inputs),
  );
  return outputs.as1D();
}

/**
 * [rows, height · width · channels] to the same of the last convolution's image. Bias and activation come after the pool, on a quarter of
 * the values: both keep the order of a window's values, so that the largest of them is the same to the bit.
 */
function convolve(model: Model, layers: readonly ConvolutionTensors[], inputs: Tensor2D): Tensor2D {
  if (model.kind !== 'cnn') return inputs;
  const { height, width, channels } = model.image;
  const image = layers.reduce(
    (values, { weight, bias }) => {
      const largest: Tensor4D = values.conv2d(weight, 1, 'same').maxPool(2, 2, 'valid');
      return activate(model, largest.add<Tensor4D>(bias));
    },
    inputs.as4D(inputs.shape[0], height, width, channels),
  );
  return image.as2D(inputs.shape[0], image.size / inputs.shape[0]);
}

/** The plan's activation; a linear model has none. */
export function activate<T extends Tensor>(model: Model, sums: T): T {
  if (model.kind !== 'mlp' && model.kind !== 'cnn') return sums;
  switch (model.activation) {
    case 'relu':
      return sums.relu();
    case 'tanh':
      return sums.tanh();
    case 'sigmoid':
      return sums.sigmoid();
  }
}
