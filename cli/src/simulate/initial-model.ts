// `--initial-model FILE.safetensors`: the weights that a simulation starts from. In a federation the same needs DP-SGD and has a name.
import { readFile } from 'node:fs/promises';
import { modelShape } from '@wardround/learning/model-shape';
import { elementsOf } from '@wardround/learning/tensor-view';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { decodeSafetensors, type Tensor } from '@wardround/protocol/safetensors';

/**
 * The model's tensors out of a file that any tool may have written: in any order, float32 or float64 (rounded to float32).
 *
 * @throws WardroundError `file-unreadable`, `safetensors-*`, `initial-model` where a tensor is missing, too many, or of another shape
 */
export async function readInitialModel(path: string, plan: StudyPlan): Promise<readonly Tensor[]> {
  const { tensors } = decodeSafetensors(await readBytes(path));
  const shapes = modelShape(plan);
  const stranger = tensors.find((tensor) => !shapes.some(({ name }) => name === tensor.name));
  if (stranger !== undefined) throw refused(path, `only ${shapes.map(({ name }) => name).join(', ')}`, stranger.name);
  return shapes.map(({ name, shape }): Tensor => {
    const expected = `${name} [${shape.join(', ')}], F32 or F64`;
    const tensor = tensors.find((known) => known.name === name);
    if (tensor === undefined) throw refused(path, expected, 'no such tensor');
    const isReal = tensor.dtype === 'F32' || tensor.dtype === 'F64';
    if (!isReal || tensor.shape.join() !== shape.join() || tensor.data.length !== elementsOf(shape))
      throw refused(path, expected, `${tensor.dtype} [${tensor.shape.join(', ')}]`);
    return { name, shape, dtype: 'F32', data: Float32Array.from(tensor.data) };
  });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new WardroundError('file-unreadable', 'this file cannot be read', { where: path, cause });
  }
}

function refused(where: string, expected: string, got: string): WardroundError {
  return new WardroundError('initial-model', "not the plan's model", { where, expected, got });
}
