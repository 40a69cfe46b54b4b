// What strategies change at a site: what it sends, what it keeps, and what it refuses to go on from.
import { describe, expect, it } from 'vitest';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { roundTask } from '@wardround/learning/rounds/round-task';
import { withPersonal } from '@wardround/learning/strategies/personal-layers';
import { localSteps, trainingStart, updateOf } from '@wardround/learning/strategies/site-part';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { cohortOf, sgd, sitesOf } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';
import { f32, f64, withCode } from '../tensors.ts';

const planFor = (strategy: StudyPlan['strategy'], overrides: Partial<StudyPlan> = {}): StudyPlan =>
  studyPlanOf({
    cohort: cohortOf(['a']),
    strategy,
    sites: sitesOf(4, 3),
    weighting: strategy.name === 'scaffold' ? 'equal' : 'patients',
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    ...overrides,
  });
const local = (weight: number, bias: number): readonly Tensor[] => [
  f32('weight', [weight], [1, 1]),
  f32('bias', [bias]),
];
const unit = 2 ** 24;

describe('SCAFFOLD’s site', () => {
  const plan = planFor({ name: 'scaffold', serverLearningRate: '1' });
  const { content: base } = initialCheckpoint(plan);
  const own = [f64('variate.weight', [0.5], [1, 1]), f64('variate.bias', [-1])];

  it('sends its update alone; the variate stays', () => {
    const { integers, kept } = updateOf({ plan, base, kept: own, local: local(0.5, 0.25), rows: 3 });
    expect(integers).toEqual([Int32Array.of(unit / 2), Int32Array.of(unit / 4)]);
    expect(roundTask(plan, 1).tensors.map(({ name }) => name)).toEqual(['weight', 'bias']);
    // cᵢ − c − Δy/(Kη), with c = 0 and Kη = 10 · 0.1.
    expect(kept).toEqual([f64('variate.weight', [0], [1, 1]), f64('variate.bias', [-1.25])]);
  });

  it('corrects its gradients by c − cᵢ', () => {
    const state = [f64('strategy.variate.weight', [2], [1, 1]), f64('strategy.variate.bias', [3])];
    expect(trainingStart({ plan, base: { ...base, state }, kept: own }, 3).correction).toEqual([
      Float64Array.of(1.5),
      Float64Array.of(4),
    ]);
  });

  it('keeps c the mean of all cᵢ where an update was clipped', () => {
    const { stepLog2 } = plan.encoding.update;
    const sites = [local(1000, 0), local(1, 1), local(0, -3), local(0.5, 0)].map((trained) =>
      updateOf({ plan, base, kept: [], local: trained, rows: 3 }),
    );
    expect(
      Math.abs(sites[0]?.integers[0]?.[0] === undefined ? 0 : Number(sites[0].integers[0][0])),
    ).toBeLessThanOrEqual(10 * 2 ** -stepLog2);
    const sums = [0, 1].map((t) =>
      BigInt64Array.of(sites.reduce((sum, { integers }) => sum + BigInt(integers[t]?.[0] ?? 0), 0n)),
    );
    const { state } = roundTask(plan, 1).next({ base, sums, totalWeight: 4, contributors: 4, each: [] });
    state.forEach(({ data }, t) => {
      const mean = sites.reduce((sum, { kept }) => sum + Number(kept[t]?.data[0]), 0) / 4;
      expect(Number(data[0])).toBeCloseTo(mean, 12);
    });
  });

  it.each<[string, readonly Tensor[], string]>([
    ['a variate less', own.slice(1), 'tensors-mismatch'],
    ['variates in another order', own.toReversed(), 'tensors-mismatch'],
    [
      'a variate of another shape',
      [f64('variate.weight', [1, 2], [2, 1]), f64('variate.bias', [0])],
      'tensors-mismatch',
    ],
    ['a variate in float32', [f32('variate.weight', [1], [1, 1]), f64('variate.bias', [0])], 'tensors-mismatch'],
    ['NaN', [f64('variate.weight', [Number.NaN], [1, 1]), f64('variate.bias', [0])], 'tensors-not-finite'],
    ['another strategy’s', [f32('personal.bias', [1])], 'tensors-mismatch'],
  ])('does not train from %s', (_, kept, code) => {
    expect(() => trainingStart({ plan, base, kept }, 3)).toThrow(withCode(code));
  });

  it('holds the enclave to equal weights', () => {
    const sums = [new BigInt64Array(1), new BigInt64Array(1)];
    const next = (): unknown => roundTask(plan, 1).next({ base, sums, totalWeight: 5, contributors: 4, each: [] });
    expect(next).toThrow(withCode('sums-mismatch'));
  });
});

describe('FedNova’s site', () => {
  const training = { ...sgd, batchSize: 4, steps: 8 };
  const plan = planFor({ name: 'fedNova' }, { training });
  const { content: base } = initialCheckpoint(plan);

  it.each([
    [1, 1],
    [4, 1],
    [5, 2],
    [32, 8],
    [33, 8],
    [1000, 8],
  ])('with %i rows makes %i steps', (rows, steps) => {
    expect(localSteps(plan, rows)).toBe(steps);
    expect(trainingStart({ plan, base, kept: [] }, rows).steps).toBe(steps);
  });

  it('sends its update as long as that of all steps, and its share of them', () => {
    const { integers, kept } = updateOf({ plan, base, kept: [], local: local(0.25, -0.5), rows: 16 });
    expect(integers).toEqual([Int32Array.of(unit / 2), Int32Array.of(-unit), Int32Array.of(2 ** 29)]);
    expect(kept).toEqual([]);
  });

  it('counts steps with momentum as often as their gradients last', () => {
    const optimizer = { name: 'sgd', learningRate: '0.1', momentum: '0.5' } as const;
    const withMomentum = { ...plan, training: { ...training, steps: 2, optimizer } };
    // ‖a‖₁ = 1 for one step and 1 + 1.5 for two.
    const [, , share] = updateOf({ plan: withMomentum, base, kept: [], local: local(0, 0), rows: 4 }).integers;
    expect(Number(share?.[0]) / 2 ** 30).toBeCloseTo(1 / 2.5, 9);
  });

  const sums = [BigInt64Array.of(1n), BigInt64Array.of(2n)];
  it.each([
    ['no share', [...sums, BigInt64Array.of(0n)]],
    ['a negative share', [...sums, BigInt64Array.of(-1n)]],
    ['more than all', [...sums, BigInt64Array.of(2n ** 31n + 1n)]],
    ['two shares', [...sums, BigInt64Array.of(1n, 1n)]],
    ['only the model', sums],
  ])('is not believed by the enclave: %s', (_, all) => {
    const next = (): unknown => roundTask(plan, 1).next({ base, sums: all, totalWeight: 2, contributors: 2, each: [] });
    expect(next).toThrow(withCode('sums-mismatch'));
  });
});

describe('a site with personal layers', () => {
  const plan = planFor({ name: 'fedBn', personal: ['bias'] });
  const { content: base } = initialCheckpoint(plan);

  it('never sends them, and the layout has no place for them', () => {
    const { integers, kept } = updateOf({ plan, base, kept: [], local: local(0.5, 77), rows: 3 });
    expect(integers).toEqual([Int32Array.of(unit / 2)]);
    expect(kept).toEqual([f32('personal.bias', [77])]);
    expect(roundTask(plan, 1).tensors.map(({ name }) => name)).toEqual(['weight']);
  });

  it('trains from its own, and is evaluated with its own', () => {
    const kept = [f32('personal.bias', [77])];
    expect(trainingStart({ plan, base, kept }, 3).model).toEqual(local(0, 77));
    expect(withPersonal(base.model, kept, plan)).toEqual(local(0, 77));
    expect(withPersonal(base.model, [], plan)).toEqual(base.model);
    expect(withPersonal(base.model, kept, planFor({ name: 'fedAvg' }))).toEqual(base.model);
  });

  it.each([
    ['another shape', f32('personal.bias', [1, 2]), 'tensors-mismatch'],
    ['float64', f64('personal.bias', [1]), 'tensors-mismatch'],
    ['infinity', f32('personal.bias', [Number.POSITIVE_INFINITY]), 'tensors-not-finite'],
  ])('refuses what it kept in %s', (_, tensor, code) => {
    expect(() => withPersonal(base.model, [tensor], plan)).toThrow(withCode(code));
  });
});
