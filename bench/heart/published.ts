// FLamby's Fed-Heart-Disease experiments: the hyper-parameters it ran, and the accuracies of its own result files.
// Source: du Terrail et al., "FLamby: Datasets and Benchmarks for Cross-Silo Federated Learning in Realistic Healthcare Settings", NeurIPS
// 2022, and the result files of its repository (seeds 42–46; mean over the four sites of the accuracy at 0.5, ± sd over seeds).
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import { adaptive } from '@wardround/learning/strategies/adaptive';
import type { ServerStrategy } from '@wardround/learning/strategies/server-strategy';

export interface PublishedRow {
  readonly name: string;
  readonly strategy: Strategy;
  /** Of the sites' SGD. */
  readonly learningRate: string;
  readonly accuracy: number;
  readonly sd: number;
  /** In the place of the strategy's own server half, to follow a published run that a plan cannot ask for. */
  readonly server?: ServerStrategy;
  /** What of ours is not exactly theirs, beyond chance. */
  readonly note?: string;
}

export const publishedSeeds = 5;
export const rounds = 15;
export const steps = 100;
export const batchSize = 4;

/** FLamby's defaults for its three adaptive strategies. */
const moments = { beta1: '0.9', beta2: '0.999', tau: '0.00000001' };

const fedAdagrad = { name: 'fedAdagrad', serverLearningRate: '0.316228', tau: moments.tau } as const;

export const publishedRows: readonly PublishedRow[] = [
  { name: 'FedAvg', strategy: { name: 'fedAvg' }, learningRate: '0.001', accuracy: 0.685, sd: 0.025 },
  { name: 'FedProx', strategy: { name: 'fedProx', mu: '0.01' }, learningRate: '0.001', accuracy: 0.685, sd: 0.025 },
  {
    name: 'FedAdam',
    strategy: { name: 'fedAdam', serverLearningRate: '0.01', ...moments },
    learningRate: '0.01',
    accuracy: 0.726,
    sd: 0.012,
  },
  {
    name: 'FedYogi',
    strategy: { name: 'fedYogi', serverLearningRate: '0.01', ...moments },
    learningRate: '0.003162',
    accuracy: 0.731,
    sd: 0.011,
  },
  {
    name: 'FedAdagrad',
    strategy: fedAdagrad,
    learningRate: '0.003162',
    accuracy: 0.731,
    sd: 0.011,
    note: 'ours has no momentum, as in Reddi et al. 2021; FLamby’s keeps β₁ = 0.9, as the next row does',
  },
  {
    name: 'FedAdagrad, β₁ 0.9',
    strategy: fedAdagrad,
    server: adaptive({
      learningRate: Number(fedAdagrad.serverLearningRate),
      beta1: 0.9,
      tau: Number(fedAdagrad.tau),
      accumulate: (v, squared) => v + squared,
    }),
    learningRate: '0.003162',
    accuracy: 0.731,
    sd: 0.011,
  },
];
