// The plan's model, training and strategy as a researcher writes them: declarations from the protocol's lists, never code.
import * as z from 'zod';
import { fieldNameSchema, seedSchema } from '../documents/primitives.ts';
import {
  fraction,
  nonNegativeReal,
  oneOf,
  positiveCount,
  positiveReal,
  section,
  unknownChoice,
} from './source-types.ts';

const l2 = nonNegativeReal.optional();
const hidden = z.int().min(1).max(4096);
const activation = oneOf('relu', 'tanh', 'sigmoid').optional();

export const modelSourceSchema = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('logisticRegression'), l2 }),
    section({ kind: z.literal('linearRegression'), l2 }),
    section({ kind: z.literal('mlp'), hidden: z.array(hidden).min(1).max(8), activation, l2 }),
    section({
      kind: z.literal('coxProportionalHazards'),
      ties: oneOf('breslow', 'efron').optional(),
      stratify: oneOf('none', 'bySite').optional(),
      l2,
    }),
    section({
      kind: z.literal('cnn'),
      image: section({
        height: z.int().min(8).max(1024),
        width: z.int().min(8).max(1024),
        channels: z.int().min(1).max(4),
      }),
      filters: z.array(z.int().min(1).max(512)).min(1).max(8),
      kernel: z.int().min(1).max(9).optional(),
      hidden: z.array(hidden).max(4).optional(),
      activation,
      l2,
    }),
    section({
      kind: z.literal('gradientBoostedTrees'),
      trees: z.int().min(1).max(10_000),
      depth: z.int().min(1).max(12),
      bins: z.int().min(2).max(256).optional(),
      learningRate: positiveReal.optional(),
      l2,
    }),
  ],
  unknownChoice('kind', [
    'logisticRegression',
    'linearRegression',
    'mlp',
    'coxProportionalHazards',
    'cnn',
    'gradientBoostedTrees',
  ]),
);
export type ModelSource = z.output<typeof modelSourceSchema>;

const gradientDescent = {
  learningRate: positiveReal,
  batchSize: z.int('expected a whole number').min(1).max(65_536).optional(),
  steps: z.int('expected a whole number').min(1).max(1_000_000).optional(),
  seed: seedSchema.optional(),
  classWeights: z
    .union(
      [oneOf('none', 'federated'), section({ negative: positiveReal, positive: positiveReal })],
      'expected none, federated or { negative, positive }',
    )
    .optional(),
  earlyStopping: z
    .union(
      [
        z.literal('none', 'expected none'),
        section({ patience: positiveCount, minimumImprovement: nonNegativeReal.optional() }),
      ],
      'expected none or { patience, minimumImprovement }',
    )
    .optional(),
};

export const trainingSourceSchema = z.discriminatedUnion(
  'optimizer',
  [
    section({ optimizer: z.literal('sgd'), momentum: fraction.optional(), ...gradientDescent }),
    section({
      optimizer: z.literal('adam'),
      beta1: fraction.optional(),
      beta2: fraction.optional(),
      epsilon: positiveReal.optional(),
      ...gradientDescent,
    }),
    section({ optimizer: z.literal('newton'), tolerance: positiveReal.optional() }),
  ],
  unknownChoice('optimizer', ['sgd', 'adam', 'newton']),
);
export type TrainingSource = z.output<typeof trainingSourceSchema>;

const serverLearningRate = positiveReal.optional();
const adaptive = {
  serverLearningRate,
  beta1: fraction.optional(),
  beta2: fraction.optional(),
  tau: positiveReal.optional(),
};

export const strategyNames = [
  'fedAvg',
  'fedProx',
  'scaffold',
  'fedAvgM',
  'fedAdam',
  'fedYogi',
  'fedAdagrad',
  'fedNova',
  'fedBn',
  'newton',
  'selectingRule',
] as const;

export const strategySourceSchema = z.discriminatedUnion(
  'name',
  [
    section({ name: z.literal('fedAvg') }),
    section({ name: z.literal('fedProx'), mu: nonNegativeReal.optional() }),
    section({ name: z.literal('scaffold'), serverLearningRate }),
    section({ name: z.literal('fedAvgM'), serverLearningRate, momentum: fraction.optional() }),
    section({ name: z.literal('fedAdam'), ...adaptive }),
    section({ name: z.literal('fedYogi'), ...adaptive }),
    section({ name: z.literal('fedAdagrad'), serverLearningRate, tau: positiveReal.optional() }),
    section({ name: z.literal('fedNova') }),
    section({ name: z.literal('fedBn'), personal: z.array(fieldNameSchema).min(1).max(256) }),
    section({ name: z.literal('newton') }),
    section({
      name: z.literal('selectingRule'),
      rule: z.discriminatedUnion(
        'kind',
        [
          section({ kind: z.literal('coordinateMedian') }),
          section({ kind: z.literal('trimmedMean'), trim: positiveCount }),
          section({ kind: z.literal('multiKrum'), select: positiveCount }),
        ],
        unknownChoice('kind', ['coordinateMedian', 'trimmedMean', 'multiKrum']),
      ),
    }),
  ],
  unknownChoice('name', strategyNames),
);
export type StrategySource = z.output<typeof strategySourceSchema>;
