// The model card for people: the same facts as the JSON, in the order in which a reader doubts them.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { code, list, plain, settings, table } from './markdown.ts';
import { metrics, statistics } from './model-card-metrics.ts';
import type { ModelCard } from './model-card-schema.ts';

export function modelCardMarkdown(card: ModelCard): string {
  const sections = [
    `# ${plain(card.title)}`,
    ...intendedUse(card),
    ...metrics(card.metrics),
    ...model(card),
    ...data(card),
    ...statistics(card.data.statistics),
    ...cohorts(card),
    ...training(card),
    ...privacy(card),
    ...enclave(card),
    ...records(card),
  ];
  return `${sections.join('\n\n')}\n`;
}

function intendedUse({ intendedUse: { purpose, ethics, use, outOfScope, limits } }: ModelCard): string[] {
  return [
    '## Intended use',
    `${plain(purpose)} (ethics: ${plain(ethics)})`,
    plain(use),
    'Not for:',
    list(outOfScope.map(plain)),
    '## Limits',
    list(limits.map(plain)),
  ];
}

function model({
  model: { digest, declaration, parameters, inputs, inputColumns, output, formats },
}: ModelCard): string[] {
  return [
    '## Model',
    table(
      ['', ''],
      [
        ['kind', settings(declaration)],
        ['parameters', parameters],
        ['inputs', inputColumns === inputs.length ? inputColumns : `${inputColumns}, of ${inputs.length} features`],
        ['columns, in order', inputs.map((name) => code(name)).join(' ')],
        ['output', meanings[output]],
        ['files', ['safetensors', ...formats.filter((format) => format !== 'safetensors')].join(', ')],
        ['digest', code(digest)],
      ],
    ),
  ];
}

const meanings = {
  probability: 'the probability that the label is positive (safetensors: its log-odds)',
  number: 'the label',
  relativeHazard: 'the hazard relative to that of a row of zeros, exp(xβ) (safetensors, tfjs: its logarithm)',
} as const;

function data({ data: given }: ModelCard): string[] {
  const { provenance, population, source, features, label, standardise, split, minimumRows, minimumEvents } = given;
  return [
    '## Data',
    provenances[provenance],
    table(
      ['feature', 'unit', 'values', 'where missing'],
      features.map((feature) => [code(feature.name), ...columnsOf(feature), feature.missing]),
    ),
    table(
      ['', ''],
      [
        ['label', labelText(label)],
        ['population', population === 'site' ? 'everyone at the site' : code(population)],
        ['source', source],
        ['standardised', standardise],
        ['split', settings(split)],
        [
          'rows a hospital',
          `at least ${minimumRows}${minimumEvents === 0 ? '' : `, ${minimumEvents} of them with the event`}`,
        ],
      ],
    ),
  ];
}

const provenances = {
  real: 'Rows are of real patients.',
  synthetic: 'Rows are synthetic: no patient is behind them, and no figure here says anything about medicine.',
  notStated: 'The signed records do not say whether the rows are of real patients: ask the hospitals.',
} as const;

function columnsOf(feature: ModelCard['data']['features'][number]): readonly [string, string] {
  switch (feature.type) {
    case 'number':
      return [plain(feature.unit ?? ''), `${feature.range.min} to ${feature.range.max}`];
    case 'code':
      return ['', `${feature.codes.map((value) => code(String(value))).join(' ')} (${feature.encode})`];
    case 'image':
      return ['', `image of ${feature.height} × ${feature.width}, channels: ${feature.channels}; each value 0 to 1`];
  }
}

function labelText(label: StudyPlan['cohort']['label']): string {
  switch (label.type) {
    case 'binary':
      return `${code(label.name)}, positive when ${label.positiveWhen.operator} ${label.positiveWhen.value}`;
    case 'number':
      return `${code(label.name)}, ${label.range.min} to ${label.range.max} ${plain(label.unit ?? '')}`;
    case 'survival':
      return `time ${code(label.time)} in ${plain(label.timeUnit)} until ${code(label.event)} ${label.eventWhen.operator} ${label.eventWhen.value}, at most ${label.maxTime}`;
  }
}

function cohorts({ cohorts: { weighting, minimumCell, totalWeight, sites, rounds } }: ModelCard): string[] {
  const isCount = weighting === 'patients';
  const small = isCount ? `fewer than ${minimumCell}` : 'not told';
  return [
    '## Cohorts and contributors',
    isCount
      ? `A hospital’s weight is its number of training rows; below ${minimumCell} it is not told.`
      : `Weighting: ${weighting}. Weights are not numbers of patients.`,
    table(
      ['hospital', 'weight', 'rounds'],
      [
        ...sites.map(({ site, weight, rounds: count }) => [site, count === 0 ? 'none' : (weight ?? small), count]),
        ['all, in the last round', totalWeight ?? 'not told', ''],
      ],
    ),
    table(
      ['rounds', 'for', 'contributors', 'absent'],
      rounds.map(({ from, to, task, contributors, absent }) => [
        from === to ? from : `${from} to ${to}`,
        tasks[task],
        contributors.join(', '),
        absent.map(({ site, code: why }) => `${site} (${why})`).join(', '),
      ]),
    ),
  ];
}

const tasks = {
  update: 'training',
  newton: 'training',
  statistics: 'statistics',
  evaluation: 'evaluation',
  checkpointReturn: 'taking up again',
} as const;

function training({ training: { strategy, rounds, method, initialWeights, encoding } }: ModelCard): string[] {
  return [
    '## Training',
    table(
      ['', ''],
      [
        ['strategy', settings(strategy)],
        ['rounds', rounds],
        ['at each hospital', settings(method)],
        ['from', settings(initialWeights)],
        ['updates', settings(encoding.update)],
      ],
    ),
  ];
}

function privacy({ privacy: given }: ModelCard): string[] {
  const { guarantee, mechanism, masking, minimumContributors, maxShare, weaknesses } = given;
  return [
    '## Privacy',
    guarantee.kind === 'unbounded'
      ? 'What the model reveals about a patient is **unbounded**: no differential privacy.'
      : `(ε, δ) = (${guarantee.epsilon}, ${guarantee.delta})`,
    table(
      ['', ''],
      [
        ['mechanism', settings(mechanism)],
        ['masking', settings(masking)],
        [
          'hospitals in every sum',
          `at least ${minimumContributors}, none above ${Number(maxShare) * 100} % of the weight`,
        ],
      ],
    ),
    '### Weaknesses that the approving hospitals named',
    list(weaknesses.length === 0 ? ['none'] : weaknesses.map(({ name, meaning }) => `\`${name}\`: ${plain(meaning)}`)),
  ];
}

function enclave({ enclave: { release, platforms, gpu, measurements, backend } }: ModelCard): string[] {
  return [
    '## Enclave',
    table(
      ['', ''],
      [
        ['release', code(release)],
        ['platforms allowed', platforms.join(', ')],
        ['GPU', gpu],
        [
          'measurements shown',
          measurements.length === 0
            ? 'none could be read'
            : measurements.map(({ register, value }) => `${registers[register]} ${code(value)}`).join(', '),
        ],
        ['arithmetic', plain(backend)],
      ],
    ),
    'Each contributing hospital judged the evidence itself; `wardround audit verify` judges it again from the exported records.',
  ];
}

const registers = { snp: 'SEV-SNP', mrTd: 'TDX MRTD' } as const;

function records({ records: given }: ModelCard): string[] {
  return [
    '## Records',
    table(
      ['', ''],
      [
        ['study', code(given.study)],
        ['federation', code(given.federation)],
        ['last receipt', `${code(given.receipt)}, closed ${given.closedAt}`],
        ['cosigned by', given.cosignedBy.join(', ')],
        ['researcher', given.researcher],
        ['released by', `${given.releasedBy}, ${given.releasedAt}`],
        ['with the consent of', given.consents.join(', ')],
      ],
    ),
  ];
}
