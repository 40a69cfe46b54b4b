// The released model as a tfjs layers model: model.json and weights.bin, written without tfjs, read by `tf.loadLayersModel`.
import { type Bytes, concatBytes, utf8 } from '@wardround/protocol/bytes';
import { littleEndianBytes } from '@wardround/protocol/little-endian';
import type { Tensor } from '@wardround/protocol/safetensors';
import { type DenseLayer, type ModelPlan, denseLayers, modelShape, taskOf } from '../model-shape.ts';
import { requireFloat32 } from '../tensor-view.ts';

/**
 * A Keras `Sequential` of `Dense` layers; the last has a sigmoid where the label is binary, so that the model answers probabilities.
 * Source of the format: tfjs-layers 4.22, `LayersModel` and `io.ModelJSON`.
 *
 * @throws WardroundError `tensors-mismatch`, `model-unsupported`
 */
export function tfjsFiles(plan: ModelPlan, model: readonly Tensor[]): ReadonlyMap<string, Bytes> {
  const tensors = requireFloat32(model, modelShape(plan));
  const layers = denseLayers(plan);
  const json = {
    format: 'layers-model',
    generatedBy: 'wardround',
    convertedBy: null,
    modelTopology: {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: {
        class_name: 'Sequential',
        config: {
          name: 'wardround',
          layers: layers.map((layer, i) => denseConfig(layer, i, activationOf(plan, i === layers.length - 1))),
        },
      },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: layers.flatMap(({ weight, bias }, i) => [
          { name: `${layerName(i)}/kernel`, shape: weight.shape, dtype: 'float32' },
          { name: `${layerName(i)}/bias`, shape: bias.shape, dtype: 'float32' },
        ]),
      },
    ],
  };
  return new Map([
    ['model.json', utf8(`${JSON.stringify(json, null, 2)}\n`)],
    ['weights.bin', concatBytes(...tensors.map(({ data }) => littleEndianBytes(data)))],
  ]);
}

function denseConfig(layer: DenseLayer, index: number, activation: string): object {
  const [inputs = 0, units = 0] = layer.weight.shape;
  return {
    class_name: 'Dense',
    config: {
      name: layerName(index),
      units,
      activation,
      use_bias: true,
      trainable: true,
      dtype: 'float32',
      ...(index === 0 ? { batch_input_shape: [null, inputs] } : {}),
    },
  };
}

function layerName(index: number): string {
  return `dense_${index}`;
}

function activationOf(plan: ModelPlan, isLast: boolean): string {
  if (isLast) return taskOf(plan) === 'binary' ? 'sigmoid' : 'linear';
  return plan.model.kind === 'mlp' ? plan.model.activation : 'linear';
}
