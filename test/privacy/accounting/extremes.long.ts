// The corners of what is accepted: a number on the safe side, or a code, never NaN.
import { describe, expect, it } from 'vitest';
import { hasCode } from '@wardround/protocol/errors';
import { epsilonOf } from '@wardround/privacy/accounting/accountant';
import { type GaussianSteps, spending } from './mechanisms.ts';

describe('extremes', () => {
  const corners: readonly GaussianSteps[] = [0.01, 0.1, 1e9].flatMap((noiseMultiplier) =>
    [1e-9, 0.5, 1].flatMap((rate) => [1, 100_000_000].map((steps) => ({ noiseMultiplier, rate, steps }))),
  );

  it.each(corners)('a number or a code, never NaN: %o', (steps) => {
    for (const accountant of ['pld', 'rdp'] as const) {
      for (const at of [1e-30, 0.5]) {
        const found = attempt(() => epsilonOf({ ...spending(steps), delta: at, accountant }));
        if (typeof found === 'number') expect(found).toBeGreaterThanOrEqual(0);
        else expect(['privacy-no-bound', 'privacy-too-fine']).toContain(found);
      }
    }
  });

  function attempt(work: () => number): number | string {
    try {
      return work();
    } catch (error) {
      for (const code of ['privacy-no-bound', 'privacy-too-fine']) if (hasCode(error, code)) return code;
      throw error;
    }
  }
});
