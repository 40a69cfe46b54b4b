// The released model as files, in the formats that the plan names.
import type { Bytes } from '@wardround/protocol/bytes';
import type { ExportJob } from './export-job.ts';
import { type ReleaseFormat, requireSupportedFormats } from './formats.ts';
import { onnxFiles } from './onnx/files.ts';
import { safetensorsFiles } from './safetensors.ts';
import { tfjsFiles } from './tfjs.ts';

/** File name to bytes. */
export type ReleaseFiles = ReadonlyMap<string, Bytes>;

/**
 * The files of one format. What the model takes is rows in the order of `inputColumns(plan.cohort)`, standardised as the plan says:
 * with `perSite` each hospital uses its own means and deviations. Equal jobs, equal bytes.
 *
 * @throws WardroundError `export-unsupported`, `tensors-mismatch`, `model-unsupported`, `export-scaling`
 */
export function releaseFiles(format: ReleaseFormat, job: ExportJob): ReleaseFiles {
  requireSupportedFormats([format], job.plan.model.kind);
  switch (format) {
    case 'safetensors':
      return safetensorsFiles(job);
    case 'tfjs':
      return tfjsFiles(job);
    case 'onnx':
      return onnxFiles(job);
  }
}
