// A model's tensors on the compute backend, as variables that an optimiser changes, and back again.
import type { Rank, Tensor, Variable } from '@tensorflow/tfjs';
import type { Tensor as StoredTensor } from '@wardround/protocol/safetensors';
import { type ModelPlan, denseLayers, modelShape } from '../model-shape.ts';
import { type Float32Tensor, requireFloat32 } from '../tensor-view.ts';
import type { Tf } from './backend.ts';

export interface LayerVariables {
  readonly weight: Variable<Rank.R2>;
  readonly bias: Variable<Rank.R1>;
}

/** Lives on the backend until `dispose`: tfjs frees nothing by itself. */
export class Parameters {
  readonly layers: readonly LayerVariables[];
  readonly #names: readonly Pick<Float32Tensor, 'name' | 'shape'>[];

  /** @throws WardroundError `tensors-mismatch`, `tensors-not-finite`, `model-unsupported` */
  constructor(tf: Tf, plan: ModelPlan, model: readonly StoredTensor[]) {
    const tensors = requireFloat32(model, modelShape(plan));
    this.#names = tensors.map(({ name, shape }) => ({ name, shape }));
    this.layers = tf.tidy(() =>
      denseLayers(plan).map(({ weight }, i) => ({
        weight: tf.variable(tf.tensor2d(valuesOf(tensors[2 * i]), [weight.shape[0] ?? 0, weight.shape[1] ?? 0])),
        bias: tf.variable(tf.tensor1d(valuesOf(tensors[2 * i + 1]))),
      })),
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

/** The numbers of a tensor on the backend. */
export function valuesIn(tensor: Tensor): Float32Array | Int32Array | Uint8Array {
  return tensor.dataSync();
}

/** A copy: some backends keep the array that they are given. */
function valuesOf(tensor: Float32Tensor | undefined): Float32Array {
  return Float32Array.from(tensor?.data ?? []);
}
