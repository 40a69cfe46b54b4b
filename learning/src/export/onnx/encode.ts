// A built graph as the bytes of a .onnx file: one input, one output, both with a free number of rows.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { GraphBuilder, Value } from './graph.ts';
import { dataTypes, irVersion, ModelProto, operatorSets } from './schema.ts';

export interface OnnxModel {
  readonly graph: GraphBuilder;
  /** Float32 [rows, columns] */
  readonly input: { readonly name: Value; readonly columns: number; readonly meaning: string };
  /** Float32 [rows] */
  readonly output: { readonly name: Value; readonly meaning: string };
  readonly metadata: Readonly<Record<string, string>>;
}

/** The name of the dimension that is different in each call. */
const rows = { dimParam: 'rows' };

/** Equal models, equal bytes. */
export function encodeOnnx({ graph, input, output, metadata }: OnnxModel): Bytes {
  const message = {
    irVersion,
    producerName: 'wardround',
    opsetImport: [...graph.domains].map((domain) => ({ domain, version: operatorSets[domain] })),
    graph: {
      name: 'wardround',
      node: graph.nodes,
      initializer: graph.constants,
      input: [valueInfo(input, [rows, { dimValue: input.columns }])],
      output: [valueInfo(output, [rows])],
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
  return copyBytes(ModelProto.encode(ModelProto.fromObject(message)).finish());
}

function valueInfo({ name, meaning }: { name: Value; meaning: string }, dim: readonly object[]): object {
  return { name, docString: meaning, type: { tensorType: { elemType: dataTypes.float, shape: { dim } } } };
}
