// The baseline hazard beside its definition, and what survives of it.
import { describe, expect, it } from 'vitest';
import { baselineHazard, survivalAt } from '@wardround/learning/cox/baseline-hazard';
import { survivors } from './invented.ts';

describe('baselineHazard', () => {
  it.each([3, 1e6])('adds, at each of up to %d times, events over the risk set (Breslow)', (times) => {
    const data = survivors(1, { rows: 40, columns: 1, times, events: 0.6 });
    const risks = Float64Array.from(data.features);
    const { times: steps, cumulative } = baselineHazard(data, 'breslow', risks);
    let expected = 0;
    steps.forEach((time, step) => {
      const atRisk = risks.reduce((sum, risk, i) => sum + ((data.labels[i] ?? 0) >= time ? Math.exp(risk) : 0), 0);
      expected += Array.from(data.events).filter((event, i) => event === 1 && data.labels[i] === time).length / atRisk;
      expect(cumulative[step]).toBeCloseTo(expected, 12);
    });
    expect([...steps]).toEqual(
      [...new Set(data.labels.filter((_, i) => data.events[i] === 1))].toSorted((a, b) => a - b),
    );
  });

  it('lets tied patients leave one after the other (Efron)', () => {
    const data = {
      rows: 3,
      features: new Float64Array(3),
      labels: Float64Array.of(1, 1, 2),
      events: Float64Array.of(1, 1, 0),
    };
    expect([...baselineHazard(data, 'efron', new Float64Array(3)).cumulative]).toEqual([1 / 3 + 1 / 2]);
    expect([...baselineHazard(data, 'breslow', new Float64Array(3)).cumulative]).toEqual([2 / 3]);
  });

  it('gives nobody a hazard where nobody had the event', () => {
    const data = survivors(2, { rows: 5, columns: 1, times: 3, events: 0 });
    const hazard = baselineHazard(data, 'efron', new Float64Array(5));
    expect([hazard.times.length, survivalAt(hazard, 100, 3)]).toEqual([0, 1]);
  });
});

describe('survivalAt', () => {
  const hazard = { times: Float64Array.of(10, 20), cumulative: Float64Array.of(0.1, 0.3) };
  it.each([
    [9.99, 0, 1],
    [10, 0, Math.exp(-0.1)],
    [19, 0, Math.exp(-0.1)],
    [20, 0, Math.exp(-0.3)],
    [1e9, Math.log(2), Math.exp(-0.6)],
  ])('at %d with a risk of %d', (time, risk, expected) => {
    expect(survivalAt(hazard, time, risk)).toBeCloseTo(expected, 15);
  });
});
