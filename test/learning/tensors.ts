// Tensors for the learning tests, and the exact code that an error must have.
import { expect } from 'vitest';
import type { Tensor } from '@wardround/protocol/safetensors';

export function f32(name: string, values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return { name, shape, dtype: 'F32', data: Float32Array.from(values) };
}

export function f64(name: string, values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return { name, shape, dtype: 'F64', data: Float64Array.from(values) };
}

export function withCode(code: string): unknown {
  return expect.objectContaining({ code });
}
