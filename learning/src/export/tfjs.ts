// The released model as a tfjs layers model: model.json and weights.bin, written without tfjs, read by `tf.loadLayersModel`.
import { type Bytes, concatBytes, utf8 } from '@wardround/protocol/bytes';
import { inputCount } from '@wardround/protocol/input-columns';
import { littleEndianBytes } from '@wardround/protocol/little-endian';
import type { ModelPlan } from '../model-shape.ts';
import { type ExportJob, outputMeaning, provenance } from './export-job.ts';
import { type TrainedLayer, trainedLayers } from './model-parts.ts';

/**
 * A Keras `Sequential`; its last layer has a sigmoid where the label is binary, so that the model answers probabilities. No layer of Keras
 * has the exponential function, so a survival model answers the logarithm of the relative hazard here.
 * Source of the format: tfjs-layers 4.22, `LayersModel` and `io.ModelJSON`.
 *
 * @throws WardroundError `tensors-mismatch`, `model-unsupported`
 */
export function tfjsFiles(job: ExportJob): ReadonlyMap<string, Bytes> {
  const { plan } = job;
  const layers = trainedLayers(job);
  const json = {
    format: 'layers-model',
    generatedBy: 'wardround',
    convertedBy: null,
    userDefinedMetadata: provenance(job, { within: ['perImage'] }),
    modelTopology: {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: { class_name: 'Sequential', config: { name: 'wardround', layers: kerasLayers(plan, layers) } },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: layers.flatMap(({ weight, bias }, i) => [
          { name: `${nameOf(layers, i)}/kernel`, shape: weight.shape, dtype: 'float32' },
          { name: `${nameOf(layers, i)}/bias`, shape: bias.shape, dtype: 'float32' },
        ]),
      },
    ],
  };
  return new Map([
    ['model.json', utf8(`${JSON.stringify(json, null, 2)}\n`)],
    [
      'weights.bin',
      concatBytes(...layers.flatMap(({ weight, bias }) => [weight, bias].map(({ data }) => littleEndianBytes(data)))),
    ],
  ]);
}

interface KerasLayer {
  readonly class_name: string;
  readonly config: object;
}

/** The first layer says how wide a row is. */
function kerasLayers(plan: ModelPlan, layers: readonly TrainedLayer[]): readonly KerasLayer[] {
  const all = [
    ...pictureLayers(plan),
    ...imageLayers(plan),
    ...layers.flatMap((layer, i) => kerasLayer(plan, layers, { layer, i })),
  ];
  return all.map(({ class_name, config }, i) => ({
    class_name,
    config: i === 0 ? { ...config, batch_input_shape: [null, inputCount(plan.cohort)] } : config,
  }));
}

/**
 * Added to a picture's variance, where we bound its deviation from below: larger than what float32 leaves of the variance of one grey, so
 * that such a picture is nearly zeros here too, and nothing beside the variance of any picture that shows something.
 */
const pictureEpsilon = 1e-10;

/** Each row, before it is a picture, by its own mean and deviation. */
function pictureLayers({ cohort }: ModelPlan): readonly KerasLayer[] {
  if (cohort.standardise !== 'perImage') return [];
  const config = { name: 'standardised', axis: -1, epsilon: pictureEpsilon, center: false, scale: false };
  return [{ class_name: 'LayerNormalization', config }];
}

function imageLayers({ model }: ModelPlan): readonly KerasLayer[] {
  if (model.kind !== 'cnn') return [];
  const { height, width, channels } = model.image;
  return [{ class_name: 'Reshape', config: { name: 'image', target_shape: [height, width, channels] } }];
}

function kerasLayer(
  plan: ModelPlan,
  layers: readonly TrainedLayer[],
  { layer, i }: { layer: TrainedLayer; i: number },
): readonly KerasLayer[] {
  const trained = { name: nameOf(layers, i), use_bias: true, trainable: true, dtype: 'float32' };
  const activation = activationOf(plan, i === layers.length - 1);
  const outputs = layer.weight.shape.at(-1) ?? 0;
  if (layer.kind === 'dense') {
    const dense = { class_name: 'Dense', config: { ...trained, units: outputs, activation } };
    const isAfterImage = layers[i - 1]?.kind === 'convolution';
    return isAfterImage ? [{ class_name: 'Flatten', config: { name: 'flat' } }, dense] : [dense];
  }
  const [kernel = 1] = layer.weight.shape;
  const image = { data_format: 'channels_last' };
  return [
    {
      class_name: 'Conv2D',
      config: {
        ...trained,
        ...image,
        filters: outputs,
        kernel_size: [kernel, kernel],
        strides: [1, 1],
        padding: 'same',
        activation,
      },
    },
    {
      class_name: 'MaxPooling2D',
      config: { ...image, name: `pool_${i}`, pool_size: [2, 2], strides: [2, 2], padding: 'valid' },
    },
  ];
}

/** `conv_0`, `conv_1`, `dense_0`, ... */
function nameOf(layers: readonly TrainedLayer[], index: number): string {
  const kind = layers[index]?.kind ?? 'dense';
  const place = layers.slice(0, index).filter((layer) => layer.kind === kind).length;
  return `${kind === 'dense' ? 'dense' : 'conv'}_${place}`;
}

function activationOf(plan: ModelPlan, isLast: boolean): string {
  if (isLast) return outputMeaning(plan) === 'probability' ? 'sigmoid' : 'linear';
  return 'activation' in plan.model ? plan.model.activation : 'linear';
}
