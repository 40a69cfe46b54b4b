// The tensors of a released model by what they are for, whatever trained them: a chain of layers, or a forest.
import { inputCount } from '@wardround/protocol/input-columns';
import { type Layer, type ModelPlan, layersOf } from '../model-shape.ts';
import { type Float32Tensor, type NamedShape, requireFloat32 } from '../tensor-view.ts';
import { treesModelOf, treesShape } from '../trees/shape.ts';
import type { ExportJob } from './export-job.ts';

/** A layer with its numbers. */
export interface TrainedLayer {
  readonly kind: Layer['kind'];
  readonly weight: Float32Tensor;
  readonly bias: Float32Tensor;
}

/** @throws WardroundError `tensors-mismatch`, `tensors-not-finite`, `model-unsupported`, and as `layersOf` */
export function trainedLayers({ plan, model }: ExportJob): readonly TrainedLayer[] {
  const layers = chainOf(plan);
  const tensors = requireFloat32(model, shapesOf(plan));
  return layers.flatMap(({ kind }, i) => {
    const [weight, bias] = tensors.slice(2 * i, 2 * i + 2);
    return weight === undefined || bias === undefined ? [] : [{ kind, weight, bias }];
  });
}

/** Every tensor of the model, in its order. @throws as {@link trainedLayers} */
export function trainedTensors({ plan, model }: ExportJob): readonly Float32Tensor[] {
  return requireFloat32(model, shapesOf(plan));
}

function shapesOf(plan: ModelPlan): readonly NamedShape[] {
  if (plan.model.kind === 'gradientBoostedTrees') return treesShape(treesModelOf(plan));
  return chainOf(plan).flatMap(({ weight, bias }) => [weight, bias]);
}

/** Cox's linear predictor is a layer like that of a linear regression; its bias is 0, because it cancels in every risk set. */
function chainOf(plan: ModelPlan): readonly Layer[] {
  if (plan.model.kind !== 'coxProportionalHazards') return layersOf(plan);
  const weight = { name: 'weight', shape: [inputCount(plan.cohort), 1] };
  return [{ kind: 'dense', weight, bias: { name: 'bias', shape: [1] } }];
}
