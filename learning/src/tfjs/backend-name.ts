// The compute backends by the names that settings and command lines use. Nothing is loaded here.

/** WASM and plain JS come with the installation; TensorFlow's native libraries are optional peers (docs/backends.md). */
export const backendNames = ['wasm', 'cpu', 'tfjs-node', 'tfjs-node-gpu'] as const;
export type BackendName = (typeof backendNames)[number];
export type NativeBackendName = Extract<BackendName, `tfjs-node${string}`>;

/** What trains where nobody configured anything. */
export const defaultBackend = 'wasm' satisfies BackendName;

/** Whether it is machine code of TensorFlow's, which Node's permission model must allow by name. */
export function isNativeBackend(name: BackendName): name is NativeBackendName {
  return name === 'tfjs-node' || name === 'tfjs-node-gpu';
}
