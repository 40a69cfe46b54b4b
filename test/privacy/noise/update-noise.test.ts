// How much noise: the sensitivity found by trying, the deviations against the formula, what honest sites give together, and what is refused.
import { describe, expect, it } from 'vitest';
import { noised32 } from '@wardround/privacy/noise/add-noise';
import { RandomWords } from '@wardround/privacy/noise/random-words';
import { centralUpdateNoise, normWithNoise, siteUpdateNoise } from '@wardround/privacy/noise/update-noise';
import { sumOfSquares } from '@wardround/protocol/fixed-point';
import { centralPrivacy, dpSgdPrivacy, noisePlan, type Private } from './plans.ts';
import { seededBytes } from './seeded-bytes.ts';

const bound = 2 ** 23;
const sitePrivacy: Private = { ...centralPrivacy, mode: 'site', trusts: 'honestSites' };
const code = (name: string, where?: string): unknown =>
  expect.objectContaining(where === undefined ? { code: name } : { code: name, where });

describe('central noise', () => {
  it('is the multiplier times the heaviest clipped contribution, rounded up, and is what the record says', () => {
    const noise = centralUpdateNoise(noisePlan(centralPrivacy), [3, 70, 12]);
    // 1.1 · 2²³ · 70 = 645922816 exactly
    expect(noise).toMatchObject({ sigmaSteps: 645922816n, clipNormSteps: bound, heaviestSteps: 70 * bound });
    expect(Number(noise.sigmaSteps) / noise.heaviestSteps).toBeCloseTo(1.1, 12);
    expect(noise.record).toEqual({
      mode: 'central',
      mechanism: 'discreteGaussian',
      standardDeviationSteps: '645922816',
    });
    const odd = {
      ...centralPrivacy,
      noise: [{ mechanism: 'update' as const, noiseMultiplier: '1.0000001', samplingRate: '1' }],
    };
    // 8388608.8388608
    expect(centralUpdateNoise(noisePlan(odd), [1, 1]).sigmaSteps).toBe(8388609n);
  });

  it.each([
    ['site', 'addOrRemoveOne', 'addOrRemoveOne'],
    ['site', 'replaceOne', 'replaceOne'],
    ['patient', 'addOrRemoveOne', 'replaceOne'],
    ['patient', 'replaceOne', 'replaceOne'],
  ] as const)('for a %s under %s is accounted as %s', (unit, adjacency, accountedAs) => {
    expect(centralUpdateNoise(noisePlan({ ...centralPrivacy, unit, adjacency }), [1]).accountedAs).toBe(accountedAs);
  });

  it('covers the largest move that the worst update of the heaviest site can make', () => {
    const weights = [3, 70, 12];
    const { clipNormSteps } = centralUpdateNoise(noisePlan(centralPrivacy), weights);
    // Opposite updates at the bound, in one coordinate: exactly at 2 · max w · B; no weight, update or direction goes further.
    const moves = weights.map((weight) => weight * Math.abs(clipNormSteps - -clipNormSteps));
    expect(Math.max(...moves)).toBe(2 * 70 * clipNormSteps);
  });

  it.each<readonly [string, Parameters<typeof noisePlan>, string]>([
    ['no privacy', [{ mode: 'noDifferentialPrivacy' }], 'privacy.mode'],
    ['another mode', [dpSgdPrivacy], 'privacy.mode'],
    ['a claim that trusts sites only', [{ ...centralPrivacy, trusts: 'honestSites' }], 'privacy.trusts'],
    ['a claim that trusts nobody', [{ ...centralPrivacy, trusts: 'ownSite' }], 'privacy.trusts'],
    [
      'no noise on updates',
      [{ ...centralPrivacy, noise: [{ mechanism: 'statistics', noiseMultiplier: '1', samplingRate: '1' }] }],
      'privacy.noise',
    ],
    [
      'noise twice',
      [{ ...centralPrivacy, noise: [...centralPrivacy.noise, ...centralPrivacy.noise] }],
      'privacy.noise',
    ],
    [
      'sites that nobody samples',
      [{ ...centralPrivacy, noise: [{ mechanism: 'update', noiseMultiplier: '1', samplingRate: '0.5' }] }],
      'privacy.noise',
    ],
    [
      'a rule that selects',
      [centralPrivacy, { strategy: { name: 'selectingRule', rule: { kind: 'coordinateMedian' } } }],
      'strategy.name',
    ],
    ['integers beside the norm', [centralPrivacy, { strategy: { name: 'fedNova' } }], 'strategy.name'],
    ['Newton’s sums', [centralPrivacy, { strategy: { name: 'newton' } }], 'strategy.name'],
    ['a bound that is not measured', [{ ...centralPrivacy, clipNorm: '0.25' }], 'encoding.update.normBound'],
  ])('refuses %s', (_, plan, where) => {
    expect(() => centralUpdateNoise(noisePlan(...plan), [1, 1])).toThrow(code('noise-plan', where));
  });

  it.each([[[]], [[0, 1]], [[1.5]], [[-1, 2]]])('refuses weights %j', (weights) => {
    expect(() => centralUpdateNoise(noisePlan(centralPrivacy), weights)).toThrow(code('noise-weights'));
  });

  it('refuses noise that is wider than can be drawn', () => {
    expect(() => centralUpdateNoise(noisePlan(centralPrivacy), [2 ** 30])).toThrow(code('noise-sigma'));
  });
});

describe('noise at the sites', () => {
  const plan = noisePlan(sitePrivacy);

  it('of equal sites is the central one over the root of the honest', () => {
    const { sigmaSteps, record } = siteUpdateNoise(plan, { weights: { own: 1, largest: 1 }, colluders: 1 });
    expect(Number(sigmaSteps)).toBe(Math.ceil((1.1 * bound) / Math.sqrt(3)));
    expect(record).toMatchObject({ mode: 'site', standardDeviationSteps: `${sigmaSteps}`, honestSites: 3 });
  });

  it('of K − f honest sites of any weights is together what the enclave would add, and never less', () => {
    const weights = [7, 19, 70, 1, 33];
    const central = centralUpdateNoise(noisePlan(centralPrivacy), weights).sigmaSteps;
    const inSum = weights.map((own) => {
      const { sigmaSteps } = siteUpdateNoise(plan, { weights: { own, largest: 70 }, colluders: 2 });
      return BigInt(own) * sigmaSteps;
    });
    for (const [i, a] of inSum.entries()) {
      for (const [j, b] of inSum.entries()) if (i !== j) expect(a * a + b * b >= central * central).toBe(true);
      expect(Number(a)).toBeLessThan(Number(central) / Math.sqrt(2) + 71);
    }
  });

  it('reckons with fewer honest sites when more may collude', () => {
    const of = (colluders: number): bigint =>
      siteUpdateNoise(plan, { weights: { own: 1, largest: 1 }, colluders }).sigmaSteps;
    expect([0, 1, 2, 3].map((f) => of(f)).every((sigma, i, all) => i === 0 || sigma > (all[i - 1] ?? 0n))).toBe(true);
    expect(Number(of(3))).toBe(Math.ceil(1.1 * bound));
  });

  it.each([4, 5, -1, 0.5])('refuses a federation in which %s of 4 may collude', (colluders) => {
    expect(() => siteUpdateNoise(plan, { weights: { own: 1, largest: 1 }, colluders })).toThrow(code('noise-honest'));
  });

  it('refuses weights whose grids are coarse beside the noise', () => {
    const at = (largest: number) => () => siteUpdateNoise(plan, { weights: { own: largest, largest }, colluders: 1 });
    // 12 · w² ≤ 1.1 · 2²³ · w / √3 up to w = 443956
    expect(at(443_956)).not.toThrow();
    expect(at(443_957)).toThrow(code('noise-grid'));
  });

  it('accepts a claim that trusts more than it must, and no other', () => {
    const trusting = (trusts: Private['trusts']) => () =>
      siteUpdateNoise(noisePlan({ ...sitePrivacy, trusts }), { weights: { own: 1, largest: 1 }, colluders: 1 });
    expect(trusting('enclave')).not.toThrow();
    expect(trusting('ownSite')).toThrow(code('noise-plan', 'privacy.trusts'));
  });

  it('stays within the norm that a plan has to allow it', () => {
    const noise = siteUpdateNoise(plan, { weights: { own: 1, largest: 1 }, colluders: 1 });
    const words = new RandomWords(seededBytes('norm'));
    for (const values of [1, 10, 1000]) {
      const most = normWithNoise(noise, values);
      const norms = Array.from({ length: 50 }, () => {
        const update = new Int32Array(values);
        update[0] = noise.clipNormSteps;
        return Math.sqrt(Number(sumOfSquares(noised32(update, { gaussian: noise.gaussian, words }))));
      });
      expect(Math.max(...norms)).toBeLessThan(most);
      expect(Math.max(...norms)).toBeGreaterThan(most / 12);
    }
  });
});
