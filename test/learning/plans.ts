// Small plans for the learning tests; each test overrides what it is about.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';

export type LearningPlan = Pick<
  StudyPlan,
  | 'cohort'
  | 'model'
  | 'initialWeights'
  | 'training'
  | 'strategy'
  | 'rounds'
  | 'weighting'
  | 'encoding'
  | 'sites'
  | 'evaluation'
  | 'release'
>;

export function cohortOf(features: readonly string[], label: Cohort['label']['type'] = 'binary'): Cohort {
  const range = { min: '-1000000', max: '1000000' };
  return {
    population: 'site',
    source: 'table',
    minimumRows: 1,
    minimumEvents: 0,
    features: features.map((name) => ({ type: 'number', name, unit: null, range, missing: 'refuse' })),
    label: labels[label],
    standardise: 'none',
    split: { method: 'none' },
  };
}

const positive = { operator: '>', value: '0' } as const;
const labels: Readonly<Record<Cohort['label']['type'], Cohort['label']>> = {
  binary: { type: 'binary', name: 'y', positiveWhen: positive, missing: 'refuse' },
  number: { type: 'number', name: 'y', unit: null, range: { min: '-1000000', max: '1000000' }, missing: 'refuse' },
  survival: {
    type: 'survival',
    time: 't',
    timeUnit: 'd',
    event: 'e',
    eventWhen: positive,
    maxTime: '1000',
    missing: 'refuse',
  },
};

export type SgdTraining = Extract<StudyPlan['training'], { method: 'gradientDescent' }>;

export const sgd: SgdTraining = {
  method: 'gradientDescent',
  optimizer: { name: 'sgd', learningRate: '0.1', momentum: '0' },
  batchSize: 4,
  steps: 10,
  seed: 42,
  classWeights: { method: 'none' },
  earlyStopping: { method: 'none' },
};

export function planOf(overrides: Partial<LearningPlan> = {}): LearningPlan {
  return {
    cohort: cohortOf(['a', 'b', 'c']),
    model: { kind: 'logisticRegression', l2: '0' },
    initialWeights: { method: 'zeros' },
    training: sgd,
    strategy: { name: 'fedAvg' },
    rounds: 3,
    weighting: 'patients',
    sites: sitesOf(4),
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '10' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 1024,
    },
    evaluation: { metrics: ['accuracy'], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    release: { to: [], whenSitesAgree: 1, consent: { method: 'oneByOne' }, formats: ['safetensors', 'tfjs'] },
    ...overrides,
  };
}

/** As many sites as that, all of which have to contribute unless `minimum` says otherwise. */
export function sitesOf(count: number, minimum = count): StudyPlan['sites'] {
  return {
    roster: Array.from({ length: count }, (_, i) => ({ name: `site-${i}`, agent: `${i}`.padStart(64, '0') })),
    minimum,
    maxShare: '1',
    deadlineSeconds: 60,
    onShortfall: 'wait',
    maxAttempts: 3,
  };
}

export const mlpModel: Extract<StudyPlan['model'], { kind: 'mlp' }> = {
  kind: 'mlp',
  hidden: [4, 2],
  activation: 'tanh',
  l2: '0',
};

export const unsupportedModels: readonly StudyPlan['model'][] = [];

/** By their sums alone; each has a rule of its own, but for Newton's. */
export const otherStrategies: readonly StudyPlan['strategy'][] = [
  { name: 'scaffold', serverLearningRate: '1' },
  { name: 'fedNova' },
  { name: 'fedBn', personal: ['x'] },
  { name: 'newton' },
  { name: 'selectingRule', rule: { kind: 'coordinateMedian' } },
];
