// The part of ONNX that our models need, as protobuf messages. Names and field numbers are facts of the format.
// Source: https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto (IR version 8), each message under its own name there.
import protobuf from 'protobufjs/light.js';

interface FieldFacts {
  readonly type: string;
  readonly id: number;
  readonly rule?: 'repeated';
}

const one = (type: string, id: number): FieldFacts => ({ type, id });
const many = (type: string, id: number): FieldFacts => ({ type, id, rule: 'repeated' });

/** `ir_version` 8 and operator set 17 are of ONNX 1.12 (2022): old enough for the runtimes in use, new enough for all that we write. */
export const irVersion = 8;
export const operatorSets = { '': 17, 'ai.onnx.ml': 3 } as const;
export type Domain = keyof typeof operatorSets;

/** TensorProto.DataType */
export const dataTypes = { float: 1, int64: 7, double: 11 } as const;

/** AttributeProto.AttributeType */
export const attributeTypes = { int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const;

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one('int64', 1),
        producerName: one('string', 2),
        producerVersion: one('string', 3),
        docString: one('string', 6),
        graph: one('GraphProto', 7),
        opsetImport: many('OperatorSetIdProto', 8),
        metadataProps: many('StringStringEntryProto', 14),
      },
    },
    OperatorSetIdProto: { fields: { domain: one('string', 1), version: one('int64', 2) } },
    StringStringEntryProto: { fields: { key: one('string', 1), value: one('string', 2) } },
    GraphProto: {
      fields: {
        node: many('NodeProto', 1),
        name: one('string', 2),
        initializer: many('TensorProto', 5),
        docString: one('string', 10),
        input: many('ValueInfoProto', 11),
        output: many('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        input: many('string', 1),
        output: many('string', 2),
        name: one('string', 3),
        opType: one('string', 4),
        attribute: many('AttributeProto', 5),
        domain: one('string', 7),
      },
    },
    AttributeProto: {
      fields: {
        name: one('string', 1),
        i: one('int64', 3),
        s: one('bytes', 4),
        floats: many('float', 7),
        ints: many('int64', 8),
        strings: many('bytes', 9),
        type: one('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: many('int64', 1),
        dataType: one('int32', 2),
        name: one('string', 8),
        rawData: one('bytes', 9),
      },
    },
    ValueInfoProto: { fields: { name: one('string', 1), type: one('TypeProto', 2), docString: one('string', 3) } },
    TypeProto: { fields: { tensorType: one('TensorTypeProto', 1) } },
    /** `TypeProto.Tensor` */
    TensorTypeProto: { fields: { elemType: one('int32', 1), shape: one('TensorShapeProto', 2) } },
    TensorShapeProto: { fields: { dim: many('DimensionProto', 1) } },
    /** `TensorShapeProto.Dimension`: one of the two is there. */
    DimensionProto: { fields: { dimValue: one('int64', 1), dimParam: one('string', 2) } },
  },
});

export const ModelProto = root.lookupType('ModelProto');
