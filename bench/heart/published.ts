// FLamby's Fed-Heart-Disease experiments: the hyper-parameters it ran, and the accuracies of its own result files.
// Source: du Terrail et al., "FLamby: Datasets and Benchmarks for Cross-Silo Federated Learning in Realistic Healthcare Settings", NeurIPS
// 2022; its repository: flamby/config_heart_disease.json and datasets/fed_heart_disease/common.py (hyper-parameters), and the result files
// (seeds 42–46; mean over the four sites of the accuracy at 0.5, ± sd over seeds).
import type { PlanSource } from '@wardround/protocol/plan/source';
import { adaptive } from '@wardround/learning/strategies/adaptive';
import type { ServerStrategy } from '@wardround/learning/strategies/server-strategy';

export interface PublishedRow {
  readonly name: string;
  /** What differs from `plan.yaml`. */
  readonly changes: Partial<Pick<PlanSource, 'training' | 'strategy' | 'rounds'>>;
  /** Where the rows are: at their sites, or pooled. */
  readonly place: 'sites' | 'onePlace';
  readonly accuracy: number;
  readonly sd: number;
  /** In the place of the strategy's own server half, to follow a published run that a plan cannot ask for. */
  readonly server?: ServerStrategy;
  /** What of ours is not exactly theirs, beyond chance. */
  readonly note?: string;
}

export const publishedSeeds = 5;
/** How far a mean of a hundred seeds may lie from theirs of five, whose own standard errors are up to .011. */
export const band = 0.03;

/** FLamby's defaults for its three adaptive strategies. */
const moments = { beta1: '0.9', beta2: '0.999', tau: '0.00000001' };
const fedAdagrad = { name: 'fedAdagrad', serverLearningRate: '0.316228', tau: moments.tau } as const;
const pooledEpochs = 50;
/** 486 patients in batches of 4. */
const stepsAnEpoch = 122;

function sgd(learningRate: string): PlanSource['training'] {
  return { optimizer: 'sgd', learningRate, batchSize: 4, steps: 100 };
}

export const publishedRows: readonly PublishedRow[] = [
  {
    name: 'pooled, Adam',
    // One round: an optimiser's memory does not outlive a round.
    changes: {
      rounds: 1,
      training: { optimizer: 'adam', learningRate: '0.001', batchSize: 4, steps: pooledEpochs * stepsAnEpoch },
    },
    place: 'onePlace',
    accuracy: 0.735,
    sd: 0.003,
  },
  {
    name: 'FedAvg',
    changes: { strategy: { name: 'fedAvg' }, training: sgd('0.001') },
    place: 'sites',
    accuracy: 0.685,
    sd: 0.025,
  },
  {
    name: 'FedProx',
    changes: { strategy: { name: 'fedProx', mu: '0.01' }, training: sgd('0.001') },
    place: 'sites',
    accuracy: 0.685,
    sd: 0.025,
  },
  {
    name: 'SCAFFOLD',
    changes: { strategy: { name: 'scaffold', serverLearningRate: '1' }, training: sgd('0.001') },
    place: 'sites',
    accuracy: 0.684,
    sd: 0.025,
    note: 'with ours all sites weigh alike, as in Karimireddy et al. 2020; FLamby’s weighs them by patients',
  },
  {
    name: 'FedAdam',
    changes: { strategy: { name: 'fedAdam', serverLearningRate: '0.01', ...moments }, training: sgd('0.01') },
    place: 'sites',
    accuracy: 0.726,
    sd: 0.012,
  },
  {
    name: 'FedYogi',
    changes: { strategy: { name: 'fedYogi', serverLearningRate: '0.01', ...moments }, training: sgd('0.003162') },
    place: 'sites',
    accuracy: 0.731,
    sd: 0.011,
  },
  {
    name: 'FedAdagrad',
    changes: { strategy: fedAdagrad, training: sgd('0.003162') },
    place: 'sites',
    accuracy: 0.731,
    sd: 0.011,
    note: 'ours has no momentum (β₁ = 0); FLamby’s keeps β₁ = 0.9, as the next row does',
  },
  {
    name: 'FedAdagrad, β₁ 0.9',
    changes: { strategy: fedAdagrad, training: sgd('0.003162') },
    place: 'sites',
    server: adaptive({
      learningRate: Number(fedAdagrad.serverLearningRate),
      beta1: 0.9,
      tau: Number(fedAdagrad.tau),
      accumulate: (v, squared) => v + squared,
    }),
    accuracy: 0.731,
    sd: 0.011,
  },
];
