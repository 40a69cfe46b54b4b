// The gradient of max-pooling on the WASM backend, corrected: its own kernel gives nothing to a window that has no value above 0.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tf } from './backend.ts';

const kernelName = 'MaxPoolGrad';
const corrected = new WeakSet<object>();

/**
 * tfjs-backend-wasm 4.22 looks for each window's largest value from the smallest positive float upwards, so that a window of negative values
 * or zeros has none and its gradient is lost (a CNN with tanh trains wrongly). Which value of a window is largest does not change when all
 * are moved up alike: the kernel is given the image moved to 1 and above.
 */
export function correctPoolGradient(tf: Tf): void {
  const own = tf.getKernelsForBackend('wasm').find((kernel) => kernel.kernelName === kernelName);
  if (own === undefined) throw new WardroundError('backend-unavailable', 'no gradient of max-pooling');
  if (corrected.has(own)) return;
  tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({
    ...own,
    kernelFunc: (call) => {
      const { input } = call.inputs;
      if (!(input instanceof tf.Tensor)) throw new WardroundError('training-unsupported', 'no image to pool');
      const raised = tf.tidy(() => input.sub(input.min()).add(1));
      const gradient = own.kernelFunc({ ...call, inputs: { ...call.inputs, input: raised } });
      raised.dispose();
      return gradient;
    },
  });
  corrected.add(tf.getKernel(kernelName, 'wasm'));
}
