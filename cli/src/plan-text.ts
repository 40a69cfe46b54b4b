// A compiled plan as a person reads it before agreeing: what is trained, by whom, on what, with which protections and which weaknesses.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { printable } from './output.ts';

/** What the summary reads: a StudyPlan, or one whose names are not yet bound to keys. */
export type ReadablePlan = Pick<
  StudyPlan,
  | 'title'
  | 'purpose'
  | 'expires'
  | 'cohort'
  | 'model'
  | 'training'
  | 'strategy'
  | 'rounds'
  | 'privacy'
  | 'masking'
  | 'attestation'
> & {
  readonly sites: Omit<StudyPlan['sites'], 'roster'> & { readonly roster: readonly { readonly name: string }[] };
  readonly release: { readonly to: readonly { readonly name: string }[]; readonly whenSitesAgree: number | null };
};

export function planText(plan: ReadablePlan): string {
  const { sites, cohort, release } = plan;
  const rows: readonly (readonly [string, string])[] = [
    ['title', plan.title],
    ['purpose', `${plan.purpose.text} (${plan.purpose.ethics})`],
    ['expires', plan.expires],
    [
      'sites',
      `${sites.roster.map(({ name }) => name).join(', ')}; at least ${sites.minimum} in every round, none above ${share(sites.maxShare)}`,
    ],
    [
      'patients',
      `at least ${cohort.minimumRows} rows a site; ${cohort.features.length} features; label ${labelText(cohort.label)}`,
    ],
    ['model', plan.model.kind],
    ['training', `${plan.rounds} rounds of ${trainingText(plan.training)}, ${plan.strategy.name}`],
    ['enclave', `${plan.attestation.release} on ${plan.attestation.platforms.join(', ')}, GPU ${plan.attestation.gpu}`],
    [
      'released to',
      `${release.to.map(({ name }) => name).join(', ')}, when ${release.whenSitesAgree ?? 'a quorum of'} sites agree`,
    ],
    ['weaknesses', weaknesses(plan)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${printable(value)}`).join('\n');
}

function weaknesses({ privacy, masking }: Pick<StudyPlan, 'privacy' | 'masking'>): string {
  const names = [
    ...(privacy.mode === 'noDifferentialPrivacy' ? ['noDifferentialPrivacy'] : []),
    ...(masking.mode === 'unmasked' ? ['unmasked'] : []),
  ];
  return names.length === 0 ? 'none named' : names.join(', ');
}

function labelText(label: StudyPlan['cohort']['label']): string {
  switch (label.type) {
    case 'binary':
      return `${label.name} ${label.positiveWhen.operator} ${label.positiveWhen.value}`;
    case 'number':
      return label.name;
    case 'survival':
      return `${label.time} until ${label.event}`;
  }
}

function trainingText(training: StudyPlan['training']): string {
  if (training.method === 'newton') return "Newton's method";
  return `${training.steps} steps of ${training.batchSize} patients, ${training.optimizer.name} at ${training.optimizer.learningRate}`;
}

function share(fraction: string): string {
  return `${Number(fraction) * 100} % of the weight`;
}
