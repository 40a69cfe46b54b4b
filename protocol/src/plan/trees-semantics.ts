// What a plan for gradient-boosted trees must agree on with itself: one round a level, whole units, Newton's sums, and a size that can be sent.
import {
  gradientStepLog2,
  histogramBytes,
  leavesOf,
  maxHistogramBytes,
  maxLeaves,
  roundsOfTrees,
} from '../tree-sizes.ts';
import type { StudyPlan } from '../documents/study-plan.ts';
import type { PlanProblem } from './problems.ts';

/** What of a plan is asked here. */
export type TreesParts = Pick<
  StudyPlan,
  'cohort' | 'encoding' | 'initialWeights' | 'model' | 'rounds' | 'strategy' | 'training'
> & {
  readonly release: Pick<StudyPlan['release'], 'formats'>;
};

/** None for a plan of another model. */
export function treesProblems({
  model,
  cohort,
  encoding,
  initialWeights,
  rounds,
  strategy,
  training,
  release,
}: TreesParts): PlanProblem[] {
  if (model.kind !== 'gradientBoostedTrees') return [];
  const problems: PlanProblem[] = [];
  if (rounds !== roundsOfTrees(model)) {
    problems.push({
      path: ['rounds'],
      code: 'trees-rounds',
      message: 'trees grow by one level a round',
      expected: `trees × depth = ${roundsOfTrees(model)}`,
      got: String(rounds),
    });
  }
  if (training.method !== 'newton' || strategy.name !== 'newton') {
    problems.push({
      path: ['training', 'optimizer'],
      code: 'trees-training',
      message: 'trees are grown from sums of gradients and Hessians, not by local steps',
      expected: 'newton, and the strategy newton',
      got: `${training.method === 'newton' ? 'newton' : training.optimizer.name}, ${strategy.name}`,
    });
  }
  if (initialWeights.method !== 'zeros') {
    problems.push({
      path: ['initialWeights'],
      code: 'trees-initial-weights',
      message: 'a forest begins without trees',
      expected: 'zeros',
      got: initialWeights.method,
    });
  }
  if (cohort.standardise !== 'none') {
    problems.push({
      path: ['cohort', 'standardise'],
      code: 'trees-standardise',
      message: 'trees ask about values in the units of the contract',
      expected: 'none',
      got: cohort.standardise,
    });
  }
  if (Number(model.learningRate) > 1) {
    problems.push({
      path: ['model', 'learningRate'],
      code: 'trees-learning-rate',
      message: 'a tree would overshoot what it is to correct',
      expected: 'at most 1',
      got: model.learningRate,
    });
  }
  if (release.formats.includes('tfjs')) {
    problems.push({
      path: ['release', 'formats'],
      code: 'trees-format',
      message: 'a tfjs layers model is a chain of layers, and no layer is a tree',
      expected: 'safetensors, onnx',
      got: release.formats.join(', '),
    });
  }
  if (gradientStepLog2(cohort.label, encoding) === null) {
    problems.push({
      path: ['encoding', 'sumsStepLog2'],
      code: 'trees-step',
      message: 'no step of sums fits the gradients of this label',
      expected: 'a range of at most 2^29, and a step that is small beside it',
      got: String(encoding.sums.stepLog2),
    });
  }
  const bytes = histogramBytes(cohort, model);
  if (bytes > maxHistogramBytes || leavesOf(model) > maxLeaves) {
    problems.push({
      path: ['model'],
      code: 'trees-too-large',
      message:
        'too large a forest, or too large a contribution to its deepest level: fewer or shallower trees, fewer bins or columns',
      expected: `at most ${maxLeaves} leaves and ${maxHistogramBytes} bytes of histograms`,
      got: `${leavesOf(model)} leaves and ${bytes} bytes`,
    });
  }
  return problems;
}
