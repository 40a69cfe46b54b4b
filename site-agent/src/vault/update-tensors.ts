// What an update of a plan holds, in the one order: the model's tensors as int32, weighted by the enclave.
import { modelShape } from '@wardround/learning/model-shape';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';

export function updateTensors(plan: StudyPlan): readonly TensorHeader[] {
  const { ring, stepLog2 } = plan.encoding.update;
  return modelShape(plan).map(({ name, shape }) => ({
    name,
    shape: [...shape],
    ring,
    stepLog2,
    weighting: 'byEnclave',
  }));
}
