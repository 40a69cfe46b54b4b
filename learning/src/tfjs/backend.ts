// The compute backend of local training: the one that was asked for, or an error. Never another in its place.
import type * as Tfjs from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import { type BackendName, backendNames, type NativeBackendName } from './backend-name.ts';
import { registerFilterGradient } from './filter-gradient.ts';
import { nativeTfjsName, startNativeTensorFlow } from './native-tensorflow.ts';
import { correctPoolGradient } from './pool-gradient.ts';

export type Tf = typeof Tfjs;

/** A backend that started. Training takes one of these, so it cannot run on what tfjs silently falls back to. */
export class Backend {
  readonly name: BackendName;
  /** For logs and receipts: `tfjs-wasm 4.22.0 (SIMD), tfjs 4.22.0, Node 24.21.0`, `tfjs-node 4.22.0 (TensorFlow 2.15.1, CPU), tfjs ...`. */
  readonly description: string;
  readonly #tf: Tf;
  /** What tfjs calls it. */
  readonly #tfjsName: string;

  private constructor({ name, started }: { name: BackendName; started: Started }) {
    this.name = name;
    this.description = started.description;
    this.#tf = started.tf;
    this.#tfjsName = started.tf.getBackend();
  }

  /** tfjs on this backend. @throws WardroundError `backend-unavailable` when another part of the process switched it */
  get tf(): Tf {
    const now = this.#tf.getBackend();
    if (now !== this.#tfjsName) throw unavailable(this.name, `tfjs now runs on ${now}`);
    return this.#tf;
  }

  /** @throws WardroundError `backend-unavailable` */
  static async start(name: BackendName): Promise<Backend> {
    if (!backendNames.includes(name)) throw unavailable(backendNames.join(' or '), name);
    try {
      return new Backend({ name, started: await withoutProcessHandlers(() => starters[name]()) });
    } catch (cause) {
      throw cause instanceof WardroundError ? cause : unavailable(name, `it did not start${whyOf(cause)}`, cause);
    }
  }
}

/**
 * Starts the backend of that name and makes it tfjs' only one in this process.
 *
 * @throws WardroundError `backend-unavailable`, for an unknown name too
 */
export async function startBackend(name: BackendName): Promise<Backend> {
  return Backend.start(name);
}

interface Started {
  readonly tf: Tf;
  readonly description: string;
}

const starters: Readonly<Record<BackendName, () => Promise<Started>>> = {
  wasm: startWasm,
  cpu: startCpu,
  'tfjs-node': () => startNative('tfjs-node'),
  'tfjs-node-gpu': () => startNative('tfjs-node-gpu'),
};

async function startWasm(): Promise<Started> {
  const tf = await import('@tensorflow/tfjs');
  const { version_wasm } = await import('@tensorflow/tfjs-backend-wasm');
  await select(tf, 'wasm');
  registerFilterGradient(tf);
  correctPoolGradient(tf);
  const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) === true ? 'SIMD' : 'no SIMD';
  return { tf, description: `tfjs-wasm ${version_wasm} (${simd}), ${runtime(tf)}` };
}

async function startCpu(): Promise<Started> {
  const tf = await import('@tensorflow/tfjs');
  await select(tf, 'cpu');
  return { tf, description: `tfjs-cpu ${tf.version_cpu}, ${runtime(tf)}` };
}

async function startNative(name: NativeBackendName): Promise<Started> {
  const tf = await import('@tensorflow/tfjs');
  const description = await startNativeTensorFlow(tf, name);
  await select(tf, nativeTfjsName);
  return { tf, description: `${description}, ${runtime(tf)}` };
}

async function select(tf: Tf, name: string): Promise<void> {
  if (!(await tf.setBackend(name)) || tf.getBackend() !== name) throw new Error(`setBackend('${name}') failed`);
  await tf.ready();
  tf.enableProdMode();
}

function runtime(tf: Tf): string {
  return `tfjs ${tf.version.tfjs}, Node ${process.versions.node}`;
}

/** The WASM glue installs process-wide handlers that rethrow and abort; whether this process survives an error is not its decision. */
async function withoutProcessHandlers<T>(start: () => Promise<T>): Promise<T> {
  const exceptions = new Set(process.listeners('uncaughtException'));
  const rejections = new Set(process.listeners('unhandledRejection'));
  try {
    return await start();
  } finally {
    for (const added of process.listeners('uncaughtException')) {
      if (!exceptions.has(added)) process.off('uncaughtException', added);
    }
    for (const added of process.listeners('unhandledRejection')) {
      if (!rejections.has(added)) process.off('unhandledRejection', added);
    }
  }
}

/** Whether it is not installed at all, or is and failed: a person does something else about each. */
function whyOf(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  const isAbsent = 'code' in cause && cause.code === 'MODULE_NOT_FOUND';
  return isAbsent ? ': its package is not installed' : `: ${cause.message.split('\n')[0] ?? ''}`;
}

function unavailable(name: string, got: string, cause?: unknown): WardroundError {
  return new WardroundError('backend-unavailable', 'the compute backend that was asked for is not available', {
    expected: name,
    got,
    cause,
  });
}
