// The gradient of a convolution's filter on the WASM backend, which has no kernel for it: composed from two kernels that it has.
import type { Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tf } from './backend.ts';

const kernelName = 'Conv2DBackpropFilter';

/**
 * Gives the WASM backend its missing kernel, for what our models have: stride 1, an output as large as the image. Of x [n, h, w, c] and
 * ∂y [n, h, w, f],
 *
 *     ∂filter[i, j, c, f] = Σ over n, p, q of x[n, p + i − top, q + j − left, c] · ∂y[n, p, q, f],
 *
 * which is itself a convolution: of x with channels and examples exchanged, by ∂y as a filter as large as the image, under the same padding.
 */
export function registerFilterGradient(tf: Tf): void {
  if (tf.getKernelsForBackend('wasm').some((kernel) => kernel.kernelName === kernelName)) return;
  tf.registerKernel({
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs = {} }) => {
      if (attrs['pad'] !== 'same' || !isOnes(attrs['strides'])) throw unexpected('stride 1 and padding "same"');
      const [height, width] = sizesOf(attrs['filterShape']);
      return filterGradient(tf, { x: tensor4D(tf, inputs['x']), dy: tensor4D(tf, inputs['dy']), height, width });
    },
  });
}

interface FilterJob {
  readonly x: Tensor4D;
  readonly dy: Tensor4D;
  /** Of the filter. */
  readonly height: number;
  readonly width: number;
}

function filterGradient(tf: Tf, { x, dy, height, width }: FilterJob): TensorInfo {
  return tf.tidy(() => {
    const images = x.transpose<Tensor4D>([3, 1, 2, 0]);
    const filter = dy.transpose<Tensor4D>([1, 2, 0, 3]);
    return tf.conv2d(images, filter, 1, [[0, 0], sides(height), sides(width), [0, 0]]).transpose([1, 2, 0, 3]);
  });
}

/** TensorFlow's "same" padding at stride 1: an even kernel has one more behind than before. */
function sides(kernel: number): [number, number] {
  const before = Math.floor((kernel - 1) / 2);
  return [before, kernel - 1 - before];
}

function tensor4D(tf: Tf, value: TensorInfo | undefined): Tensor4D {
  if (!(value instanceof tf.Tensor) || value.rank !== 4) throw unexpected('tensors of four dimensions');
  const [examples = 0, height = 0, width = 0, channels = 0] = value.shape;
  return value.as4D(examples, height, width, channels);
}

function isOnes(strides: unknown): boolean {
  return strides === 1 || (Array.isArray(strides) && strides.every((stride) => stride === 1));
}

function sizesOf(shape: unknown): readonly [number, number] {
  const [height, width]: readonly unknown[] = Array.isArray(shape) ? shape : [];
  if (typeof height !== 'number' || typeof width !== 'number') throw unexpected('the sizes of a filter');
  return [height, width];
}

function unexpected(expected: string): WardroundError {
  return new WardroundError('training-unsupported', 'no gradient of that convolution', { expected });
}
