// TensorFlow's own libraries behind tfjs, where an installation has them: optional peers, loaded only when they were asked for.
import { createRequire } from 'node:module';
import util from 'node:util';
import type { Tf } from './backend.ts';
import type { NativeBackendName } from './backend-name.ts';

/** The name that both packages register with tfjs. */
export const nativeTfjsName = 'tensorflow';

const require = createRequire(import.meta.url);
const packages: Readonly<Record<NativeBackendName, () => unknown>> = {
  'tfjs-node': () => require('@tensorflow/tfjs-node'),
  'tfjs-node-gpu': () => require('@tensorflow/tfjs-node-gpu'),
};

/**
 * Loads the package and makes TensorFlow tfjs' backend in this process.
 *
 * Required, not imported: the package is found beside this one or by NODE_PATH, and where it is absent nothing of ours depends on it.
 *
 * @returns in words: `tfjs-node 4.22.0 (TensorFlow 2.15.1, CPU)`
 * @throws Error when it is not installed, has another release of tfjs, or (for the GPU) computes on no GPU
 */
export async function startNativeTensorFlow(tf: Tf, name: NativeBackendName): Promise<string> {
  restoreIsNullOrUndefined();
  steadyTensorFlow();
  const loaded = packages[name]();
  const version = textAt(loaded, 'version', 'tfjs-node');
  // Kernels, gradients and tensors meet in tfjs' process-wide engine: two releases of it would meet there too.
  const theirs = textAt(loaded, 'version', 'tfjs');
  if (theirs !== tf.version.tfjs) throw new Error(`it comes with tfjs ${theirs}, ours is ${tf.version.tfjs}`);
  if (!(await tf.setBackend(nativeTfjsName))) throw new Error(`setBackend('${nativeTfjsName}') failed`);
  const backend: unknown = tf.backend();
  // Both packages register one name, and the first stays: the other would be that one under its own name.
  if (at(backend, 'isGPUPackage') !== (name === 'tfjs-node-gpu'))
    throw new Error('the other native package was here first');
  const isOnGpu = at(backend, 'isUsingGpuDevice') === true;
  // TensorFlow itself goes on without a GPU and says nothing that a program could hear.
  if (name === 'tfjs-node-gpu' && !isOnGpu) throw new Error('TensorFlow found no GPU that it can use');
  return `${name} ${version} (TensorFlow ${textAt(backend, 'binding', 'TF_Version')}, ${isOnGpu ? 'GPU' : 'CPU'})`;
}

/**
 * Node 23 removed `util.isNullOrUndefined`, which tfjs-node 4.22 calls for every tensor (nodejs_kernel_backend.js). Given back to the one object
 * that `require('util')` returns, hidden from enumeration, and only where it is missing.
 */
function restoreIsNullOrUndefined(): void {
  if ('isNullOrUndefined' in util) return;
  const value = (candidate: unknown): boolean => candidate === null || candidate === undefined;
  Object.defineProperty(util, 'isNullOrUndefined', { value, enumerable: false, configurable: true });
}

/** Read by TensorFlow when it loads: the same sums in the same order every time, also on a GPU, and no chatter on stderr. */
function steadyTensorFlow(): void {
  process.env['TF_DETERMINISTIC_OPS'] = '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
}

function textAt(from: unknown, ...path: readonly string[]): string {
  const found = path.reduce(at, from);
  if (typeof found !== 'string') throw new Error(`no ${path.join('.')} in the native package`);
  return found;
}

function at(from: unknown, key: string): unknown {
  return typeof from === 'object' && from !== null ? Reflect.get(from, key) : undefined;
}
