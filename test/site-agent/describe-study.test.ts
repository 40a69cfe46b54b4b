// What a person is told of a plan before deciding, where the words follow from the plan alone.
import { describe, expect, it } from 'vitest';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { releasedInWords } from '../../site-agent/src/person/describe-study.ts';
import { foundFakeFederation, signFakePlan } from '../fakes/fake-federation.ts';

describe('what everybody will see of the patients', () => {
  const evaluated: StudyPlan['evaluation'] = {
    metrics: ['auroc', 'brier'],
    minimumCell: 10,
    everyRounds: 2,
    perSiteAtEnd: false,
  };
  const seen = 'sees figures of all contributors together, no cell below 10 patients: ';

  it.each<[string, (plan: StudyPlan) => StudyPlan, string]>([
    ['nothing', (plan) => plan, 'sees no figure of patients'],
    [
      'statistics and metrics',
      (plan) => ({ ...plan, statistics: ['counts', 'moments'], evaluation: evaluated }),
      `${seen}counts, moments before training; auroc, brier after every 2 rounds and at the end`,
    ],
    [
      'metrics at the end',
      (plan) => ({ ...plan, evaluation: { ...evaluated, everyRounds: 0 } }),
      `${seen}auroc, brier at the end`,
    ],
    [
      'no statistics, but what standardising needs',
      (plan) => ({ ...plan, cohort: { ...plan.cohort, standardise: 'federated' } }),
      `${seen}numbers of patients before training`,
    ],
  ])('is said before a person decides: %s', async (_, change, expected) => {
    const federation = await foundFakeFederation({});
    const { value } = await signFakePlan(federation, change);
    expect(releasedInWords(value)).toBe(expected);
  });
});
