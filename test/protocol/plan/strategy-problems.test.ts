// What a strategy asks of the rest of the plan, one wrong value at a time.
import { describe, expect, it } from 'vitest';
import type { Model } from '@wardround/protocol/documents/study-plan';
import { inputCount } from '@wardround/protocol/input-columns';
import { pathText } from '@wardround/protocol/plan/problems';
import {
  type StrategyParts,
  krumHostileSites,
  leastContributorsOf,
  strategyProblems,
} from '@wardround/protocol/plan/strategy-problems';
import { tensorNames } from '@wardround/protocol/plan/tensor-names';
import { modelShape } from '@wardround/learning/model-shape';
import { compilePlan } from '@wardround/protocol/plan/compile';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { cohortOf, mlpModel, sgd } from '../../learning/plans.ts';
import { exampleFederation, examplePlan, now } from './example.ts';

type Strategy = StrategyParts['strategy'];
const scaffold: Strategy = { name: 'scaffold', serverLearningRate: '1' };
const fedBn = (...personal: string[]): Strategy => ({ name: 'fedBn', personal });
const median: Strategy = { name: 'selectingRule', rule: { kind: 'coordinateMedian' } };
const trimmed = (trim: number): Strategy => ({ name: 'selectingRule', rule: { kind: 'trimmedMean', trim } });
const krum = (select: number): Strategy => ({ name: 'selectingRule', rule: { kind: 'multiKrum', select } });

const partsOf = (strategy: Strategy, overrides: Partial<StrategyParts> = {}): StrategyParts => ({
  model: mlpModel,
  strategy,
  training: sgd,
  weighting: strategy.name === 'scaffold' || strategy.name === 'selectingRule' ? 'equal' : 'patients',
  sites: { minimum: 5 },
  ...overrides,
});
const adam = {
  ...sgd,
  optimizer: { name: 'adam', learningRate: '0.1', beta1: '0.9', beta2: '0.999', epsilon: '0.1' },
} as const;
const momentum = { ...sgd, optimizer: { name: 'sgd', learningRate: '0.1', momentum: '0.9' } } as const;

describe('strategyProblems', () => {
  it.each([
    partsOf({ name: 'fedAvg' }, { training: adam }),
    partsOf(scaffold),
    partsOf({ name: 'fedNova' }, { training: momentum }),
    partsOf(fedBn('dense2.bias', 'dense0.weight')),
    partsOf(median, { sites: { minimum: 3 } }),
    partsOf(trimmed(1), { sites: { minimum: 3 } }),
    partsOf(krum(4)),
  ])('finds none in a good plan: $strategy', (parts) => {
    expect(strategyProblems(parts, 1)).toEqual([]);
  });

  it.each<[string, StrategyParts, string, string]>([
    ['SCAFFOLD by patients', partsOf(scaffold, { weighting: 'patients' }), 'weighting', 'strategy-weighting'],
    ['SCAFFOLD by coarse weights', partsOf(scaffold, { weighting: 'coarse' }), 'weighting', 'strategy-weighting'],
    ['SCAFFOLD with Adam', partsOf(scaffold, { training: adam }), 'training.optimizer', 'strategy-optimizer'],
    ['SCAFFOLD with momentum', partsOf(scaffold, { training: momentum }), 'training.momentum', 'strategy-optimizer'],
    ['FedNova with Adam', partsOf({ name: 'fedNova' }, { training: adam }), 'training.optimizer', 'strategy-optimizer'],
    ['a median by patients', partsOf(median, { weighting: 'patients' }), 'weighting', 'strategy-weighting'],
    ['a median of K < 2f + 1', partsOf(median, { sites: { minimum: 2 } }), 'sites.minimum', 'selecting-minimum'],
    ['K < 2·trim + 1', partsOf(trimmed(3), { sites: { minimum: 6 } }), 'sites.minimum', 'selecting-minimum'],
    ['Multi-Krum of K < 2f + 3', partsOf(krum(1), { sites: { minimum: 4 } }), 'sites.minimum', 'selecting-minimum'],
    ['all selected', partsOf(krum(5)), 'strategy.rule.select', 'selecting-select'],
    ['a personal tensor twice', partsOf(fedBn('dense0.bias', 'dense0.bias')), 'strategy.personal[1]', 'personal-twice'],
    ['a personal tensor that is none', partsOf(fedBn('dense0.bias', 'x')), 'strategy.personal[1]', 'personal-unknown'],
    ['nothing shared', partsOf(fedBn(...tensorNames(mlpModel))), 'strategy.personal', 'personal-all'],
  ])('names %s', (_, parts, path, code) => {
    expect(strategyProblems(parts, 1).map((problem) => [pathText(problem.path), problem.code])).toEqual([[path, code]]);
  });

  it('asks a trimmed mean to cut off as many as the federation reckons with', () => {
    const parts = partsOf(trimmed(1));
    expect(strategyProblems(parts, 2).map(({ code }) => code)).toEqual(['selecting-trim']);
    expect(strategyProblems(parts, 3).map(({ code }) => code)).toEqual(['selecting-minimum', 'selecting-trim']);
  });

  it('suggests the tensor that was probably meant', () => {
    expect(strategyProblems(partsOf(fedBn('dense2.bais')), 0)).toMatchObject([
      { expected: expect.stringMatching(/^dense2\.bias\?/), got: 'dense2.bais' },
    ]);
  });

  it('knows no personal layers in models without layers', () => {
    const model: Model = { kind: 'gradientBoostedTrees', trees: 1, depth: 1, bins: 2, learningRate: '1', l2: '0' };
    expect(strategyProblems(partsOf(fedBn('weight'), { model }), 0).map(({ code }) => code)).toEqual([
      'personal-unknown',
    ]);
  });
});

describe('a plan that leaves the weighting out', () => {
  const federation = exampleFederation(0);
  it.each([
    ['fedAvg', { name: 'fedAvg' }, 'patients'],
    ['fedNova', { name: 'fedNova' }, 'patients'],
    ['scaffold', { name: 'scaffold' }, 'equal'],
    ['a selecting rule', { name: 'selectingRule', rule: { kind: 'coordinateMedian' } }, 'equal'],
  ])('with %s weighs as the strategy does', (_, strategy, weighting) => {
    const source = parsePlanSource({ ...examplePlan(), strategy });
    expect(compilePlan({ source, federation, researcher: 'dr.lind', now }).weighting).toBe(weighting);
  });
});

describe('K', () => {
  it.each([
    [{ name: 'fedAvg' } as const, [2, 3, 4]],
    [median, [2, 3, 5]],
    [trimmed(1), [3, 3, 5]],
    [trimmed(2), [5, 5, 5]],
    [krum(1), [3, 5, 7]],
  ])('of %o with f = 0, 1, 2 is %o', (strategy, expected) => {
    expect([0, 1, 2].map((f) => leastContributorsOf(strategy, f))).toEqual(expected);
  });

  it('says how many hostile sites Multi-Krum reckons with: never fewer than the federation’s', () => {
    expect([3, 4, 5, 6, 7, 20].map(krumHostileSites)).toEqual([0, 0, 1, 1, 2, 8]);
    for (let f = 0; f < 50; f += 1) expect(krumHostileSites(leastContributorsOf(krum(1), f))).toBe(f);
  });
});

describe('tensorNames', () => {
  const cohort = cohortOf(Array.from({ length: 64 }, (_, i) => `p${i}`));
  const cnn: Model = {
    kind: 'cnn',
    image: { height: 8, width: 8, channels: 1 },
    filters: [2, 3],
    kernel: 3,
    hidden: [4],
    activation: 'relu',
    l2: '0',
  };
  it.each<Model>([{ kind: 'logisticRegression', l2: '0' }, mlpModel, cnn])(
    'are those of the trained $kind',
    (model) => {
      expect(inputCount(cohort)).toBe(64);
      expect(tensorNames(model)).toEqual(modelShape({ cohort, model }).map(({ name }) => name));
    },
  );
});
