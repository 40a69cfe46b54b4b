// A model's tensors on the compute backend, as variables that an optimiser changes, and back again.
import type { Rank, Tensor, Variable } from '@tensorflow/tfjs';
import type { Tensor as StoredTensor } from '@wardround/protocol/safetensors';
import { type Layer, type ModelPlan, layersOf, modelShape } from '../model-shape.ts';
import { type Float32Tensor, requireFloat32 } from '../tensor-view.ts';
import type { Tf } from './backend.ts';

export type LayerVariables =
  | { readonly kind: 'dense'; readonly weight: Variable<Rank.R2>; readonly bias: Variable<Rank.R1> }
  | { readonly kind: 'convolution'; readonly weight: Variable<Rank.R4>; readonly bias: Variable<Rank.R1> };

/** Lives on the backend until `dispose`: tfjs frees nothing by itself. */
export class Parameters {
  readonly layers: readonly LayerVariables[];
  readonly #names: readonly Pick<Float32Tensor, 'name' | 'shape'>[];

  /** @throws WardroundError `tensors-mismatch`, `tensors-not-finite`, and as `layersOf` */
  constructor(tf: Tf, plan: ModelPlan, model: readonly StoredTensor[]) {
    const tensors = requireFloat32(model, modelShape(plan));
    this.#names = tensors.map(({ name, shape }) => ({ name, shape }));
    this.layers = tf.tidy(() =>
      layersOf(plan).map((layer, i) =>
        layerVariables(tf, layer, { weight: valuesOf(tensors[2 * i]), bias: valuesOf(tensors[2 * i + 1]) }),
      ),
    );
  }

  /** In the model's order. */
  get variables(): readonly Variable[] {
    return this.layers.flatMap(({ weight, bias }): Variable[] => [weight, bias]);
  }

  read(): readonly Float32Tensor[] {
    return this.variables.map((variable, i) => {
      const { name, shape } = this.#names[i] ?? { name: '', shape: [] };
      return { name, shape, dtype: 'F32', data: Float32Array.from(valuesIn(variable)) };
    });
  }

  dispose(): void {
    for (const variable of this.variables) variable.dispose();
  }
}

function layerVariables(
  tf: Tf,
  { kind, weight }: Layer,
  values: { weight: Float32Array; bias: Float32Array },
): LayerVariables {
  const bias = tf.variable(tf.tensor1d(values.bias));
  const [a = 0, b = 0, c = 0, d = 0] = weight.shape;
  return kind === 'dense'
    ? { kind, weight: tf.variable(tf.tensor2d(values.weight, [a, b])), bias }
    : { kind, weight: tf.variable(tf.tensor4d(values.weight, [a, b, c, d])), bias };
}

/** The numbers of a tensor on the backend. */
export function valuesIn(tensor: Tensor): Float32Array | Int32Array | Uint8Array {
  return tensor.dataSync();
}

/** A copy: some backends keep the array that they are given. */
function valuesOf(tensor: Float32Tensor | undefined): Float32Array {
  return Float32Array.from(tensor?.data ?? []);
}
