// A model in ONNX, run by onnxruntime's WebAssembly build: what somebody else's program makes of our file.
import { InferenceSession, Tensor } from 'onnxruntime-web';

export interface OnnxRun {
  readonly answers: Float32Array;
  readonly dims: readonly number[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** @param features row-major, `columns` a row */
export async function runOnnx(file: Uint8Array, features: ArrayLike<number>, columns: number): Promise<OnnxRun> {
  const session = await InferenceSession.create(file);
  try {
    const inputs = new Tensor('float32', Float32Array.from(features), [features.length / columns, columns]);
    const [output = ''] = session.outputNames;
    const value = (await session.run({ inputs }))[output];
    if (value === undefined || !(value.data instanceof Float32Array)) throw new Error('no float32 answers');
    return { answers: value.data, dims: value.dims, inputs: session.inputNames, outputs: session.outputNames };
  } finally {
    await session.release();
  }
}
