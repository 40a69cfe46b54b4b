// Each example's gradient of a group of rows, in one pass through the model and back: by its layers' inputs and slopes where the layer is
// dense, written out where it is a convolution.
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import type { LayerGradients } from '../dp/clipped-sum.ts';
import { convolutionGradients } from '../dp/convolution-gradients.ts';
import type { Task } from '../model-shape.ts';
import type { GradientDescent } from '../supported.ts';
import type { LayerTensors } from './forward.ts';
import { valuesIn } from './parameters.ts';
import { type TappedModel, tappedForward, zeroTaps } from './per-example-forward.ts';

export interface PrivateModel extends TappedModel {
  readonly task: Task;
  readonly classWeights: GradientDescent['classWeights'];
}

export interface Group {
  /** [rows, inputs] */
  readonly inputs: Tensor2D;
  /** [rows] */
  readonly labels: Tensor1D;
}

/**
 * Of each row by itself the gradient of its loss: cross-entropy times its class's weight, or the squared error. No penalties: those are no
 * patient's. Nothing is left on the backend; while it runs, memory grows with the group: its activations, and a
 * whole gradient of each convolution for each row.
 *
 * Source of the slopes at the layers' sums: Goodfellow 2015; Li, Tramèr, Liang, Hashimoto, "Large language models can be strong
 * differentially private learners", 2022 (ghost clipping).
 *
 * @throws WardroundError `training-unsupported` for a loss that is no sum over rows (Cox's partial likelihood), or federated class weights
 */
export function perExampleGradients(model: PrivateModel, group: Group): readonly LayerGradients[] {
  const { tf, layers } = model;
  const gradients: LayerGradients[] = [];
  tf.tidy(() => {
    let entered: readonly Tensor[] = [];
    const loss = (...taps: Tensor[]): Scalar => {
      const run = tappedForward(model, group.inputs, taps);
      entered = run.entered.map((tensor) => tf.keep(tensor.clone()));
      return summedLoss(model, run.outputs, group.labels);
    };
    const slopes = tf.grads(loss)(zeroTaps(model, group.inputs.shape[0]));
    try {
      layers.forEach((layer, i) => gradients.push(layerGradients(layer, { entered: entered[i], slopes: slopes[i] })));
    } finally {
      for (const tensor of entered) tensor.dispose();
    }
  });
  return gradients;
}

function summedLoss({ tf, task, classWeights }: PrivateModel, outputs: Tensor1D, labels: Tensor1D): Scalar {
  if (task === 'survival' || classWeights.method === 'federated') {
    throw new WardroundError('training-unsupported', 'no gradient of one patient alone', {
      expected: 'a loss that is a sum over patients, and class weights that no patient changed',
      got: task === 'survival' ? 'a partial likelihood' : 'federated class weights',
    });
  }
  if (task === 'number') return outputs.sub(labels).square().sum();
  const losses = tf.losses.sigmoidCrossEntropy<Tensor1D, Tensor1D>(
    labels,
    outputs,
    undefined,
    undefined,
    tf.Reduction.NONE,
  );
  if (classWeights.method === 'none') return losses.sum();
  const negative = Number(classWeights.negative);
  return losses.mul(labels.mul(Number(classWeights.positive) - negative).add(negative)).sum();
}

interface LayerPass {
  readonly entered: Tensor | undefined;
  readonly slopes: Tensor | undefined;
}

function layerGradients(layer: LayerTensors, { entered, slopes }: LayerPass): LayerGradients {
  if (entered === undefined || slopes === undefined) {
    throw new WardroundError('gradient-shape', 'a layer without slopes', { action: 'stop' });
  }
  const values = { entered: numbers(entered), slopes: numbers(slopes) };
  if (layer.kind === 'dense') return { kind: 'outer', inputs: values.entered, slopes: values.slopes };
  const [, height = 0, width = 0, channels = 0] = entered.shape;
  const [kernel, , , filters] = layer.weight.shape;
  return { kind: 'whole', ...convolutionGradients({ height, width, channels, filters, kernel, ...values }) };
}

/** A copy: on some backends the array is the tensor's own memory, which the next group will use. */
function numbers(tensor: Tensor): Float32Array {
  return Float32Array.from(valuesIn(tensor));
}
