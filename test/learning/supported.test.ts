// What this version cannot do is said before a plan is signed; and what the enclave needs is free of tfjs.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireSupportedLearning } from '@wardround/learning/supported';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { cnnModel, imageCohort } from './images.ts';
import { cohortOf, planOf, sgd, unsupportedModels } from './plans.ts';
import { studyPlanOf } from './study-plan.ts';
import { withCode } from './tensors.ts';

const { evaluation, encoding } = planOf();
const wrong: readonly (readonly [string, Partial<StudyPlan>, string])[] = [
  ...unsupportedModels.map((model) => [model.kind, { model }, 'model-unsupported'] as const),
  ['Newton’s method as a strategy', { strategy: { name: 'newton' } }, 'strategy-unsupported'],
  ['SCAFFOLD weighted by patients', { strategy: { name: 'scaffold', serverLearningRate: '1' } }, 'strategy-weighting'],
  ['a personal tensor that is none', { strategy: { name: 'fedBn', personal: ['x'] } }, 'personal-unknown'],
  ['a label that does not fit', { cohort: cohortOf(['a'], 'number') }, 'model-label'],
  [
    'imported weights',
    { initialWeights: { method: 'importedWeights', digest: 'a'.repeat(64) } },
    'initial-weights-unsupported',
  ],
  ['images', { cohort: { ...cohortOf(['a']), source: 'images' } }, 'cohort-unsupported'],
  [
    'columns of a table as if they were a picture',
    { cohort: { ...cohortOf(['a']), standardise: 'perImage' } },
    'standardise-unsupported',
  ],
  [
    'pictures by each site’s pixels',
    { cohort: { ...imageCohort(cnnModel), standardise: 'perSite' }, model: cnnModel },
    'standardise-unsupported',
  ],
  [
    'the masked ring',
    { encoding: { ...encoding, update: { ...encoding.update, ring: 'z2pow64' } } },
    'update-ring-unsupported',
  ],
  ['a C-index', { evaluation: { ...evaluation, metrics: ['accuracy', 'cIndex'] } }, 'metric-unsupported'],
];

describe('requireSupportedLearning', () => {
  it('takes what this version can do', () => {
    expect(() => requireSupportedLearning(studyPlanOf())).not.toThrow();
  });
  it.each<[string, Partial<StudyPlan>]>([
    ['federated class weights', { training: { ...sgd, classWeights: { method: 'federated' } } }],
    ['federated standardisation', { cohort: { ...cohortOf(['a']), standardise: 'federated' } }],
    ['pictures, each by itself', { cohort: { ...imageCohort(cnnModel), standardise: 'perImage' }, model: cnnModel }],
    [
      'early stopping',
      { training: { ...sgd, earlyStopping: { method: 'pooledLoss', patience: 2, minimumImprovement: '0' } } },
    ],
    ['statistics', { statistics: ['counts', 'quantiles'] }],
    ['evaluation between rounds', { evaluation: { ...evaluation, metrics: ['auroc', 'loss'], everyRounds: 1 } }],
  ])('takes %s', (_, overrides) => {
    expect(() => requireSupportedLearning(studyPlanOf(overrides))).not.toThrow();
  });
  it.each(wrong)('refuses %s', (_, overrides, code) => {
    expect(() => requireSupportedLearning(studyPlanOf(overrides))).toThrow(withCode(code));
  });
});

describe('the enclave’s part', () => {
  const source = join(import.meta.dirname, '../../learning/src');
  /** What sites and laptops run, who train. */
  const trains = /^(?:rounds.local-work\.ts|simulation.)/;
  const pure = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('tfjs') && !trains.test(file),
  );

  it('is there', () => {
    expect(pure).toContain('checkpoint.ts');
    expect(pure).toContain(join('strategies', 'of-plan.ts'));
  });
  it.each(pure)('%s imports no tfjs', (file) => {
    const imports = readFileSync(join(source, file), 'utf8').match(/from '[^']+'|import\('[^']+'\)/g) ?? [];
    expect(imports.filter((each) => each.includes('@tensorflow') || /\.\/tfjs\/|learning\/tfjs\//.test(each))).toEqual(
      [],
    );
  });
});
