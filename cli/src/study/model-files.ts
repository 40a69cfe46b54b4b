// All the files of a released model: every format that the plan names, and the card.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { ExportJob } from '@wardround/learning/export/export-job';
import { releaseFiles } from '@wardround/learning/export/release-files';
import { modelCardMarkdown } from './model-card-markdown.ts';
import type { ModelCard } from './model-card-schema.ts';

export interface ModelFilesJob extends ExportJob {
  readonly plan: Pick<StudyPlan, 'cohort' | 'model' | 'release'>;
  readonly card: ModelCard;
}

/**
 * `model.safetensors` (always: it is what an auditor compares with the receipt), `tfjs/`, `onnx/`, `model-card.json`, `model-card.md`.
 *
 * @throws WardroundError as `releaseFiles`
 */
export function modelFiles({ card, ...job }: ModelFilesJob): ReadonlyMap<string, Uint8Array> {
  const formats = new Set<StudyPlan['release']['formats'][number]>(['safetensors', ...job.plan.release.formats]);
  const files = new Map<string, Uint8Array>();
  for (const format of formats) {
    for (const [name, bytes] of releaseFiles(format, job))
      files.set(format === 'safetensors' ? name : `${format}/${name}`, bytes);
  }
  files.set('model-card.json', Buffer.from(`${JSON.stringify(card, null, 2)}\n`));
  files.set('model-card.md', Buffer.from(modelCardMarkdown(card)));
  return files;
}
