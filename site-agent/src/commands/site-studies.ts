// `site studies`: what this site is asked, what it decided, what runs, as the vault last wrote it. Nothing is asked over the network.
import { readFile } from 'node:fs/promises';
import { WardroundError } from '@wardround/protocol/errors';
import { readPolicyFile } from '../config/policy-file.ts';
import type { SitePaths } from '../config/site-paths.ts';
import { describeStudy } from '../person/describe-study.ts';
import { type Results, VaultFiles } from '../vault/files.ts';
import { type StudyStatus, type VaultStatus, vaultStatusSchema } from '../vault/status-file.ts';
import type { Answer, Command } from './command.ts';
import { dirOption, type OpenSite, openSite } from './options.ts';
import { findStudy } from './study-argument.ts';

export const siteStudies: Command = {
  words: ['site', 'studies'],
  summary: 'show the studies that this site knows, and how they stand',
  about: [
    'Reads what the agent last wrote. With --study, shows everything about one: who asks what, for which purpose, what would leave, and every weakness by its name.',
  ],
  options: {
    dir: dirOption,
    study: { type: 'string', value: 'STUDY', help: 'one study in full; the first 6 digits of its name will do' },
  },
  positionals: [],
  example: 'wardround site studies --dir ./north',
  async run(typed) {
    const site = await openSite(typed);
    const study = typed.optional('study');
    return study === undefined ? await listStudies(site) : await showStudy(site, study);
  },
};

async function listStudies({ paths }: OpenSite): Promise<Answer> {
  const status = await readStatus(paths);
  const files = new VaultFiles(paths);
  const studies = await Promise.all(
    status.studies.map(async (study) => ({ ...study, results: await files.readResults(study.study) })),
  );
  return {
    json: { ...status, studies },
    lines: [
      `Site ${status.site}, as of ${status.at} (${status.online ? 'connected' : 'not connected'}, vault isolated by ${status.isolation})`,
      ...(studies.length === 0 ? ['No studies yet.'] : studies.flatMap(studyLines)),
    ],
  };
}

function studyLines(study: StudyStatus & { readonly results: Results | null }): readonly string[] {
  const { results, check } = study;
  return [
    '',
    `${study.study.slice(0, 12)}  ${study.title} (${study.researcher})`,
    `  ${study.state.replaceAll('-', ' ')}; round ${study.round} of ${study.rounds}, contributed to ${study.roundsContributed}`,
    ...(study.simulated === true
      ? ['  WEAKNESS simulatedPlatform: the enclave’s evidence proves nothing about hardware']
      : []),
    ...(check === null ? [] : [`  last failed check: ${check.code} at ${check.at}: ${check.detail}`]),
    ...(results === null
      ? []
      : [
          `  accuracy on this site's test patients: federated ${figure(results.federatedAccuracy)}, local only ${figure(results.localAccuracy)} (${results.provenance} data)`,
          ...otherMetrics(results),
        ]),
  ];
}

/** Beside the accuracy, every metric of the plan. */
function otherMetrics({ metrics = [] }: Results): readonly string[] {
  return metrics
    .filter(({ metric }) => metric !== 'accuracy')
    .map(
      ({ metric, federated, local }) =>
        `  ${metric} on them: federated ${measured(federated)}, local only ${measured(local)}`,
    );
}

type Measured = NonNullable<Results['metrics']>[number]['local'];

function measured(result: Measured): string {
  if (result === null) return 'unknown';
  const { value, interval } = result;
  return interval === null ? figure(value) : `${figure(value)} (${figure(interval.low)} to ${figure(interval.high)})`;
}

function figure(value: number | null): string {
  return value === null ? 'unknown' : value.toFixed(3);
}

async function showStudy({ paths, config }: OpenSite, typed: string): Promise<Answer> {
  const study = await findStudy(paths, typed);
  const { policy } = await readPolicyFile(paths.policy);
  const { lines, ...facts } = await describeStudy({ paths, study, policy, isolation: config.vaultIsolation });
  return { json: facts, lines };
}

async function readStatus(paths: SitePaths): Promise<VaultStatus> {
  const text = await readFile(paths.status, 'utf8').catch((cause: unknown) => {
    throw new WardroundError('status-missing', 'the agent has not written its status yet', {
      where: paths.status,
      expected: 'that the agent runs (wardround site start) and the federation is founded',
      action: 'retry',
      cause,
    });
  });
  const parsed = vaultStatusSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new WardroundError('status-invalid', 'not a status that the agent of this version wrote', {
    where: paths.status,
    cause: parsed.error,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
