// The models whose steps are timed, with invented rows: time does not depend on what the numbers are.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { inputCount } from '@wardround/protocol/input-columns';
import { labels } from '@wardround/protocol/labels';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import type { TrainingRows } from '@wardround/learning/tfjs/train';

type Plan = Pick<StudyPlan, 'cohort' | 'model' | 'initialWeights' | 'training' | 'strategy'>;

export interface Case {
  readonly name: string;
  readonly plan: Plan;
  readonly batch: number;
  /** Steps of one measurement. */
  readonly steps: number;
  readonly data: TrainingRows;
}

const rows = 512;
const image = { height: 28, width: 28, channels: 1 };

function cohort(features: Cohort['features'], source: Cohort['source']): Cohort {
  const label = { type: 'binary', name: 'y', positiveWhen: { operator: '>', value: '0' }, missing: 'refuse' } as const;
  return {
    population: 'site',
    source,
    minimumRows: 1,
    minimumEvents: 0,
    features,
    label,
    standardise: 'none',
    split: { method: 'none' },
  };
}

function table(count: number): Cohort {
  const range = { min: '-10', max: '10' };
  const feature = (name: string) => ({ type: 'number', name, unit: null, range, missing: 'refuse' }) as const;
  return cohort(
    Array.from({ length: count }, (_, i) => feature(`f${i}`)),
    'table',
  );
}

const pictures = cohort([{ type: 'image', name: 'image', ...image, missing: 'refuse' }], 'images');

function caseOf(name: string, own: Pick<Plan, 'cohort' | 'model'> & Pick<Case, 'batch' | 'steps'>): Case {
  const { batch, steps } = own;
  const random = new SeededRandom(labels.batchOrder, ['bench', name]);
  const plan: Plan = {
    cohort: own.cohort,
    model: own.model,
    initialWeights: { method: 'seeded', seed: 1 },
    training: {
      method: 'gradientDescent',
      optimizer: { name: 'sgd', learningRate: '0.01', momentum: '0' },
      batchSize: batch,
      steps,
      seed: 1,
      classWeights: { method: 'none' },
      earlyStopping: { method: 'none' },
    },
    strategy: { name: 'fedAvg' },
  };
  const features = Float32Array.from({ length: rows * inputCount(own.cohort) }, () => 2 * random.fraction() - 1);
  return {
    name,
    plan,
    batch,
    steps,
    data: { rows, features, labels: Float32Array.from({ length: rows }, (_, i) => i % 2) },
  };
}

const relu = { activation: 'relu', l2: '0' } as const;

export const cases: readonly Case[] = [
  caseOf('logistic regression, 13 columns', {
    cohort: table(13),
    model: { kind: 'logisticRegression', l2: '0' },
    batch: 64,
    steps: 100,
  }),
  caseOf('network 30-64-32-1', {
    cohort: table(30),
    model: { kind: 'mlp', hidden: [64, 32], ...relu },
    batch: 64,
    steps: 60,
  }),
  caseOf('network 784-256-1', {
    cohort: table(784),
    model: { kind: 'mlp', hidden: [256], ...relu },
    batch: 64,
    steps: 8,
  }),
  caseOf('CNN 28 × 28, filters 8, 16, 32', {
    cohort: pictures,
    model: { kind: 'cnn', image, filters: [8, 16, 32], kernel: 3, hidden: [], ...relu },
    batch: 32,
    steps: 10,
  }),
];
