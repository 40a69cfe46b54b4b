// The reference tuples of tens of thousands of steps: minutes of grids of millions of points.
import { describe, expect, it } from 'vitest';
import { epsilonOf } from '@wardround/privacy/accounting/accountant';
import { spending } from './mechanisms.ts';
import { haveReferences, upstreamTuples } from './shared-references.ts';

describe.skipIf(!haveReferences)('upstream reference tuples of many steps', () => {
  const tuples = haveReferences
    ? upstreamTuples().filter(({ accountant, steps }) => accountant === 'PRV' && (steps ?? 0) > 2249)
    : [];

  it('are there', () => expect(tuples.length).toBeGreaterThan(15));

  it.each(tuples)('PRV: σ $noise_multiplier, q $sampling_rate, $steps steps', (tuple) => {
    const {
      noise_multiplier: noiseMultiplier = Number.NaN,
      sampling_rate: rate = Number.NaN,
      steps = 0,
      delta = 0,
    } = tuple;
    const got =
      epsilonOf({ ...spending({ noiseMultiplier, rate, steps }), accountant: 'pld', delta: delta * 0.999 }) + 0.01;
    // Above ε = 250 the grid is at its longest, and pays 1e-4 for it.
    expect(Math.abs(got - (tuple.epsilon ?? Number.NaN))).toBeLessThan(got > 250 ? 2e-4 : 5e-5);
  });
});
