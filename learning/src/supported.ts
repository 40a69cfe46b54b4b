// What of a plan's learning this version can do, asked before anything is signed: by the plan compiler, and by each site before it approves.
import type { StudyPlan, Training } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { requireSupportedFormats } from './export/formats.ts';
import { requireSupportedMetrics } from './metrics.ts';
import { layersOf, taskOf } from './model-shape.ts';
import { updateRule } from './strategies/of-plan.ts';
import { requireSupportedEncoding } from './update.ts';

export type GradientDescent = Extract<Training, { method: 'gradientDescent' }>;
export type LearningPlan = Pick<
  StudyPlan,
  | 'cohort'
  | 'encoding'
  | 'evaluation'
  | 'initialWeights'
  | 'model'
  | 'release'
  | 'sites'
  | 'strategy'
  | 'training'
  | 'weighting'
>;

/**
 * @throws WardroundError `model-unsupported`, `model-label`, `strategy-*`, `personal-*`, `selecting-*`, `training-unsupported`, `initial-weights-unsupported`,
 * `update-ring-unsupported`, `metric-unsupported`, `export-unsupported`, `standardise-unsupported`, `cohort-unsupported`, `model-image`
 */
export function requireSupportedLearning(plan: LearningPlan): void {
  const task = taskOf(plan);
  updateRule(plan);
  requireGradientDescent(plan.training);
  requireSupportedEncoding(plan.encoding.update);
  requireSupportedMetrics(plan.evaluation.metrics, task);
  requireSupportedFormats(plan.release.formats, plan.model.kind);
  if (plan.initialWeights.method === 'importedWeights') {
    throw new WardroundError('initial-weights-unsupported', 'this version does not take imported weights', {
      where: 'initialWeights.method',
    });
  }
  if (plan.cohort.standardise === 'federated') throw unsupportedCohort('standardise-unsupported', 'cohort.standardise');
  requireImages(plan);
}

/** Pictures are a CNN's, each byte as 0 to 1; what another model would make of thousands of pixels, nobody asked for yet. */
function requireImages(plan: LearningPlan): void {
  const { cohort, model } = plan;
  if (model.kind === 'cnn') layersOf(plan);
  const pictures = cohort.features.filter(({ type }) => type === 'image').length;
  const fits = cohort.source === 'images' ? pictures === 1 && cohort.features.length === 1 : pictures === 0;
  if (!fits) throw unsupportedCohort('cohort-unsupported', 'cohort.features');
  if (cohort.source !== 'images') return;
  if (model.kind !== 'cnn') throw unsupportedCohort('cohort-unsupported', 'cohort.source');
  if (cohort.standardise !== 'none') throw unsupportedCohort('standardise-unsupported', 'cohort.standardise');
}

/** @throws WardroundError `training-unsupported` */
export function requireGradientDescent(training: Training): GradientDescent {
  if (training.method !== 'gradientDescent') throw unsupported('training.method', training.method);
  if (training.classWeights.method === 'federated') throw unsupported('training.classWeights.method', 'federated');
  if (training.earlyStopping.method !== 'none') {
    throw unsupported('training.earlyStopping.method', training.earlyStopping.method);
  }
  return training;
}

function unsupported(where: string, got: string): WardroundError {
  return new WardroundError('training-unsupported', 'this version cannot train that way', { where, got });
}

function unsupportedCohort(code: string, where: string): WardroundError {
  return new WardroundError(code, 'this version cannot read a cohort that way', { where });
}
