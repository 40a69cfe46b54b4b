// Server strategies against their papers' equations, written out; equal sums give equal bits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '@wardround/learning/checkpoint';
import { serverStrategy, supportedStrategies } from '@wardround/learning/strategies/of-plan';
import type { RoundSums, ServerStrategy } from '@wardround/learning/strategies/server-strategy';
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import { otherStrategies } from '../plans.ts';
import { f32, f64, withCode } from '../tensors.ts';

const adaptive = { serverLearningRate: '0.1', beta1: '0.9', beta2: '0.99', tau: '0.001' };
const strategies: Readonly<Record<(typeof supportedStrategies)[number], Strategy>> = {
  fedAvg: { name: 'fedAvg' },
  fedProx: { name: 'fedProx', mu: '0.1' },
  fedAvgM: { name: 'fedAvgM', serverLearningRate: '0.5', momentum: '0.9' },
  fedAdam: { name: 'fedAdam', ...adaptive },
  fedYogi: { name: 'fedYogi', ...adaptive },
  fedAdagrad: { name: 'fedAdagrad', serverLearningRate: '0.1', tau: '0.001' },
};
const model = [f32('weight', [0.25, -1], [2, 1]), f32('bias', [0])];
const unit = 2 ** 24;

/** Two rounds whose mean updates are 0.5, −0.25, 0 and then −0.125, 0.25, 1. */
const means = [
  [0.5, -0.25, 0],
  [-0.125, 0.25, 1],
];
function runTwo(strategy: ServerStrategy): number[][] {
  let current = { model: model as RoundSums['model'], state: strategy.initialState(model) };
  return means.map((mean, i) => {
    const [a = 0, b = 0, c = 0] = mean.map((value) => value * 8 * unit);
    const sums = [BigInt64Array.of(BigInt(a), BigInt(b)), BigInt64Array.of(BigInt(c))];
    current = strategy.apply({ ...current, sums, totalWeight: 8, stepLog2: -24, round: i + 1 });
    return current.model.flatMap(({ data }) => Array.from(data, Number));
  });
}

/** The same in plain arithmetic, from the equations. */
function expectTwo(step: (memory: { m: number; v: number }, delta: number) => number): number[][] {
  const memory = [0, 1, 2].map(() => ({ m: 0, v: 0 }));
  const weights = [0.25, -1, 0];
  return means.map((mean) => {
    mean.forEach((delta, i) => {
      weights[i] = Math.fround((weights[i] ?? 0) + step(memory[i] ?? { m: 0, v: 0 }, delta));
    });
    return [...weights];
  });
}

describe('the equations', () => {
  const optimiser =
    (accumulate: (v: number, squared: number) => number, beta1 = 0.9) =>
    (memory: { m: number; v: number }, delta: number): number => {
      memory.m = beta1 * memory.m + (1 - beta1) * delta;
      memory.v = accumulate(memory.v, delta * delta);
      return (0.1 * memory.m) / (Math.sqrt(memory.v) + 0.001);
    };
  it.each<[keyof typeof strategies, (memory: { m: number; v: number }, delta: number) => number]>([
    ['fedAvg', (_, delta) => delta],
    ['fedProx', (_, delta) => delta],
    [
      'fedAvgM',
      (memory, delta) => {
        memory.m = 0.9 * memory.m + delta;
        return 0.5 * memory.m;
      },
    ],
    ['fedAdam', optimiser((v, squared) => 0.99 * v + (1 - 0.99) * squared)],
    ['fedYogi', optimiser((v, squared) => v - (1 - 0.99) * squared * Math.sign(v - squared))],
    ['fedAdagrad', optimiser((v, squared) => v + squared, 0)],
  ])('%s', (name, step) => {
    const reached = runTwo(serverStrategy(strategies[name]));
    expect(reached).toEqual(expectTwo(step));
    expect(reached[1]).not.toEqual(reached[0]);
  });
});

describe('every strategy', () => {
  it.each(supportedStrategies)(
    '%s leaves a float32 model and float64 state that the next process can take over',
    (name) => {
      const strategy = serverStrategy(strategies[name]);
      const sums = [BigInt64Array.of(3n, -5n), BigInt64Array.of(7n)];
      const first = strategy.apply({
        model,
        state: strategy.initialState(model),
        sums,
        totalWeight: 3,
        stepLog2: -24,
        round: 1,
      });
      expect(first.model.every(({ dtype }) => dtype === 'F32')).toBe(true);
      expect(first.state.every(({ dtype }) => dtype === 'F64')).toBe(true);
      const again = serverStrategy(strategies[name]).apply({
        model,
        state: strategy.initialState(model),
        sums,
        totalWeight: 3,
        stepLog2: -24,
        round: 1,
      });
      expect(encodeCheckpoint({ round: 1, ...again })).toEqual(encodeCheckpoint({ round: 1, ...first }));
      expect(strategy.apply({ ...first, sums, totalWeight: 3, stepLog2: -24, round: 2 }).state).toHaveLength(
        first.state.length,
      );
    },
  );

  it.each(supportedStrategies)('%s does not move for an update of zero', (name) => {
    const strategy = serverStrategy(strategies[name]);
    const sums = [new BigInt64Array(2), new BigInt64Array(1)];
    const { model: moved } = strategy.apply({
      model,
      state: strategy.initialState(model),
      sums,
      totalWeight: 1,
      stepLog2: -24,
      round: 1,
    });
    expect(moved).toEqual(model);
  });

  const sums = [BigInt64Array.of(1n, 2n), BigInt64Array.of(3n)];
  const wrong: readonly (readonly [string, Partial<RoundSums>, string])[] = [
    ['no weight', { totalWeight: 0 }, 'sums-mismatch'],
    ['a negative weight', { totalWeight: -1 }, 'sums-mismatch'],
    ['a fractional weight', { totalWeight: 0.5 }, 'sums-mismatch'],
    ['a tensor less', { sums: sums.slice(1) }, 'sums-mismatch'],
    ['an element less', { sums: [BigInt64Array.of(1n), BigInt64Array.of(3n)] }, 'sums-mismatch'],
    ['a step that is none', { stepLog2: 1 }, 'sums-mismatch'],
    ['a model in float64', { model: [f64('weight', [0, 0], [2, 1]), f64('bias', [0])] }, 'tensors-mismatch'],
    ['a model with NaN', { model: [f32('weight', [Number.NaN, 0], [2, 1]), f32('bias', [0])] }, 'tensors-not-finite'],
  ];
  it.each(wrong)('refuses %s', (_, overrides, code) => {
    const strategy = serverStrategy(strategies.fedAvg);
    expect(() =>
      strategy.apply({ model, state: [], sums, totalWeight: 1, stepLog2: -24, round: 1, ...overrides }),
    ).toThrow(withCode(code));
  });

  it('refuses another strategy’s state, or a tensor of it that is missing or not finite', () => {
    const adam = serverStrategy(strategies.fedAdam);
    const state = adam.initialState(model);
    const apply = (other: RoundSums['state']): unknown =>
      adam.apply({ model, state: other, sums, totalWeight: 1, stepLog2: -24, round: 1 });
    expect(() => apply([])).toThrow(withCode('tensors-mismatch'));
    expect(() => apply(state.slice(1))).toThrow(withCode('tensors-mismatch'));
    expect(() => apply(state.toReversed())).toThrow(withCode('tensors-mismatch'));
    expect(() => apply([f64('momentum.weight', [Number.NaN, 0], [2, 1]), ...state.slice(1)])).toThrow(
      withCode('tensors-not-finite'),
    );
    expect(() => apply(serverStrategy(strategies.fedAvgM).initialState(model))).toThrow(withCode('tensors-mismatch'));
  });

  it('refuses a model that would overflow', () => {
    const huge = [f32('w', [3e38])];
    const apply = (): unknown =>
      serverStrategy(strategies.fedAvg).apply({
        model: huge,
        state: [],
        sums: [BigInt64Array.of(2n ** 62n)],
        totalWeight: 1,
        stepLog2: 0,
        round: 1,
      });
    expect(apply).not.toThrow();
    const doubled = { ...strategies.fedAvgM, serverLearningRate: '1000000000000000000000' };
    const explode = (): unknown =>
      serverStrategy(doubled).apply({
        model: huge,
        state: serverStrategy(doubled).initialState(huge),
        sums: [BigInt64Array.of(2n ** 62n)],
        totalWeight: 1,
        stepLog2: 0,
        round: 1,
      });
    expect(explode).toThrow(withCode('update-not-finite'));
  });

  it.each(otherStrategies)('refuses $name by its name', (strategy) => {
    expect(() => serverStrategy(strategy)).toThrow(
      expect.objectContaining({ code: 'strategy-unsupported', got: strategy.name }),
    );
  });

  it('FedAvg of equal updates is that update, whatever the weights', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: -(2 ** 20), max: 2 ** 20 }),
        (weights, update) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const { model: moved } = serverStrategy(strategies.fedAvg).apply({
            model: [f32('w', [0])],
            state: [],
            sums: [BigInt64Array.of(BigInt(update) * BigInt(total))],
            totalWeight: total,
            stepLog2: -24,
            round: 1,
          });
          expect(moved[0]?.data[0]).toBe(update * 2 ** -24 + 0);
        },
      ),
    );
  });
});
