// What goes with a released model: where it comes from, who contributed, what protects the patients and what does not.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { inputColumns } from '@wardround/protocol/input-columns';
import { UNVERIFIED_enclaveMeasurements } from './measurements.ts';
import type { ReleasedModel } from './released-model.ts';
import { roundStates } from './rounds.ts';

export interface ModelCard {
  readonly kind: 'ModelCard';
  readonly title: string;
  readonly purpose: StudyPlan['purpose'];
  readonly study: string;
  readonly federation: string;
  readonly researcher: string;
  readonly model: {
    readonly digest: string;
    readonly kind: string;
    readonly inputs: readonly string[];
    readonly label: StudyPlan['cohort']['label'];
  };
  readonly training: {
    readonly strategy: string;
    readonly rounds: number;
    readonly training: StudyPlan['training'];
    readonly standardise: string;
  };
  readonly contributors: readonly { readonly site: string; readonly weight: number; readonly rounds: number }[];
  readonly receipt: string;
  readonly releasedBy: string;
  readonly consents: readonly string[];
  readonly enclave: { readonly release: string; readonly measurements: readonly string[] };
  readonly privacy: StudyPlan['privacy'];
  /** Named by everybody who approved. */
  readonly weaknesses: readonly string[];
  readonly intendedUse: string;
}

export function modelCard(records: StudyRecords, { release, receipt, consents }: ReleasedModel): ModelCard {
  const plan = records.plan.value;
  return {
    kind: 'ModelCard',
    title: plan.title,
    purpose: plan.purpose,
    study: records.study,
    federation: records.federation.federation,
    researcher: plan.researcher,
    model: {
      digest: release.value.model,
      kind: plan.model.kind,
      inputs: inputColumns(plan.cohort).map(({ name }) => name),
      label: plan.cohort.label,
    },
    training: {
      strategy: plan.strategy.name,
      rounds: plan.rounds,
      training: plan.training,
      standardise: plan.cohort.standardise,
    },
    contributors: contributors(records),
    receipt: receipt.digest,
    releasedBy: release.value.site,
    consents: consents.map(({ value }) => value.site).toSorted(),
    enclave: { release: plan.attestation.release, measurements: UNVERIFIED_enclaveMeasurements(records) },
    privacy: plan.privacy,
    weaknesses: [...new Set(records.of('Approval').flatMap(({ value }) => value.acceptedWeaknesses))].toSorted(),
    intendedUse:
      'Research. Not a medical device; to be validated on the patients it is meant for before anybody relies on it.',
  };
}

function contributors(records: StudyRecords): ModelCard['contributors'] {
  const closed = roundStates(records).flatMap(({ closed: receipt }) => (receipt === null ? [] : [receipt.value]));
  return records.plan.value.sites.roster.map(({ name }) => {
    const entries = closed.flatMap((receipt) => receipt.contributors.filter(({ site }) => site === name));
    return { site: name, weight: entries.at(-1)?.weight ?? 0, rounds: entries.length };
  });
}

export function modelCardMarkdown(card: ModelCard): string {
  const weaknesses = card.weaknesses.length === 0 ? ['none'] : card.weaknesses;
  return `# ${card.title}

${card.purpose.text} (ethics: ${card.purpose.ethics}). Researcher: ${card.researcher}.

| | |
|---|---|
| model | ${card.model.kind}, digest \`${card.model.digest}\` |
| inputs | ${card.model.inputs.join(', ')}; standardised ${card.training.standardise} |
| label | \`${JSON.stringify(card.model.label)}\` |
| training | ${card.training.strategy}, ${card.training.rounds} rounds |
| study | \`${card.study}\` |
| last receipt | \`${card.receipt}\` |
| enclave | ${card.enclave.release}, ${card.enclave.measurements.map((measurement) => `\`${measurement}\``).join(', ')} |
| released by | ${card.releasedBy}, with the consent of ${card.consents.join(', ')} |

## Contributors

| hospital | weight | rounds |
|---|---|---|
${card.contributors.map(({ site, weight, rounds }) => `| ${site} | ${weight} | ${rounds} |`).join('\n')}

## Privacy

Mode: ${card.privacy.mode}. Weaknesses that every approving hospital named:

${weaknesses.map((name) => `- ${name}`).join('\n')}

## Intended use

${card.intendedUse}
`;
}
