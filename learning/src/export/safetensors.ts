// The released model as one safetensors file that says what its inputs are.
import type { Bytes } from '@wardround/protocol/bytes';
import { encodeSafetensors } from '@wardround/protocol/safetensors';
import { type ExportJob, outputMeaning, provenance } from './export-job.ts';
import { trainedTensors } from './model-parts.ts';

/** What the tensors alone give, before the link that the other formats have built in. */
const linearMeanings = { probability: 'logOdds', number: 'number', relativeHazard: 'logRelativeHazard' } as const;

/**
 * `model.safetensors`: the model's tensors in their order, so that `modelDigest` of what is read back is the receipt's; what inputs and output
 * mean stands in the metadata.
 *
 * @throws WardroundError `tensors-mismatch`, `model-unsupported`
 */
export function safetensorsFiles(job: ExportJob): ReadonlyMap<string, Bytes> {
  const { plan } = job;
  const metadata = {
    format: 'wardround-model/v1',
    ...provenance(job, { within: [] }),
    activation: 'activation' in plan.model ? plan.model.activation : 'none',
    output: linearMeanings[outputMeaning(plan)],
  };
  return new Map([['model.safetensors', encodeSafetensors(trainedTensors(job), metadata)]]);
}
