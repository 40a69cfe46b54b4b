// Jobs for the tests of DP-SGD: chance that a test chooses, and the gradients of single rows by the training that has no privacy.
import type { StepChance } from '@wardround/learning/dp/step-chance';
import type { GradientGrid } from '@wardround/learning/dp/clipped-sum';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { trainLocally, type TrainingJob } from '@wardround/learning/tfjs/train';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { labels } from '@wardround/protocol/labels';
import { initialModel } from '@wardround/learning/initial-model';
import { differences } from '@wardround/learning/update';
import { cohortOf, type LearningPlan, planOf, sgd } from '../plans.ts';
import { cnnModel, cnnPlan, imageCohort, squares } from '../images.ts';

/** Rows as listed, step by step, and no noise. */
export function chanceOf(...steps: readonly (readonly number[])[]): StepChance {
  let step = 0;
  return {
    sampledRows: () => Uint32Array.from(steps[step++] ?? []),
    noised: (sums) => sums,
  };
}

/** So wide a clip norm that nothing is clipped, and so fine a step that nothing is lost. */
export const wideGrid: GradientGrid = { stepLog2: -16, clipNormSteps: 2 ** 25 };

export interface Case {
  readonly name: string;
  readonly plan: LearningPlan;
  readonly data: TrainingJob['data'];
}

const features = ['a', 'b', 'c', 'd', 'e'];

function table(rows: number, label: (random: SeededRandom) => number): TrainingJob['data'] {
  const random = new SeededRandom(labels.batchOrder, ['private', rows]);
  return {
    rows,
    features: Float64Array.from({ length: rows * features.length }, () => 4 * random.fraction() - 2),
    labels: Float64Array.from({ length: rows }, () => label(random)),
  };
}

const binary = (random: SeededRandom): number => random.below(2);
const real = (random: SeededRandom): number => 6 * random.fraction() - 3;
const seeded = { initialWeights: { method: 'seeded' as const, seed: 3 }, cohort: cohortOf(features) };
const number = { ...seeded, cohort: cohortOf(features, 'number') };
const weighted = { ...sgd, classWeights: { method: 'fixed' as const, negative: '0.5', positive: '3' } };
const pictures = { height: 9, width: 8, channels: 2 };

/** Every model that DP-SGD trains. */
export const cases: readonly Case[] = [
  { name: 'logistic regression', plan: planOf(seeded), data: table(12, binary) },
  {
    name: 'logistic regression with class weights',
    plan: planOf({ ...seeded, training: weighted }),
    data: table(12, binary),
  },
  {
    name: 'linear regression',
    plan: planOf({ ...number, model: { kind: 'linearRegression', l2: '0' } }),
    data: table(12, real),
  },
  {
    name: 'a multilayer network, tanh',
    plan: planOf({ ...seeded, model: { kind: 'mlp', hidden: [7, 4], activation: 'tanh', l2: '0' } }),
    data: table(12, binary),
  },
  {
    name: 'a multilayer network, relu, of numbers',
    plan: planOf({ ...number, model: { kind: 'mlp', hidden: [8], activation: 'relu', l2: '0' } }),
    data: table(12, real),
  },
  {
    name: 'a network with sigmoids',
    plan: planOf({ ...seeded, model: { kind: 'mlp', hidden: [3], activation: 'sigmoid', l2: '0' } }),
    data: table(12, binary),
  },
  { name: 'a small CNN', plan: cnnPlan(), data: squares(cnnModel, 8) },
  {
    name: 'a CNN of two convolutions, odd edges, an even kernel and a hidden layer',
    plan: cnnPlan({ image: pictures, filters: [3, 4], kernel: 4, hidden: [5], activation: 'tanh' }),
    data: squares({ image: pictures }, 8),
  },
  {
    name: 'a CNN on pictures by their own mean and deviation',
    plan: cnnPlan({}, { cohort: { ...imageCohort(cnnModel), standardise: 'perImage' } }),
    data: squares(cnnModel, 8),
  },
  {
    name: 'a CNN with a kernel of 1',
    plan: cnnPlan({ filters: [2], kernel: 1, activation: 'sigmoid' }),
    data: squares(cnnModel, 8),
  },
];

/** Each row's own gradient, by one plain step of rate 1 on that row alone: an array for each tensor. */
export async function gradientsOneByOne(
  backend: Backend,
  { plan, data }: Case,
): Promise<readonly (readonly Float64Array[])[]> {
  const model = initialModel(plan);
  const optimizer = { name: 'sgd' as const, learningRate: '1', momentum: '0' };
  const training = { ...sgd, ...plan.training, optimizer, steps: 1, batchSize: 1 };
  const gradients: (readonly Float64Array[])[] = [];
  for (let row = 0; row < data.rows; row += 1) {
    const batches = [Uint32Array.of(row)];
    const local = await trainLocally({
      backend,
      plan: { ...plan, training },
      model,
      data,
      site: 'va',
      round: 1,
      batches,
    });
    gradients.push(differences({ base: model, local: local.model }).map((delta) => delta.map((value) => -value)));
  }
  return gradients;
}
