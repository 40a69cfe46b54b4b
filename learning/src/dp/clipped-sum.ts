// The sum of examples' clipped gradients as integers. Each example's share has an integer norm within the bound, by arithmetic and not by
// trust in rounding: float sums move by more than a clip norm when an example goes (Casacuberta and others, "Widespread underestimation of
// sensitivity in differentially private libraries and how to fix it", 2022).
import { WardroundError } from '@wardround/protocol/errors';

/** The grid of sums: multiples of 2^stepLog2, each example's norm at most so many steps. */
export interface GradientGrid {
  readonly stepLog2: number;
  /** Whole, at most 2²⁵. */
  readonly clipNormSteps: number;
}

/** What a layer's gradient is of each example of a group, one after the other. The layer has two tensors: weight, then bias. */
export type LayerGradients =
  /** A dense layer: weight gradient inputs ⊗ slopes, never written out; bias gradient the slopes. */
  | { readonly kind: 'outer'; readonly inputs: Float32Array; readonly slopes: Float32Array }
  /** Any other: written out. */
  | { readonly kind: 'whole'; readonly weight: Float32Array; readonly bias: Float32Array };

/** Of this the sums' bound is short, far more than norms in float64 can be off: 2⁻⁵³ a term. */
const slack = 2 ** -24;
const mostSum = 2 ** 52;

/**
 * Norms of all layers together as by Goodfellow, "Efficient per-example gradient computations", 2015: of a dense layer (‖input‖² + 1) · ‖slope‖²
 * (ghost norms: the gradient itself is not needed for it). Then every coordinate of an example's gradient times its factor is rounded toward
 * zero and added: |gⱼ| ≤ factor · |true value| coordinate by coordinate, so ‖gⱼ‖ ≤ `clipNormSteps`, exactly. Sums of integers: how rows were
 * grouped, and in which order they came, leaves every bit as it is.
 */
export class ClippedSum {
  /** Whole numbers, an array for each tensor of the model: steps of the grid. */
  readonly sums: readonly Float64Array[];
  readonly #grid: GradientGrid;
  #examples = 0;
  #withoutGradient = 0;

  /** @param lengths of the model's tensors: weight and bias of each layer */
  constructor(lengths: readonly number[], grid: GradientGrid) {
    this.sums = lengths.map((length) => new Float64Array(length));
    this.#grid = grid;
  }

  get examples(): number {
    return this.#examples;
  }

  /** Examples whose gradient was no number, and which added nothing. For the site's own log. */
  get withoutGradient(): number {
    return this.#withoutGradient;
  }

  /**
   * Adds the first `count` examples of a group; what stands behind them is padding.
   *
   * @param layers in the model's order
   * @throws WardroundError `gradient-shape`, and `gradient-too-many` beyond 2⁵² of sum
   */
  add(layers: readonly LayerGradients[], count: number): void {
    if ((this.#examples + count) * this.#grid.clipNormSteps > mostSum) {
      throw new WardroundError('gradient-too-many', 'more rows in a step than can be summed exactly', {
        got: `${count}`,
      });
    }
    this.#requireShapes(layers, count);
    for (let example = 0; example < count; example += 1) this.#addExample(layers, example);
    this.#examples += count;
  }

  #addExample(layers: readonly LayerGradients[], example: number): void {
    const square = layers.reduce((sum, layer, i) => sum + this.#squaredNorm(layer, i, example), 0);
    const scale = 2 ** -this.#grid.stepLog2;
    const most = (this.#grid.clipNormSteps * (1 - slack)) / Math.sqrt(square);
    if (!Number.isFinite(square)) this.#withoutGradient += 1;
    else layers.forEach((layer, i) => this.#addLayer(layer, { i, example, factor: Math.min(scale, most) }));
  }

  #squaredNorm(layer: LayerGradients, i: number, example: number): number {
    const [weights, biases] = this.#lengths(i);
    if (layer.kind === 'whole') {
      return squares(layer.weight, example, weights) + squares(layer.bias, example, biases);
    }
    return (squares(layer.inputs, example, weights / biases) + 1) * squares(layer.slopes, example, biases);
  }

  #addLayer(layer: LayerGradients, { i, example, factor }: { i: number; example: number; factor: number }): void {
    const [weights, biases] = [this.sums[2 * i], this.sums[2 * i + 1]];
    if (weights === undefined || biases === undefined) return;
    const place = { example, factor };
    if (layer.kind === 'outer') addOuter(weights, layer, { ...place, outputs: biases.length });
    else addScaled(weights, layer.weight, place);
    addScaled(biases, layer.kind === 'outer' ? layer.slopes : layer.bias, place);
  }

  #lengths(i: number): readonly [number, number] {
    return [this.sums[2 * i]?.length ?? 0, this.sums[2 * i + 1]?.length ?? 0];
  }

  #requireShapes(layers: readonly LayerGradients[], count: number): void {
    const fits = layers.every((layer, i) => {
      const [weights, biases] = this.#lengths(i);
      return layer.kind === 'outer'
        ? holds(layer.inputs, count, weights / biases) && holds(layer.slopes, count, biases)
        : holds(layer.weight, count, weights) && holds(layer.bias, count, biases);
    });
    if (2 * layers.length === this.sums.length && fits) return;
    throw new WardroundError('gradient-shape', 'not the gradients of this model', { action: 'stop' });
  }
}

interface Place {
  readonly example: number;
  /** At most what keeps the example's norm within the bound, times steps a unit. */
  readonly factor: number;
}

function holds(values: Float32Array, count: number, length: number): boolean {
  return Number.isInteger(length) && values.length >= count * length;
}

function squares(values: Float32Array, example: number, length: number): number {
  const start = example * length;
  let sum = 0;
  for (let i = start; i < start + length; i += 1) {
    const value = values[i] ?? Number.NaN;
    sum += value * value;
  }
  return sum;
}

function addScaled(sums: Float64Array, values: Float32Array, { example, factor }: Place): void {
  const start = example * sums.length;
  for (let i = 0; i < sums.length; i += 1) {
    sums[i] = (sums[i] ?? 0) + Math.trunc((values[start + i] ?? 0) * factor);
  }
}

/** weights[i, k] += factor · inputs[i] · slopes[k], toward zero. */
function addOuter(
  weights: Float64Array,
  { inputs, slopes }: Extract<LayerGradients, { kind: 'outer' }>,
  { example, factor, outputs }: Place & { readonly outputs: number },
): void {
  const rows = weights.length / outputs;
  for (let i = 0; i < rows; i += 1) {
    const scaled = (inputs[example * rows + i] ?? 0) * factor;
    const start = i * outputs;
    for (let k = 0; k < outputs; k += 1) {
      weights[start + k] = (weights[start + k] ?? 0) + Math.trunc(scaled * (slopes[example * outputs + k] ?? 0));
    }
  }
}
