// Standardisation as ONNX operators, so that whoever uses the model gives it rows as the contract has them.
import { leastDeviation } from '../../statistics/per-image.ts';
import type { InputScaling } from '../export-job.ts';
import { type GraphBuilder, intAttribute, intsAttribute, type Value } from './graph.ts';
import { dataTypes } from './schema.ts';

/** In float64, as the hospitals standardise: a large mean must not eat the digits of what is left. Without a scaling, rows as they are. */
export function addScaling(graph: GraphBuilder, input: Value, scaling: InputScaling | null): Value {
  if (scaling === null) return input;
  const wide = addCast(graph, input, dataTypes.double);
  const centred = graph.add({ operator: 'Sub', inputs: [wide, graph.doubles('inputMean', scaling.mean)] });
  const scaled = graph.add({ operator: 'Div', inputs: [centred, graph.doubles('inputScale', scaling.scale)] });
  return addCast(graph, scaled, dataTypes.float);
}

/** Each row by its own mean and deviation: `standardisePictures`, in float64 as there. Bytes as 0 to 255 give what they give as 0 to 1. */
export function addPictureScaling(graph: GraphBuilder, input: Value): Value {
  const wide = addCast(graph, input, dataTypes.double);
  const centred = graph.add({ operator: 'Sub', inputs: [wide, addRowMean(graph, wide)] });
  const squares = graph.add({ operator: 'Mul', inputs: [centred, centred] });
  const deviation = graph.add({ operator: 'Sqrt', inputs: [addRowMean(graph, squares)] });
  const least = graph.doubles('leastDeviation', Float64Array.of(leastDeviation));
  const divisor = graph.add({ operator: 'Max', inputs: [deviation, least] });
  return addCast(graph, graph.add({ operator: 'Div', inputs: [centred, divisor] }), dataTypes.float);
}

/** [rows, 1] */
function addRowMean(graph: GraphBuilder, values: Value): Value {
  return graph.add({
    operator: 'ReduceMean',
    inputs: [values],
    attributes: [intsAttribute('axes', [1]), intAttribute('keepdims', 1)],
  });
}

function addCast(graph: GraphBuilder, values: Value, to: number): Value {
  return graph.add({ operator: 'Cast', inputs: [values], attributes: [intAttribute('to', to)] });
}
