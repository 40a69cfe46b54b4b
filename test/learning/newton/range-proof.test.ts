// The proof of the ranges: it holds for the worst patients that a plan admits, and a plan that cannot be proved is refused before it starts.
import { describe, expect, it } from 'vitest';
import { localSums } from '@wardround/learning/newton/local-sums';
import { type NewtonSums, encodeSums, newtonLayout } from '@wardround/learning/newton/layout';
import { newtonProblem } from '@wardround/learning/newton/newton-plan';
import { provedRange } from '@wardround/learning/newton/range-proof';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { type PlanParts, newtonPlan } from './newton-rounds.ts';

const models = {
  logistic: { kind: 'logisticRegression', l2: '0' },
  linear: { kind: 'linearRegression', l2: '0' },
  cox: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' },
} as const satisfies Record<string, PlanParts['model']>;
const names = ['logistic', 'linear', 'cox'] as const;
const rangeOf = (parts: PlanParts): ReturnType<typeof provedRange> => {
  const plan = newtonPlan(parts);
  return provedRange(plan, newtonProblem(plan));
};

describe.each(names)('the proof for %s', (name) => {
  it.each([
    ['perSite', 2, -24],
    ['perSite', 1000, -16],
    ['federated', 5, -10],
    ['none', 4, -10],
    ['none', 4, 0],
  ] as const)(
    '%s, %i sites, 2^%i: all sites together stay below 2⁶³, no step is coarser than the plan’s',
    (standardise, sites, stepLog2) => {
      const { gradient, hessian, loss, mostRows } = rangeOf({ model: models[name], standardise, sites, stepLog2 });
      for (const { most } of [gradient, hessian, loss]) expect(BigInt(sites) * most).toBeLessThan(2n ** 63n);
      for (const range of [gradient, hessian]) expect(range.stepLog2).toBeLessThanOrEqual(stepLog2);
      expect(mostRows).toBeGreaterThanOrEqual(2 ** 14);
      expect(mostRows).toBeLessThanOrEqual(2 ** 24);
    },
  );

  it('refuses a step that is too fine, and names one that is not', () => {
    const parts = { model: models[name], standardise: 'none', sites: 10 } as const;
    let refusal: unknown;
    try {
      rangeOf({ ...parts, stepLog2: -60 });
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ code: 'newton-range', where: 'encoding.sums.stepLog2', got: '2^-60' });
    const named = /2\^(-\d+) or coarser/.exec(String(refusal))?.[1];
    expect(rangeOf({ ...parts, stepLog2: Number(named) }).mostRows).toBeGreaterThanOrEqual(2 ** 14);
    expect(() => rangeOf({ ...parts, stepLog2: Number(named) - 1 })).toThrow(
      expect.objectContaining({ code: 'newton-range' }),
    );
  });

  it('refuses what is for pictures', () => {
    expect(() => rangeOf({ model: models[name], standardise: 'perImage' })).toThrow(
      expect.objectContaining({ code: 'standardise-unsupported' }),
    );
  });

  it.each([['9'.repeat(40)], ['9'.repeat(60)]])('refuses ranges that no step fits: ±%s', (max) => {
    expect(() =>
      rangeOf({ model: models[name], range: { min: `-${max}`, max }, standardise: 'none', stepLog2: 0 }),
    ).toThrow(expect.objectContaining({ code: 'newton-range' }));
  });
});

/** Patients at the ends of the plan's range, the labels as wrong as they can be. */
function worstRows(name: (typeof names)[number], rows: number, at: number): Rows {
  const sign = (row: number): number => (row < rows / 2 ? 1 : -1);
  return {
    rows,
    features: Float64Array.from({ length: 2 * rows }, (_, i) => at * sign(Math.floor(i / 2))),
    labels: Float64Array.from({ length: rows }, (_, row) =>
      name === 'linear' ? -at * sign(row) : name === 'logistic' ? (1 - sign(row)) / 2 : rows - row,
    ),
    ...(name === 'cox' ? { events: new Float64Array(rows).fill(1) } : {}),
  };
}

describe.each(names)('the worst patients for %s', (name) => {
  const rows = 64;
  const problemAndPlan = (): { plan: ReturnType<typeof newtonPlan>; problem: ReturnType<typeof newtonProblem> } => {
    const plan = newtonPlan({ model: models[name], stepLog2: -20 });
    return { plan, problem: newtonProblem(plan) };
  };

  it.each([0, 0.02, -0.02, 1, -1])('stay within the proof at coefficients of %d', (coefficient) => {
    const { plan, problem } = problemAndPlan();
    const layout = newtonLayout(plan, problem);
    const scale = name === 'linear' ? coefficient / 4 : coefficient;
    const coefficients = new Float64Array(problem.parameters).fill(scale);
    const sums = localSums(problem, worstRows(name, rows, 100), coefficients);
    const share = rows / layout.range.mostRows;
    const largest = (values: Float64Array): number => Math.max(...values.map(Math.abs));
    const inReal = ({ most, stepLog2 }: { most: bigint; stepLog2: number }): number => Number(most) * 2 ** stepLog2;
    expect(largest(sums.gradient)).toBeLessThanOrEqual(share * inReal(layout.range.gradient));
    expect(largest(sums.hessian)).toBeLessThanOrEqual(share * inReal(layout.range.hessian));
    expect(encodeSums(sums, layout)).toHaveLength(4);
  });
});

describe('encodeSums', () => {
  const plan = newtonPlan({ model: models.logistic, standardise: 'perSite' });
  const layout = newtonLayout(plan, newtonProblem(plan));
  const sums: NewtonSums = {
    gradient: new Float64Array(3),
    hessian: new Float64Array(6),
    loss: 1,
    rows: 10,
    events: 5,
  };

  it.each([
    ['a gradient beyond its bound', { gradient: Float64Array.of(0, 0, 2 ** 24 * 1.01) }, 'newton-range'],
    ['a gradient below it', { gradient: Float64Array.of(0, 0, -(2 ** 24) * 1.01) }, 'newton-range'],
    ['a Hessian beyond its bound', { hessian: Float64Array.of(0, 0, 0, 0, 0, 2 ** 22 * 1.01) }, 'newton-range'],
    ['a value beyond 64 bits', { gradient: Float64Array.of(0, 0, 1e300) }, 'newton-range'],
    ['too many rows', { rows: 2 ** 24 + 1 }, 'newton-range'],
    ['NaN', { gradient: Float64Array.of(0, Number.NaN, 0) }, 'fixed-not-finite'],
    ['an infinite Hessian', { hessian: Float64Array.of(0, 0, 0, 0, 0, Number.POSITIVE_INFINITY) }, 'fixed-not-finite'],
    ['a loss that is not a number', { loss: Number.NaN }, 'fixed-not-finite'],
  ])('refuses %s', (_, change, code) => {
    expect(() => encodeSums({ ...sums, ...change }, layout)).toThrow(expect.objectContaining({ code }));
  });

  it('cuts a loss off at its bound, which the limit still takes', () => {
    const [, , loss] = encodeSums({ ...sums, loss: 1e300 }, layout);
    expect(loss?.[0]).toBeLessThanOrEqual(layout.range.loss.most);
    expect(Number(loss?.[0])).toBeGreaterThan(0.99 * Number(layout.range.loss.most));
  });

  it('is exact to half a step', () => {
    const [gradient] = encodeSums({ ...sums, gradient: Float64Array.of(Math.PI, -Math.PI, 0) }, layout);
    const step = 2 ** layout.range.gradient.stepLog2;
    expect(Math.abs(Number(gradient?.[0]) * step - Math.PI)).toBeLessThanOrEqual(step / 2);
    expect(gradient?.[1]).toBe(-(gradient?.[0] ?? 0n));
  });
});
