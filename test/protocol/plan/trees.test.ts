// Plans for trees: what the compiler fills in, and each way in which one can contradict itself.
import { describe, expect, it } from 'vitest';
import { contradictions } from '@wardround/protocol/plan/semantics';
import { pathText } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { fillPlan } from '@wardround/protocol/plan/unbound-plan';
import { binsOfColumns, histogramBytes, maxHistogramBytes } from '@wardround/protocol/tree-sizes';
import { examplePlan, now } from './example.ts';

type Plan = ReturnType<typeof examplePlan>;

function treesSource(): Plan {
  const plan = examplePlan();
  plan.model = { kind: 'gradientBoostedTrees', trees: 20, depth: 4 };
  plan.training = { optimizer: 'newton' };
  plan.strategy = { name: 'newton' };
  plan.rounds = 80;
  plan.cohort.standardise = 'none';
  plan.release.formats = ['safetensors', 'onnx'];
  return plan;
}

function codesOf(source: Plan): string[] {
  const plan = fillPlan(parsePlanSource(source));
  return contradictions(plan, { colludingSites: 0, now }).map(({ path, code }) => `${pathText(path)} ${code}`);
}

describe('a plan for trees', () => {
  it('is filled in: bins, learning rate, and an L2 of 1', () => {
    const { model } = fillPlan(parsePlanSource(treesSource()));
    expect(model).toEqual({
      kind: 'gradientBoostedTrees',
      trees: 20,
      depth: 4,
      bins: 32,
      learningRate: '0.1',
      l2: '1',
    });
    expect(codesOf(treesSource())).toEqual([]);
    const source = treesSource();
    delete source.release.formats;
    expect(fillPlan(parsePlanSource(source)).release.formats).toEqual(['safetensors', 'onnx']);
  });

  it.each<[string, (plan: Plan) => void, string]>([
    ['a round too few', (plan) => (plan.rounds = 79), 'rounds trees-rounds'],
    ['a round for each tree only', (plan) => (plan.rounds = 20), 'rounds trees-rounds'],
    ['a scale of each site', (plan) => (plan.cohort.standardise = 'perSite'), 'cohort.standardise trees-standardise'],
    ['the default scale', (plan) => delete plan.cohort.standardise, 'cohort.standardise trees-standardise'],
    ['a federated scale', (plan) => (plan.cohort.standardise = 'federated'), 'cohort.standardise trees-standardise'],
    ['tfjs', (plan) => (plan.release.formats = ['tfjs']), 'release.formats trees-format'],
    ['a learning rate above 1', (plan) => (plan.model.learningRate = 1.01), 'model.learningRate trees-learning-rate'],
    [
      'local steps',
      (plan) =>
        Object.assign(plan, { training: { optimizer: 'sgd', learningRate: 0.1 }, strategy: { name: 'fedAvg' } }),
      'training.optimizer trees-training',
    ],
    [
      'too many leaves',
      (plan) => Object.assign(plan, { model: { ...plan.model, trees: 5000, depth: 12 }, rounds: 60_000 }),
      'model trees-too-large',
    ],
    ['weights to begin with', (plan) => (plan.initialWeights = { seeded: 7 }), 'initialWeights trees-initial-weights'],
    ['a coarse step', (plan) => (plan.encoding = { sumsStepLog2: -8 }), 'encoding.sumsStepLog2 trees-step'],
    [
      'a label too wide for any step',
      (plan) => (plan.cohort.label = { name: 'cost', range: [0, 600_000_000] }),
      'encoding.sumsStepLog2 trees-step',
    ],
    [
      'a label that trees do not have',
      (plan) => (plan.cohort.label = { time: 't', timeUnit: 'd', event: 'e', eventWhen: '> 0', maxTime: 100 }),
      'model.kind model-label',
    ],
  ])('is refused for %s', (_, spoil, problem) => {
    const source = treesSource();
    spoil(source);
    expect(codesOf(source)).toEqual([problem]);
  });

  it('is refused for histograms of more than 64 MiB, and not for one column fewer', () => {
    const withColumns = (columns: number): Plan => {
      const source = treesSource();
      const column = { type: 'number', range: [0, 1] };
      source.cohort.features = Object.fromEntries(Array.from({ length: columns }, (_, i) => [`x${i}`, column]));
      source.model = { kind: 'gradientBoostedTrees', trees: 1, depth: 11, bins: 256 };
      source.rounds = 11;
      return source;
    };
    // 2^10 nodes × 256 bins × 24 bytes = 6 MiB a column.
    expect(codesOf(withColumns(10))).toEqual([]);
    expect(codesOf(withColumns(11))).toEqual(['model trees-too-large']);
  });
});

describe('sizes', () => {
  const { cohort, model } = fillPlan(parsePlanSource(treesSource()));

  it('give a number the plan’s bins and a code two', () => {
    if (model.kind !== 'gradientBoostedTrees') throw new Error('no trees');
    expect(binsOfColumns(cohort, model)).toEqual([32, 2, 2, 2, 2]);
    expect(histogramBytes(cohort, model)).toBe(8 * 40 * 24);
    expect(maxHistogramBytes).toBe(64 * 1024 * 1024);
  });
});
