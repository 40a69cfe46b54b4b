// Taking tensors out of a list by name, type and shape: models come from other processes, so every one is checked before it is used.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';

export type Float32Tensor = Extract<Tensor, { dtype: 'F32' }>;
export type Float64Tensor = Extract<Tensor, { dtype: 'F64' }>;

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Elements of a shape; 1 for a scalar. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * The tensors of `shapes`, in that order, and nothing else.
 *
 * @throws WardroundError `tensors-mismatch` when a name, type, shape or the number of elements differs; `tensors-not-finite` for NaN or infinity
 */
export function requireFloat32(tensors: readonly Tensor[], shapes: readonly NamedShape[]): readonly Float32Tensor[] {
  return matchTensors(tensors, shapes, (tensor) => (tensor.dtype === 'F32' ? tensor : null));
}

/** As {@link requireFloat32}, for float64. @throws likewise */
export function requireFloat64(tensors: readonly Tensor[], shapes: readonly NamedShape[]): readonly Float64Tensor[] {
  return matchTensors(tensors, shapes, (tensor) => (tensor.dtype === 'F64' ? tensor : null));
}

type FloatTensor = Float32Tensor | Float64Tensor;

function matchTensors<T extends FloatTensor>(
  tensors: readonly Tensor[],
  shapes: readonly NamedShape[],
  ofType: (tensor: Tensor) => T | null,
): readonly T[] {
  if (tensors.length !== shapes.length) {
    throw mismatch(`${shapes.length} tensors`, `${tensors.length}`);
  }
  return shapes.map(({ name, shape }, i) => {
    const tensor = tensors[i];
    const typed = tensor === undefined ? null : ofType(tensor);
    const expected = `${name} [${shape.join(', ')}]`;
    if (typed === null || typed.name !== name || !sameShape(typed.shape, shape)) {
      throw mismatch(expected, tensor === undefined ? 'nothing' : describe(tensor));
    }
    if (typed.data.length !== elementsOf(shape)) throw mismatch(expected, `${typed.data.length} elements`);
    if (!typed.data.every((value) => Number.isFinite(value))) {
      throw new WardroundError('tensors-not-finite', 'a model with NaN or infinity', { where: name, action: 'stop' });
    }
    return typed;
  });
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

function describe(tensor: Tensor): string {
  return `${tensor.name} ${tensor.dtype} [${tensor.shape.join(', ')}]`;
}

function mismatch(expected: string, got: string): WardroundError {
  return new WardroundError('tensors-mismatch', 'not the tensors of the declared model', {
    expected,
    got,
    action: 'stop',
  });
}
