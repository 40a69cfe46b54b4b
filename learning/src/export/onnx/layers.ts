// A chain of dense and convolutional layers as ONNX operators; the tfjs program that trained it is `tfjs/forward.ts`.
import type { Model } from '@wardround/protocol/documents/study-plan';
import { elementsOf, type Float32Tensor } from '../../tensor-view.ts';
import type { TrainedLayer } from '../model-parts.ts';
import { type GraphBuilder, intsAttribute, type Value } from './graph.ts';

/** [rows, columns] to [rows, 1]: log-odds or a number. */
export function addChain(
  graph: GraphBuilder,
  { model, layers, input }: { model: Model; layers: readonly TrainedLayer[]; input: Value },
): Value {
  const last = layers.length - 1;
  const convolutions = layers.filter(({ kind }) => kind === 'convolution');
  const start = addConvolutions(graph, { model, convolutions, input });
  return layers.slice(convolutions.length).reduce((values, layer, i) => {
    const sums = addDense(graph, layer, values);
    return convolutions.length + i === last ? sums : addActivation(graph, model, sums);
  }, start);
}

/** Our images are rows of height × width × channels; ONNX convolves channels × height × width. So it is turned at both ends. */
function addConvolutions(
  graph: GraphBuilder,
  { model, convolutions, input }: { model: Model; convolutions: readonly TrainedLayer[]; input: Value },
): Value {
  if (model.kind !== 'cnn' || convolutions.length === 0) return input;
  const { height, width, channels } = model.image;
  const image = addReshape(graph, input, ['imageShape', [height, width, channels]]);
  const pooled = convolutions.reduce(
    (values, layer) => addConvolution(graph, model, { layer, values }),
    addTranspose(graph, image, [0, 3, 1, 2]),
  );
  const shrink = (size: number): number => Math.floor(size / 2 ** convolutions.length);
  const filters = convolutions.at(-1)?.bias.data.length ?? 0;
  const back = addTranspose(graph, pooled, [0, 2, 3, 1]);
  return addReshape(graph, back, ['flatShape', [shrink(height) * shrink(width) * filters]]);
}

/** Padding as TensorFlow's `same`: for an even kernel the odd row and column of zeros is the last one. */
function addConvolution(
  graph: GraphBuilder,
  model: Model,
  { layer: { weight, bias }, values }: { layer: TrainedLayer; values: Value },
): Value {
  const [kernel = 1, , inputs = 1, outputs = 1] = weight.shape;
  const before = Math.floor((kernel - 1) / 2);
  const after = kernel - 1 - before;
  const constants = [
    graph.floats(weight.name, [outputs, inputs, kernel, kernel], filtersFirst(weight)),
    graph.floats(bias.name, bias.shape, bias.data),
  ];
  const attributes = [
    intsAttribute('kernel_shape', [kernel, kernel]),
    intsAttribute('pads', [before, before, after, after]),
  ];
  const sums = graph.add({ operator: 'Conv', inputs: [values, ...constants], attributes });
  return graph.add({
    operator: 'MaxPool',
    inputs: [addActivation(graph, model, sums)],
    attributes: [intsAttribute('kernel_shape', [2, 2]), intsAttribute('strides', [2, 2])],
  });
}

function addDense(graph: GraphBuilder, { weight, bias }: TrainedLayer, values: Value): Value {
  const product = graph.add({
    operator: 'MatMul',
    inputs: [values, graph.floats(weight.name, weight.shape, weight.data)],
  });
  return graph.add({ operator: 'Add', inputs: [product, graph.floats(bias.name, bias.shape, bias.data)] });
}

const activations = { relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as const;

function addActivation(graph: GraphBuilder, model: Model, values: Value): Value {
  return 'activation' in model ? graph.add({ operator: activations[model.activation], inputs: [values] }) : values;
}

/** Each row to this shape; the 0 keeps the number of rows, none among them. */
function addReshape(graph: GraphBuilder, values: Value, [name, shape]: readonly [string, readonly number[]]): Value {
  return graph.add({ operator: 'Reshape', inputs: [values, graph.integers(name, [0, ...shape])] });
}

function addTranspose(graph: GraphBuilder, values: Value, order: readonly number[]): Value {
  return graph.add({ operator: 'Transpose', inputs: [values], attributes: [intsAttribute('perm', order)] });
}

/** [kernel, kernel, channels, filters] to [filters, channels, kernel, kernel]. */
function filtersFirst({ shape, data }: Float32Tensor): Float32Array<ArrayBuffer> {
  const [, , channels = 1, filters = 1] = shape;
  const positions = elementsOf(shape.slice(0, 2));
  const turned = new Float32Array(data.length);
  data.forEach((value, i) => {
    const filter = i % filters;
    const channel = Math.floor(i / filters) % channels;
    const position = Math.floor(i / (filters * channels));
    turned[(filter * channels + channel) * positions + position] = value;
  });
  return turned;
}
