// A declared model as tfjs operations: dense layers, the plan's activation between them, log-odds or a number at the end.
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Model } from '@wardround/protocol/documents/study-plan';

export interface LayerTensors {
  /** [inputs, outputs] */
  readonly weight: Tensor2D;
  /** [outputs] */
  readonly bias: Tensor1D;
}

/** [rows, inputs] to [rows]: what `taskOf` says. Call within `tf.tidy`. */
export function forward(model: Model, layers: readonly LayerTensors[], inputs: Tensor2D): Tensor1D {
  const last = layers.length - 1;
  const outputs = layers.reduce((values, { weight, bias }, i) => {
    const sums: Tensor2D = values.matMul<Tensor2D>(weight).add(bias);
    return i === last ? sums : activate(model, sums);
  }, inputs);
  return outputs.as1D();
}

function activate(model: Model, sums: Tensor2D): Tensor2D {
  if (model.kind !== 'mlp') return sums;
  switch (model.activation) {
    case 'relu':
      return sums.relu();
    case 'tanh':
      return sums.tanh();
    case 'sigmoid':
      return sums.sigmoid();
  }
}
