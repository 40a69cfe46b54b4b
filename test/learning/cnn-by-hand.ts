// A small CNN's loss in float64, written out from its description: what the tests of the compute backends compare with.
import type { TrainingRows } from '@wardround/learning/tfjs/train';
import type { CnnModel } from './images.ts';

interface Image {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly at: (y: number, x: number, c: number) => number;
}

/** Mean cross-entropy of the rows under weights and biases in the model's order. */
export function lossByHand(model: CnnModel, parameters: readonly (readonly number[])[], data: TrainingRows): number {
  const losses = Array.from({ length: data.rows }, (_, row) => {
    const output = outputByHand(model, parameters, pixelsOf(model, data, row));
    return Math.log(1 + Math.exp(output)) - (data.labels[row] ?? Number.NaN) * output;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / data.rows;
}

function pixelsOf({ image }: CnnModel, { features }: TrainingRows, row: number): Image {
  const { height, width, channels } = image;
  return { ...image, at: (y, x, c) => (features[((row * height + y) * width + x) * channels + c] ?? Number.NaN) / 255 };
}

function outputByHand(model: CnnModel, parameters: readonly (readonly number[])[], input: Image): number {
  let image = input;
  model.filters.forEach((filters, layer) => {
    const [weight = [], bias = []] = parameters.slice(2 * layer);
    image = pooled(convolved({ model, image, weight, bias, filters }));
  });
  const { height, width, channels } = image;
  let values = Array.from({ length: height * width * channels }, (_, i) =>
    image.at(Math.floor(i / (width * channels)), Math.floor(i / channels) % width, i % channels),
  );
  [...model.hidden, 1].forEach((outputs, i) => {
    const [weight = [], bias = []] = parameters.slice(2 * (model.filters.length + i));
    const sums = Array.from({ length: outputs }, (_, j) =>
      values.reduce((sum, value, k) => sum + value * (weight[k * outputs + j] ?? Number.NaN), bias[j] ?? Number.NaN),
    );
    values = i === model.hidden.length ? sums : sums.map((sum) => activation(model, sum));
  });
  return values[0] ?? Number.NaN;
}

interface Convolution {
  readonly model: CnnModel;
  readonly image: Image;
  readonly weight: readonly number[];
  readonly bias: readonly number[];
  readonly filters: number;
}

function convolved({ model, image, weight, bias, filters }: Convolution): Image {
  const { kernel } = model;
  const { height, width, channels } = image;
  const before = Math.floor((kernel - 1) / 2);
  const values = Array.from({ length: height * width * filters }, (_, at) => {
    const [f, x, y] = [at % filters, Math.floor(at / filters) % width, Math.floor(at / filters / width)];
    let sum = bias[f] ?? Number.NaN;
    for (let i = 0; i < kernel; i += 1) {
      for (let j = 0; j < kernel; j += 1) {
        const [from, left] = [y + i - before, x + j - before];
        if (from < 0 || from >= height || left < 0 || left >= width) continue;
        for (let c = 0; c < channels; c += 1) {
          sum += image.at(from, left, c) * (weight[((i * kernel + j) * channels + c) * filters + f] ?? Number.NaN);
        }
      }
    }
    return activation(model, sum);
  });
  return { height, width, channels: filters, at: (y, x, c) => values[(y * width + x) * filters + c] ?? Number.NaN };
}

function pooled({ height, width, channels, at }: Image): Image {
  return {
    height: Math.floor(height / 2),
    width: Math.floor(width / 2),
    channels,
    at: (y, x, c) => Math.max(...[0, 1, 2, 3].map((i) => at(2 * y + (i >> 1), 2 * x + (i & 1), c))),
  };
}

function activation(model: CnnModel, sum: number): number {
  switch (model.activation) {
    case 'relu':
      return Math.max(0, sum);
    case 'tanh':
      return Math.tanh(sum);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-sum));
  }
}
