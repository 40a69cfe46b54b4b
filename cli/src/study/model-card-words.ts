// The card's sentences: what the model is for, what it is not for, and what the plan's choices mean for whoever uses it.
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Evaluation } from './model-card-schema.ts';

export const weaknessMeanings: Readonly<Record<Weakness, string>> = {
  simulatedPlatform:
    'the enclave ran, or might have run, on simulated hardware: its evidence proves nothing about any machine',
  noDifferentialPrivacy: 'nothing bounds how much the model reveals about single patients',
  unmasked: 'the enclave saw each hospital’s update: if its hardware is broken, so did whoever broke it',
  importedWeights: 'training began from weights that somebody chose, who may have crafted them to reveal single rows',
  selectingRule: 'the aggregation rule lets values of single hospitals through',
  unwitnessed: 'no append-only log binds the order of the receipts; the hospitals’ cosignatures alone do',
  vaultNotIsolated: 'at a hospital, the operating system did not keep the process that sees patients off the network',
  policyWaiver: 'a hospital’s attestation policy left out checks, by waivers or by registers that are only replayed',
};

export const use =
  'Research, for the purpose above. Before anybody relies on it, to be validated on the patients that it is meant for.';

export function outOfScope({ cohort }: Pick<StudyPlan, 'cohort'>): readonly string[] {
  const isImages = cohort.features.some(({ type }) => type === 'image');
  return [
    'Decisions about single patients: this is not a medical device.',
    'Patients of hospitals, countries or years other than those it learned from, without a validation of their own.',
    isImages
      ? 'Images of another size, another device or another preparation than the contract names.'
      : 'Rows outside the ranges, units or codes of the contract: nothing like them was learned from.',
  ];
}

type LimitedPlan = Pick<StudyPlan, 'cohort' | 'evaluation' | 'strategy' | 'model' | 'privacy' | 'sites'>;

/** What follows from the plan's choices; only what is true of this study. */
export function limits(plan: LimitedPlan, evaluation: Evaluation | undefined): readonly string[] {
  const { cohort, model, strategy } = plan;
  const measured = evaluation?.metrics.filter(({ value }) => value !== null) ?? [];
  const said: readonly (readonly [boolean, string])[] = [
    [
      cohort.standardise === 'perSite',
      'Inputs were standardised by each hospital’s own means and deviations, which never left it: a row needs those of the hospital that it comes from, and a new hospital needs its own.',
    ],
    [
      cohort.standardise === 'federated',
      'Inputs were standardised by the means and deviations of all hospitals together: a row needs those, and not its own hospital’s.',
    ],
    [
      cohort.standardise === 'perImage',
      'Each picture was standardised by its own mean and deviation: what only its brightness or contrast shows, the model does not see.',
    ],
    [
      dropsRows(plan),
      'Rows with missing values were left out, here and there: who has complete data differs between hospitals, and so may the patients that remain.',
    ],
    [
      measured.length === 0,
      'No metric was released for all hospitals together: nothing on this card says how good the model is.',
    ],
    [
      measured.length > 0,
      'Metrics are of all hospitals’ test rows together; at a single hospital the model may be better or worse. Each hospital knows its own.',
    ],
    [
      measured.some(({ interval }) => interval === null),
      'A metric without an interval says nothing of its own uncertainty.',
    ],
    [
      measured.some(({ interval }) => interval !== null),
      'Intervals speak of other patients of these hospitals, with the model held fixed: not of another training, nor of other hospitals.',
    ],
    [cohort.split.method === 'none', 'No rows were kept apart for testing.'],
    [
      model.kind === 'coxProportionalHazards',
      'The answer is a hazard relative to that of a row of zeros, not a probability of surviving: the baseline hazard is not part of the model.',
    ],
    [
      strategy.name === 'fedBn',
      'Personal layers stayed at the hospitals: in the released model they are as training began, only the others were learned.',
    ],
    [
      plan.privacy.mode === 'noDifferentialPrivacy',
      'No differential privacy: model files are to be treated as personal data of the patients until shown otherwise.',
    ],
  ];
  return said.filter(([isTrue]) => isTrue).map(([, sentence]) => sentence);
}

function dropsRows({ cohort }: LimitedPlan): boolean {
  return [...cohort.features, cohort.label].some(({ missing }) => missing === 'dropRow');
}
