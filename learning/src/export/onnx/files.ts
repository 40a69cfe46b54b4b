// The released model as `model.onnx`: rows as the cohort contract encodes them in, one number for each row out.
import type { Bytes } from '@wardround/protocol/bytes';
import { inputCount } from '@wardround/protocol/input-columns';
import { readForest } from '../../trees/shape.ts';
import { type ExportJob, type OutputMeaning, outputMeaning, provenance, scalingOf } from '../export-job.ts';
import { trainedLayers } from '../model-parts.ts';
import { encodeOnnx } from './encode.ts';
import { GraphBuilder, type Value } from './graph.ts';
import { addChain } from './layers.ts';
import { addPictureScaling, addScaling } from './scaling.ts';
import { addForest } from './trees.ts';

const inputName = 'inputs';

/**
 * `model.onnx`, IR version 8, operator sets ai.onnx 17 and ai.onnx.ml 3: input `inputs`, float32 [rows, columns of the contract]; output
 * `probability`, `number` or `relativeHazard`, float32 [rows]. The metadata names the columns, how they are standardised, and the records
 * that the model comes from.
 *
 * @throws WardroundError `tensors-mismatch`, `tensors-not-finite`, `model-unsupported`, `export-scaling`, `trees-*`
 */
export function onnxFiles(job: ExportJob): ReadonlyMap<string, Bytes> {
  const graph = new GraphBuilder();
  const meaning = outputMeaning(job.plan);
  addOutput(graph, addModel(graph, job), meaning);
  const bytes = encodeOnnx({
    graph,
    input: { name: inputName, columns: inputCount(job.plan.cohort), meaning: inputMeaning(job) },
    output: { name: meaning, meaning: meanings[meaning] },
    metadata: {
      format: 'wardround-onnx/v1',
      ...provenance(job, { within: ['federated', 'perImage'] }),
      output: meaning,
    },
  });
  return new Map([['model.onnx', bytes]]);
}

/** [rows, 1] */
function addModel(graph: GraphBuilder, job: ExportJob): Value {
  const { plan, model } = job;
  const input =
    plan.cohort.standardise === 'perImage'
      ? addPictureScaling(graph, inputName)
      : addScaling(graph, inputName, scalingOf(job));
  if (plan.model.kind === 'gradientBoostedTrees') return addForest(graph, readForest(plan, model), input);
  return addChain(graph, { model: plan.model, layers: trainedLayers(job), input });
}

const links = { probability: 'Sigmoid', number: 'Identity', relativeHazard: 'Exp' } as const;

const meanings = {
  probability: 'probability that the label is positive',
  number: 'the label, as predicted',
  relativeHazard: 'exp(xβ): the hazard relative to that of a row of zeros',
} as const;

function addOutput(graph: GraphBuilder, values: Value, meaning: OutputMeaning): void {
  const flat = graph.add({ operator: 'Squeeze', inputs: [values, graph.integers('outputAxes', [1])] });
  graph.add({ operator: links[meaning], inputs: [flat] }, meaning);
}

function inputMeaning({ plan, scaling }: ExportJob): string {
  const how = standardisation[scaling === null ? plan.cohort.standardise : 'none'];
  return `one row a patient, the columns that the metadata name under inputs, in that order; ${how}`;
}

const standardisation = {
  none: 'numbers in the contract’s units, codes as 0 or 1',
  perSite:
    'each less its mean and divided by its sample standard deviation (ddof 1), both of the hospital that the row comes from',
  perImage: 'a picture’s pixels, each 0 to 1',
  federated: 'each less its mean and divided by its sample standard deviation (ddof 1), both of all hospitals together',
} as const;
