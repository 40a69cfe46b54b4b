// The released model as files, in the formats that the plan names.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Bytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import { safetensorsFiles } from './safetensors.ts';
import { tfjsFiles } from './tfjs.ts';

export type ReleaseFormat = StudyPlan['release']['formats'][number];
export type ExportPlan = Pick<StudyPlan, 'cohort' | 'model'>;

/** File name to bytes. */
export type ReleaseFiles = ReadonlyMap<string, Bytes>;

export const supportedFormats = ['safetensors', 'tfjs'] as const;

/** @throws WardroundError `export-unsupported` */
export function requireSupportedFormats(formats: readonly ReleaseFormat[]): void {
  for (const format of formats) {
    if (format === 'onnx') throw unsupported(format);
  }
}

/**
 * The files of one format. What the model takes is rows in the order of `inputColumns(plan.cohort)`, standardised as the plan says:
 * with `perSite` each hospital uses its own means and deviations.
 *
 * @throws WardroundError `export-unsupported`, `tensors-mismatch`, `model-unsupported`
 */
export function releaseFiles(format: ReleaseFormat, plan: ExportPlan, model: readonly Tensor[]): ReleaseFiles {
  switch (format) {
    case 'safetensors':
      return safetensorsFiles(plan, model);
    case 'tfjs':
      return tfjsFiles(plan, model);
    default:
      throw unsupported(format);
  }
}

function unsupported(format: string): WardroundError {
  return new WardroundError('export-unsupported', 'this version cannot write that format', {
    expected: supportedFormats.join(', '),
    got: format,
    where: 'release.formats',
  });
}
