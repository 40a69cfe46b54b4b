// `--sweep`: fields of a plan and their values, read as YAML reads them.
import { describe, expect, it } from 'vitest';
import { parseSweep, variantsOf } from '../../../cli/src/simulate/sweep.ts';

describe('a swept field', () => {
  it.each([
    ['strategy.mu=0,0.01', ['strategy', 'mu'], [0, 0.01]],
    [
      'model={ kind: mlp, hidden: [4, 2] }, { kind: logisticRegression }',
      ['model'],
      [{ kind: 'mlp', hidden: [4, 2] }, { kind: 'logisticRegression' }],
    ],
    ['title="a, b",c', ['title'], ['a, b', 'c']],
  ])('%s', (text, path, values) => {
    expect(parseSweep(text)).toEqual({ path, values });
  });

  it.each(['', '=1', 'a', 'a=', 'a..b=1', 'a={', 'a= '])('%s is refused', (text) => {
    expect(() => parseSweep(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('the variants', () => {
  const plan = { strategy: { name: 'fedProx', mu: 1 }, rounds: 3 };

  it('are every combination, the last field fastest, and leave the plan as it is', () => {
    const variants = variantsOf(plan, [parseSweep('strategy.mu=0,1'), parseSweep('training.batchSize=4,8')]);
    expect(variants.map(({ changes }) => changes)).toEqual([
      { 'strategy.mu': 0, 'training.batchSize': 4 },
      { 'strategy.mu': 0, 'training.batchSize': 8 },
      { 'strategy.mu': 1, 'training.batchSize': 4 },
      { 'strategy.mu': 1, 'training.batchSize': 8 },
    ]);
    expect(variants[1]?.value).toEqual({ strategy: { name: 'fedProx', mu: 0 }, rounds: 3, training: { batchSize: 8 } });
    expect(plan).toEqual({ strategy: { name: 'fedProx', mu: 1 }, rounds: 3 });
  });

  it('are the plan itself where nothing is swept', () => {
    expect(variantsOf(plan, [])).toEqual([{ changes: {}, value: plan }]);
  });

  it('do not go through what is no map', () => {
    expect(() => variantsOf(plan, [parseSweep('rounds.of=1')])).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('are bounded', () => {
    const many = parseSweep(`rounds=${Array.from({ length: 40 }, (_, i) => i + 1).join(',')}`);
    expect(() => variantsOf(plan, [many, { ...many, path: ['x'] }])).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });
});
