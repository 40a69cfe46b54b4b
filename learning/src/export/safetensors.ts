// The released model as one safetensors file that says what its inputs are.
import type { Bytes } from '@wardround/protocol/bytes';
import { inputColumns } from '@wardround/protocol/input-columns';
import { type Tensor, encodeSafetensors } from '@wardround/protocol/safetensors';
import { type ModelPlan, modelShape, taskOf } from '../model-shape.ts';
import { requireFloat32 } from '../tensor-view.ts';

/**
 * `model.safetensors`: the model's tensors in their order, so that `modelDigest` of what is read back is the receipt's; what inputs and output
 * mean stands in the metadata.
 *
 * @throws WardroundError `tensors-mismatch`, `model-unsupported`
 */
export function safetensorsFiles(plan: ModelPlan, model: readonly Tensor[]): ReadonlyMap<string, Bytes> {
  const tensors = requireFloat32(model, modelShape(plan));
  const metadata = {
    format: 'wardround-model/v1',
    model: plan.model.kind,
    activation: plan.model.kind === 'mlp' ? plan.model.activation : 'none',
    output: taskOf(plan) === 'binary' ? 'logOdds' : 'number',
    inputs: JSON.stringify(inputColumns(plan.cohort).map(({ name }) => name)),
    standardise: plan.cohort.standardise,
  };
  return new Map([['model.safetensors', encodeSafetensors(tensors, metadata)]]);
}
