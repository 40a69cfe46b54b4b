// Each example's gradient of a group of rows, in one pass through the model and back: by its layers' inputs and slopes where the layer is
// dense, written out where it is a convolution.
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import type { LayerGradients } from '../dp/clipped-sum.ts';
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
 * patient's. Nothing is left on the backend; while it runs, memory grows with the group: its activations, and for a convolution its image's
 * patches (kernel² times the image) and a whole gradient of that layer for each row.
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
      layers.forEach((layer, i) =>
        gradients.push(layerGradients(model, layer, { entered: entered[i], slopes: slopes[i] })),
      );
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

function layerGradients({ tf }: PrivateModel, layer: LayerTensors, { entered, slopes }: LayerPass): LayerGradients {
  if (entered === undefined || slopes === undefined)
    throw new WardroundError('gradient-shape', 'a layer without slopes');
  if (layer.kind === 'dense') return { kind: 'outer', inputs: numbers(entered), slopes: numbers(slopes) };
  const [rows = 0, height = 0, width = 0, channels = 0] = entered.shape;
  const [kernel] = layer.weight.shape;
  const filters = layer.bias.shape[0];
  const patches = unfolded(entered.as4D(rows, height, width, channels), kernel);
  const flat = slopes.as3D(rows, height * width, filters);
  const weight = tf.matMul(patches.as3D(rows, height * width, kernel * kernel * channels), flat, true, false);
  return { kind: 'whole', weight: numbers(weight), bias: numbers(flat.sum(1)) };
}

/** What each position of the filter sees, "same" padding at stride 1: [rows, height, width, kernel · kernel · channels]. */
function unfolded(image: Tensor4D, kernel: number): Tensor4D {
  const [rows, height, width, channels] = image.shape;
  const before = Math.floor((kernel - 1) / 2);
  const sides: [number, number] = [before, kernel - 1 - before];
  const padded: Tensor4D = image.pad([[0, 0], sides, sides, [0, 0]]);
  const shifts = Array.from({ length: kernel * kernel }, (_, at): Tensor4D =>
    padded.slice([0, Math.floor(at / kernel), at % kernel, 0], [rows, height, width, channels]),
  );
  const [first = image, ...others] = shifts;
  return others.length === 0 ? first : first.concat<Tensor4D>(others, 3);
}

/** A copy: on some backends the array is the tensor's own memory, which the next group will use. */
function numbers(tensor: Tensor): Float32Array {
  return Float32Array.from(valuesIn(tensor));
}
