// The initial model, computed by every party itself from the plan: weights that somebody chose could make an average reveal single rows.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import type { Tensor } from '@wardround/protocol/safetensors';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { layersOf } from './model-shape.ts';
import { type Float32Tensor, type NamedShape, elementsOf } from './tensor-view.ts';
import { initialTrees, treesModelOf } from './trees/shape.ts';

/**
 * The float32 tensors of `modelShape(plan)`: zeros, or weights by Glorot's uniform rule and biases 0. Only exact operations and square
 * roots (IEEE 754), so every machine finds the same bits. A forest begins without trees.
 *
 * Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, equation 16.
 *
 * @throws WardroundError `initial-weights-unsupported` for `importedWeights` (they come as a file, not from the plan), and as `layersOf`
 */
export function initialModel(plan: Pick<StudyPlan, 'cohort' | 'model' | 'initialWeights'>): readonly Tensor[] {
  const { initialWeights, model } = plan;
  if (model.kind === 'gradientBoostedTrees' && initialWeights.method === 'zeros')
    return initialTrees(treesModelOf(plan));
  const layers = layersOf(plan);
  switch (initialWeights.method) {
    case 'zeros':
      return layers.flatMap(({ weight, bias }) => [zeros(weight), zeros(bias)]);
    case 'seeded':
      return layers.flatMap(({ weight, bias }) => [glorotUniform(weight, initialWeights.seed), zeros(bias)]);
    case 'importedWeights':
      throw new WardroundError('initial-weights-unsupported', 'this version does not take imported weights', {
        expected: 'zeros or seeded',
        where: 'initialWeights.method',
      });
  }
}

function zeros({ name, shape }: NamedShape): Float32Tensor {
  return { name, shape, dtype: 'F32', data: new Float32Array(elementsOf(shape)) };
}

/**
 * Uniform on ±√(6 / (inputs + outputs)): odd multiples of 2⁻²⁴, so never 0 and symmetric. The last two sizes are inputs and outputs; a
 * convolution's are counted once for each position of its kernel.
 */
function glorotUniform({ name, shape }: NamedShape, seed: number): Float32Tensor {
  const positions = elementsOf(shape.slice(0, -2));
  const [inputs = 1, outputs = 1] = shape.slice(-2).map((size) => size * positions);
  const limit = Math.sqrt(6 / (inputs + outputs));
  const random = new SeededRandom(labels.seededInitialiser, [seed, name]);
  const unit = (): number => (2 * (random.uint32() >>> 8) + 1 - 0x1_00_00_00) / 0x1_00_00_00;
  return { name, shape, dtype: 'F32', data: Float32Array.from({ length: elementsOf(shape) }, () => unit() * limit) };
}
