// The declared model once more, with a tap after each layer's sums: the loss's slope at a tap is each example's own, and with what entered
// the layer it makes that example's gradient.
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Model } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tf } from './backend.ts';
import { activate, type LayerTensors } from './forward.ts';

export interface TappedForward {
  /** [rows] */
  readonly outputs: Tensor1D;
  /** What entered each layer: [rows, inputs], or the image [rows, height, width, channels]. */
  readonly entered: readonly Tensor[];
}

export interface TappedModel {
  readonly tf: Tf;
  readonly model: Model;
  readonly layers: readonly LayerTensors[];
}

/** A zero for each of the layers' sums: [rows, outputs], or [rows, height, width, filters] before the pool. Call within `tf.tidy`. */
export function zeroTaps({ tf, model, layers }: TappedModel, rows: number): Tensor[] {
  let { height, width } = model.kind === 'cnn' ? model.image : { height: 0, width: 0 };
  return layers.map(({ kind, bias }) => {
    const outputs = bias.shape[0];
    if (kind === 'dense') return tf.zeros([rows, outputs]);
    const tap = tf.zeros([rows, height, width, outputs]);
    [height, width] = [Math.floor(height / 2), Math.floor(width / 2)];
    return tap;
  });
}

/** As `forward` when the taps are zeros. Call within `tf.tidy`. */
export function tappedForward(
  { model, layers }: TappedModel,
  inputs: Tensor2D,
  taps: readonly Tensor[],
): TappedForward {
  const entered: Tensor[] = [];
  let values: Tensor = inputs;
  layers.forEach((layer, i) => {
    const tap = taps[i];
    if (tap === undefined) throw new WardroundError('gradient-shape', 'a layer without its tap', { action: 'stop' });
    const isLast = i === layers.length - 1;
    if (layer.kind === 'dense') {
      const flat = flattened(values);
      entered.push(flat);
      const sums = flat.matMul<Tensor2D>(layer.weight).add<Tensor2D>(tap).add<Tensor2D>(layer.bias);
      values = isLast ? sums : activate(model, sums);
    } else {
      const image = asImage(model, values);
      entered.push(image);
      const sums = image.conv2d<Tensor4D>(layer.weight, 1, 'same').add<Tensor4D>(tap);
      values = activate(model, sums.maxPool<Tensor4D>(2, 2, 'valid').add<Tensor4D>(layer.bias));
    }
  });
  return { outputs: values.as1D(), entered };
}

function flattened(values: Tensor): Tensor2D {
  const rows = values.shape[0] ?? 0;
  return values.as2D(rows, values.size / rows);
}

function asImage(model: Model, values: Tensor): Tensor4D {
  const [rows = 0, height, width, channels] = values.shape;
  if (height !== undefined && width !== undefined && channels !== undefined) {
    return values.as4D(rows, height, width, channels);
  }
  if (model.kind !== 'cnn') throw new WardroundError('gradient-shape', 'no image to convolve', { action: 'stop' });
  return values.as4D(rows, model.image.height, model.image.width, model.image.channels);
}
