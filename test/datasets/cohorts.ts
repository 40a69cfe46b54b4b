// Cohort contracts for the datasets tests; each test overrides what it is about.
import type { Cohort, Feature } from '@wardround/protocol/documents/cohort';

type NumberFeature = Extract<Feature, { type: 'number' }>;
type CodeFeature = Extract<Feature, { type: 'code' }>;

export function numberFeature(name: string, overrides: Partial<NumberFeature> = {}): NumberFeature {
  return { type: 'number', name, unit: null, range: { min: '-10', max: '1000' }, missing: 'dropRow', ...overrides };
}

export function codeFeature(
  name: string,
  codes: CodeFeature['codes'],
  overrides: Partial<CodeFeature> = {},
): CodeFeature {
  return { type: 'code', name, codes, encode: 'oneHotDropFirst', missing: 'dropRow', ...overrides };
}

export const binaryLabel: Extract<Cohort['label'], { type: 'binary' }> = {
  type: 'binary',
  name: 'num',
  positiveWhen: { operator: '>', value: '0' },
  missing: 'dropRow',
};

export function cohortOf(overrides: Partial<Cohort> = {}): Cohort {
  return {
    population: 'site',
    source: 'table',
    minimumRows: 1,
    minimumEvents: 0,
    features: [numberFeature('age'), codeFeature('cp', [1, 2, 3])],
    label: binaryLabel,
    standardise: 'none',
    split: { method: 'none' },
    ...overrides,
  };
}

/** The contract of `plan-example.yaml`. */
export const heartCohort: Cohort = cohortOf({
  minimumRows: 30,
  features: [
    numberFeature('age', { range: { min: '18', max: '110' } }),
    numberFeature('sex', { range: { min: '0', max: '1' } }),
    numberFeature('trestbps', { range: { min: '0', max: '300' } }),
    numberFeature('chol', { range: { min: '0', max: '700' } }),
    numberFeature('fbs', { range: { min: '0', max: '1' } }),
    numberFeature('thalach', { range: { min: '40', max: '250' } }),
    numberFeature('exang', { range: { min: '0', max: '1' } }),
    numberFeature('oldpeak', { range: { min: '-5', max: '10' } }),
    codeFeature('cp', [1, 2, 3, 4]),
    codeFeature('restecg', [0, 1, 2]),
  ],
  standardise: 'perSite',
  split: { method: 'fraction', testFraction: '0.34', seed: 43 },
});
