// What is trained: three models at the sizes of the other benchmarks, on invented rows. bench/peers/throughput.py trains the same.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { TrainingJob, TrainingRows } from '@wardround/learning/tfjs/train';

type Plan = TrainingJob['plan'] & Pick<StudyPlan, 'initialWeights'>;
type Training = Extract<StudyPlan['training'], { method: 'gradientDescent' }>;

export interface Case {
  readonly id: string;
  readonly title: string;
  readonly model: StudyPlan['model'];
  readonly optimizer: Training['optimizer'];
  readonly inputs: number;
  readonly batchSize: number;
}

const columns = 30;
const image = { height: 28, width: 28, channels: 1 } as const;
const sgd = { name: 'sgd', learningRate: '0.01', momentum: '0' } as const;
const adam = { name: 'adam', learningRate: '0.001', beta1: '0.9', beta2: '0.999', epsilon: '0.00000001' } as const;

type Trained = Omit<Case, 'id' | 'batchSize'>;

const logistic: Trained = {
  title: `logistic regression, ${columns} columns, SGD`,
  model: { kind: 'logisticRegression', l2: '0' },
  optimizer: sgd,
  inputs: columns,
};
const mlp: Trained = {
  title: `MLP ${columns}-64-32-1, tanh, Adam`,
  model: { kind: 'mlp', hidden: [64, 32], activation: 'tanh', l2: '0' },
  optimizer: adam,
  inputs: columns,
};
const cnn: Trained = {
  title: 'CNN of 28 × 28, 8 and 16 filters, tanh, Adam',
  model: { kind: 'cnn', image, filters: [8, 16], kernel: 3, hidden: [], activation: 'tanh', l2: '0' },
  optimizer: adam,
  inputs: image.height * image.width * image.channels,
};

export const cases: readonly Case[] = [
  { id: 'logistic-32', ...logistic, batchSize: 32 },
  { id: 'logistic-256', ...logistic, batchSize: 256 },
  { id: 'mlp-32', ...mlp, batchSize: 32 },
  { id: 'mlp-256', ...mlp, batchSize: 256 },
  { id: 'cnn-32', ...cnn, batchSize: 32 },
];

export const rows = 2048;

export function planOf({ model, optimizer, batchSize }: Case, steps: number): Plan {
  return {
    cohort: {
      population: 'site',
      source: model.kind === 'cnn' ? 'images' : 'table',
      minimumRows: 1,
      minimumEvents: 0,
      features:
        model.kind === 'cnn'
          ? [{ type: 'image', name: 'image', ...image, missing: 'refuse' }]
          : Array.from({ length: columns }, (_, i) => ({
              type: 'number',
              name: `x${i}`,
              unit: null,
              range: { min: '-100', max: '100' },
              missing: 'refuse',
            })),
      label: { type: 'binary', name: 'y', positiveWhen: { operator: '>', value: '0' }, missing: 'refuse' },
      standardise: 'none',
      split: { method: 'none' },
    },
    model,
    initialWeights: { method: 'seeded', seed: 1 },
    training: {
      method: 'gradientDescent',
      optimizer,
      batchSize,
      steps,
      seed: 1,
      classWeights: { method: 'none' },
      earlyStopping: { method: 'none' },
    },
    strategy: { name: 'fedAvg' },
  };
}

/** Bytes for pictures, numbers for tables, as the importer freezes them. */
export function rowsOf({ model, inputs }: Case): TrainingRows {
  const length = rows * inputs;
  const features =
    model.kind === 'cnn'
      ? Uint8Array.from({ length }, (_, i) => (i * 89 + i * i * 7) % 251)
      : Float64Array.from({ length }, (_, i) => ((i * 37) % 101) / 50 - 1);
  return { rows, features, labels: Float64Array.from({ length: rows }, (_, i) => i % 2) };
}
