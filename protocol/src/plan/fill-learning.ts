// Defaults of model, training and strategy: what a plan leaves out is written down here, once, and in docs/plan.md's table.
import type { Strategy, StudyPlan, Training } from '../documents/study-plan.ts';
import type { PlanSource } from './source.ts';
import type { ModelSource, StrategySource, TrainingSource } from './source-learning.ts';
import { isUnweighted } from './strategy-problems.ts';

export function fillModel(source: ModelSource): StudyPlan['model'] {
  const l2 = source.l2 ?? '0';
  switch (source.kind) {
    case 'logisticRegression':
    case 'linearRegression':
      return { kind: source.kind, l2 };
    case 'mlp':
      return { kind: 'mlp', hidden: source.hidden, activation: source.activation ?? 'relu', l2 };
    case 'coxProportionalHazards':
      return { kind: source.kind, ties: source.ties ?? 'efron', stratify: source.stratify ?? 'bySite', l2 };
    case 'cnn':
      return {
        kind: 'cnn',
        image: source.image,
        filters: source.filters,
        kernel: source.kernel ?? 3,
        hidden: source.hidden ?? [],
        activation: source.activation ?? 'relu',
        l2,
      };
    case 'gradientBoostedTrees':
      return {
        kind: source.kind,
        trees: source.trees,
        depth: source.depth,
        bins: source.bins ?? 32,
        learningRate: source.learningRate ?? '0.1',
        // Leaves are −G / (H + l2): without it a leaf of few patients says too much.
        l2: source.l2 ?? '1',
      };
  }
}

/** Zeros where the loss is convex; otherwise seeded, because equal weights would never part. */
export function fillInitialWeights({ initialWeights, model, training }: PlanSource): StudyPlan['initialWeights'] {
  if (initialWeights === undefined) {
    const convex = model.kind !== 'mlp' && model.kind !== 'cnn';
    return convex ? { method: 'zeros' } : { method: 'seeded', seed: seedOf(training) };
  }
  if (initialWeights === 'zeros') return { method: 'zeros' };
  if ('seeded' in initialWeights) return { method: 'seeded', seed: initialWeights.seeded };
  return { method: 'importedWeights', digest: initialWeights.importedWeights };
}

export const defaultSeed = 42;

export function seedOf(training: TrainingSource): number {
  return training.optimizer === 'newton' ? defaultSeed : (training.seed ?? defaultSeed);
}

type GradientDescent = Extract<Training, { method: 'gradientDescent' }>;

export function fillTraining(source: TrainingSource): Training {
  if (source.optimizer === 'newton') return { method: 'newton', tolerance: source.tolerance ?? '0.000000000001' };
  return {
    method: 'gradientDescent',
    optimizer: fillOptimizer(source),
    batchSize: source.batchSize ?? 32,
    steps: source.steps ?? 100,
    seed: seedOf(source),
    classWeights: fillClassWeights(source.classWeights ?? 'none'),
    earlyStopping: fillEarlyStopping(source.earlyStopping ?? 'none'),
  };
}

type GradientSource = Exclude<TrainingSource, { optimizer: 'newton' }>;

function fillOptimizer(source: GradientSource): GradientDescent['optimizer'] {
  const { learningRate } = source;
  if (source.optimizer === 'sgd') return { name: 'sgd', learningRate, momentum: source.momentum ?? '0' };
  return {
    name: 'adam',
    learningRate,
    beta1: source.beta1 ?? '0.9',
    beta2: source.beta2 ?? '0.999',
    epsilon: source.epsilon ?? '0.00000001',
  };
}

function fillClassWeights(source: NonNullable<GradientSource['classWeights']>): GradientDescent['classWeights'] {
  return typeof source === 'string' ? { method: source } : { method: 'fixed', ...source };
}

function fillEarlyStopping(source: NonNullable<GradientSource['earlyStopping']>): GradientDescent['earlyStopping'] {
  if (source === 'none') return { method: 'none' };
  return { method: 'pooledLoss', patience: source.patience, minimumImprovement: source.minimumImprovement ?? '0' };
}

export function fillStrategy(source: StrategySource): Strategy {
  switch (source.name) {
    case 'fedProx':
      return { name: 'fedProx', mu: source.mu ?? '0.01' };
    case 'scaffold':
      return { name: 'scaffold', serverLearningRate: source.serverLearningRate ?? '1' };
    case 'fedAvgM':
      return {
        name: 'fedAvgM',
        serverLearningRate: source.serverLearningRate ?? '1',
        momentum: source.momentum ?? '0.9',
      };
    case 'fedAdam':
    case 'fedYogi':
      return {
        name: source.name,
        serverLearningRate: source.serverLearningRate ?? '0.01',
        beta1: source.beta1 ?? '0.9',
        beta2: source.beta2 ?? '0.99',
        tau: source.tau ?? '0.001',
      };
    case 'fedAdagrad':
      return {
        name: source.name,
        serverLearningRate: source.serverLearningRate ?? '0.01',
        tau: source.tau ?? '0.001',
      };
    case 'fedAvg':
    case 'fedNova':
    case 'fedBn':
    case 'newton':
    case 'selectingRule':
      return source;
  }
}

/** By patients, except where the strategy's paper treats all sites alike. */
export function fillWeighting({ weighting, strategy }: PlanSource): StudyPlan['weighting'] {
  return weighting ?? (isUnweighted(strategy) ? 'equal' : 'patients');
}
