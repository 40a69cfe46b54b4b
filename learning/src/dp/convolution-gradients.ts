// Each example's gradient of a convolution's filter, written out. By plain loops: of four slopes before a 2 × 2 pool at most one is not 0, and
// what is 0 is passed over, which no kernel of a backend does; nor are the image's patches ever laid out.

/** Stride 1, an output as large as the image, as the declared models have it. */
export interface ConvolutionPass {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filters: number;
  readonly kernel: number;
  /** What entered the layer: [examples, height, width, channels]. */
  readonly entered: Float32Array;
  /** The loss's slope at each sum: [examples, height, width, filters]. */
  readonly slopes: Float32Array;
}

export interface ConvolutionGradients {
  /** [examples, kernel, kernel, channels, filters] */
  readonly weight: Float32Array;
  /** [examples, filters] */
  readonly bias: Float32Array;
}

/**
 * ∂filter[i, j, c, f] = Σ over y, x of image[y + i − before, x + j − before, c] · slope[y, x, f], zeros beyond the image; summed in float64.
 * The time depends on how many slopes are 0; the memory is a gradient for each example.
 */
export function convolutionGradients(pass: ConvolutionPass): ConvolutionGradients {
  const { height, width, channels, filters, kernel } = pass;
  const examples = pass.slopes.length / (height * width * filters);
  const size = kernel * kernel * channels;
  const weight = new Float32Array(examples * size * filters);
  const bias = new Float32Array(examples * filters);
  const sums = new Float64Array(filters * size);
  const biases = new Float64Array(filters);
  for (let example = 0; example < examples; example += 1) {
    sums.fill(0);
    biases.fill(0);
    addExample(pass, example, { sums, biases });
    bias.set(biases, example * filters);
    transpose(sums, { filters, size }, weight.subarray(example * size * filters));
  }
  return { weight, bias };
}

interface Sums {
  /** [filters, kernel, kernel, channels]: a filter's own values lie together, as a row of the image does. */
  readonly sums: Float64Array;
  readonly biases: Float64Array;
}

function addExample(pass: ConvolutionPass, example: number, { sums, biases }: Sums): void {
  const { height, width, filters } = pass;
  const start = example * height * width * filters;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let f = 0; f < filters; f += 1) {
        const slope = pass.slopes[start + (y * width + x) * filters + f] ?? 0;
        if (slope === 0) continue;
        biases[f] = (biases[f] ?? 0) + slope;
        addPatch(pass, { example, y, x, f, slope }, sums);
      }
    }
  }
}

interface Place {
  readonly example: number;
  readonly y: number;
  readonly x: number;
  readonly f: number;
  readonly slope: number;
}

/** What the filter saw at one place, times the slope there: of each of its rows the stretch that lies in the image. */
function addPatch(pass: ConvolutionPass, { example, y, x, f, slope }: Place, sums: Float64Array): void {
  const { height, width, channels, kernel, entered } = pass;
  const before = (kernel - 1) >> 1;
  const [left, right] = [Math.max(0, before - x), Math.min(kernel, width - x + before)];
  const length = (right - left) * channels;
  for (let i = Math.max(0, before - y); i < Math.min(kernel, height - y + before); i += 1) {
    const from = ((example * height + y + i - before) * width + x + left - before) * channels;
    const to = ((f * kernel + i) * kernel + left) * channels;
    for (let at = 0; at < length; at += 1) {
      sums[to + at] = (sums[to + at] ?? 0) + slope * (entered[from + at] ?? 0);
    }
  }
}

function transpose(
  sums: Float64Array,
  { filters, size }: { readonly filters: number; readonly size: number },
  into: Float32Array,
): void {
  for (let f = 0; f < filters; f += 1) {
    for (let at = 0; at < size; at += 1) into[at * filters + f] = sums[f * size + at] ?? 0;
  }
}
