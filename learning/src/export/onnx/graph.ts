// An ONNX graph while it is being built: nodes in the order in which they run, constants, and a fresh name for every value.
import { type Bytes, utf8 } from '@wardround/protocol/bytes';
import { littleEndianBytes } from '@wardround/protocol/little-endian';
import { attributeTypes, dataTypes, type Domain } from './schema.ts';

/** The name of a value in the graph. */
export type Value = string;

export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly i?: number;
  readonly s?: Bytes;
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
  readonly strings?: readonly Bytes[];
}

export interface Operation {
  readonly operator: string;
  readonly inputs: readonly Value[];
  readonly attributes?: readonly Attribute[];
  readonly domain?: Domain;
}

interface NodeMessage {
  readonly input: readonly Value[];
  readonly output: readonly Value[];
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly Attribute[];
  readonly domain: Domain;
}

interface TensorMessage {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly name: string;
  readonly rawData: Uint8Array;
}

export class GraphBuilder {
  readonly #nodes: NodeMessage[] = [];
  readonly #constants: TensorMessage[] = [];

  get nodes(): readonly NodeMessage[] {
    return this.#nodes;
  }

  get constants(): readonly TensorMessage[] {
    return this.#constants;
  }

  get domains(): ReadonlySet<Domain> {
    return new Set<Domain>(['', ...this.#nodes.map(({ domain }) => domain)]);
  }

  /** One operator; its one output is named, or gets the name of its place. */
  add({ operator, inputs, attributes = [], domain = '' }: Operation, output?: Value): Value {
    const name = `${operator}_${this.#nodes.length}`;
    const result = output ?? name;
    this.#nodes.push({ input: inputs, output: [result], name, opType: operator, attribute: attributes, domain });
    return result;
  }

  /** Float32 numbers, row-major. */
  floats(name: string, shape: readonly number[], data: Float32Array<ArrayBuffer>): Value {
    this.#constants.push({ dims: shape, dataType: dataTypes.float, name, rawData: littleEndianBytes(data) });
    return name;
  }

  /** A list of float64 numbers. */
  doubles(name: string, values: Float64Array): Value {
    const rawData = littleEndianBytes(Float64Array.from(values));
    this.#constants.push({ dims: [values.length], dataType: dataTypes.double, name, rawData });
    return name;
  }

  /** A list of whole numbers, such as the shape that `Reshape` wants. */
  integers(name: string, values: readonly number[]): Value {
    const rawData = littleEndianBytes(BigInt64Array.from(values, BigInt));
    this.#constants.push({ dims: [values.length], dataType: dataTypes.int64, name, rawData });
    return name;
  }
}

export function intsAttribute(name: string, ints: readonly number[]): Attribute {
  return { name, type: attributeTypes.ints, ints };
}

export function intAttribute(name: string, i: number): Attribute {
  return { name, type: attributeTypes.int, i };
}

export function floatsAttribute(name: string, floats: readonly number[]): Attribute {
  return { name, type: attributeTypes.floats, floats };
}

export function textAttribute(name: string, text: string): Attribute {
  return { name, type: attributeTypes.string, s: utf8(text) };
}

export function textsAttribute(name: string, texts: readonly string[]): Attribute {
  return { name, type: attributeTypes.strings, strings: texts.map(utf8) };
}
