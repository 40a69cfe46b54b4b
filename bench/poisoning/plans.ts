// The strategies that are put to the test: those that average, and those that withstand f = 1 hostile site of five.
import type { Strategy, StudyPlan } from '@wardround/protocol/documents/study-plan';
import { featureCount, siteNames } from './sites.ts';

export interface Contender {
  readonly name: string;
  readonly strategy: Strategy;
  readonly isRobust: boolean;
  /** K. Multi-Krum needs all five for f = 1; the others lose nothing but the one that is refused. */
  readonly minimum: number;
}

const adaptive = { serverLearningRate: '0.1', beta1: '0.9', beta2: '0.99', tau: '0.001' };

export const contenders: readonly Contender[] = [
  { name: 'FedAvg', strategy: { name: 'fedAvg' }, isRobust: false, minimum: 4 },
  { name: 'FedAdam', strategy: { name: 'fedAdam', ...adaptive }, isRobust: false, minimum: 4 },
  { name: 'SCAFFOLD', strategy: { name: 'scaffold', serverLearningRate: '1' }, isRobust: false, minimum: 4 },
  { name: 'FedNova', strategy: { name: 'fedNova' }, isRobust: false, minimum: 4 },
  { name: 'median', strategy: selecting({ kind: 'coordinateMedian' }), isRobust: true, minimum: 4 },
  { name: 'trimmed mean, 1', strategy: selecting({ kind: 'trimmedMean', trim: 1 }), isRobust: true, minimum: 4 },
  { name: 'Multi-Krum, 3 of 5', strategy: selecting({ kind: 'multiKrum', select: 3 }), isRobust: true, minimum: 5 },
];

function selecting(rule: Extract<Strategy, { name: 'selectingRule' }>['rule']): Strategy {
  return { name: 'selectingRule', rule };
}

export const rounds = 10;

export function planFor({ strategy, minimum }: Contender, seed: number): StudyPlan {
  const digest = '0'.repeat(64);
  return {
    kind: 'StudyPlan',
    version: 1,
    federation: digest,
    membership: digest,
    researcher: 'bench',
    title: 'Poisoning',
    purpose: { text: 'A benchmark in one process', ethics: 'public data' },
    createdAt: '2026-11-23T00:00:00.000Z',
    expires: '2027-11-23T00:00:00.000Z',
    predecessor: null,
    cohort: {
      population: 'site',
      source: 'table',
      minimumRows: 1,
      minimumEvents: 0,
      features: Array.from({ length: featureCount }, (_, i) => ({
        type: 'number',
        name: `x${i}`,
        unit: null,
        range: { min: '-100', max: '100' },
        missing: 'refuse',
      })),
      label: { type: 'binary', name: 'benign', positiveWhen: { operator: '>', value: '0' }, missing: 'refuse' },
      standardise: 'none',
      split: { method: 'none' },
    },
    model: { kind: 'logisticRegression', l2: '0.001' },
    initialWeights: { method: 'zeros' },
    training: {
      method: 'gradientDescent',
      optimizer: { name: 'sgd', learningRate: '0.1', momentum: '0' },
      batchSize: 16,
      steps: 10,
      seed,
      classWeights: { method: 'none' },
      earlyStopping: { method: 'none' },
    },
    strategy,
    rounds,
    weighting: 'equal',
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '100' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 65_536,
    },
    sites: {
      roster: siteNames.map((name) => ({ name, agent: digest })),
      minimum,
      maxShare: '1',
      deadlineSeconds: 60,
      onShortfall: 'stop',
      maxAttempts: 1,
    },
    privacy: { mode: 'noDifferentialPrivacy' },
    masking: { mode: 'unmasked' },
    statistics: [],
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    attestation: { platforms: ['sevSnp'], gpu: 'unused', release: 'none', maxEvidenceAgeSeconds: 3600 },
    release: { to: [], whenSitesAgree: 3, consent: { method: 'oneByOne' }, formats: ['safetensors'] },
  };
}
