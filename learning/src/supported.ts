// What of a plan's learning this version can do, asked before anything is signed: by the plan compiler, and by each site before it approves.
import type { StudyPlan, Training } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { boundingStages } from '@wardround/protocol/schedule';
import { requireSupportedFormats } from './export/formats.ts';
import { requireSupportedMetrics } from './metrics.ts';
import { layersOf } from './model-shape.ts';
import { initialCheckpoint } from './rounds/initial-checkpoint.ts';
import { taskOfStage } from './rounds/round-task.ts';
import { requireSupportedEncoding } from './update.ts';

export type GradientDescent = Extract<Training, { method: 'gradientDescent' }>;

/**
 * Makes what the plan's rounds need, one of every sort: whatever cannot be made is refused by its own code.
 *
 * @throws WardroundError those of `taskOfStage` and `initialCheckpoint`, and `update-ring-unsupported`, `metric-unsupported`,
 * `export-unsupported`, `standardise-unsupported`, `cohort-unsupported`, `model-image`
 */
export function requireSupportedLearning(plan: StudyPlan): void {
  requireImages(plan);
  requireSupportedEncoding(plan.encoding.update);
  for (const stage of boundingStages(plan)) taskOfStage(plan, stage);
  initialCheckpoint(plan);
  requireSupportedMetrics(plan.evaluation.metrics, plan.cohort.label.type);
  requireSupportedFormats(plan.release.formats, plan.model.kind);
}

/** Pictures are a CNN's, each byte as 0 to 1 or each picture by itself; what another model would make of thousands of pixels, nobody asked for yet. */
function requireImages({ cohort, model }: StudyPlan): void {
  if (model.kind === 'cnn') layersOf({ cohort, model });
  const pictures = cohort.features.filter(({ type }) => type === 'image').length;
  const fits = cohort.source === 'images' ? pictures === 1 && cohort.features.length === 1 : pictures === 0;
  if (!fits) throw unsupportedCohort('cohort-unsupported', 'cohort.features');
  if (cohort.source === 'images' && model.kind !== 'cnn')
    throw unsupportedCohort('cohort-unsupported', 'cohort.source');
  const standards: readonly string[] =
    cohort.source === 'images' ? ['none', 'perImage'] : ['none', 'perSite', 'federated'];
  if (!standards.includes(cohort.standardise)) throw unsupportedCohort('standardise-unsupported', 'cohort.standardise');
}

/** What local steps are taken by. @throws WardroundError `training-unsupported`, also for class weights that are not filled in (`prepared`) */
export function requireGradientDescent(training: Training): GradientDescent {
  if (training.method !== 'gradientDescent') throw unsupported('training.method', training.method);
  if (training.classWeights.method === 'federated') throw unsupported('training.classWeights.method', 'federated');
  return training;
}

function unsupported(where: string, got: string): WardroundError {
  return new WardroundError('training-unsupported', 'a model cannot be trained that way by local steps', {
    where,
    got,
  });
}

function unsupportedCohort(code: string, where: string): WardroundError {
  return new WardroundError(code, 'this version cannot read a cohort that way', { where });
}
