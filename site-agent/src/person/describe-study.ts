// What a person reads before deciding: who asks what for which purpose, what would leave, to whom, and what is weak about it. In words.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Policy } from '@wardround/attestation/policy/policy';
import { policyWeaknesses } from '@wardround/attestation/policy/weaknesses';
import { type PopulationBudget, readLedger, reservedOf } from '@wardround/privacy/ledger';
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { beginsWithStatistics } from '@wardround/protocol/schedule';
import type { VaultIsolation } from '../config/site-config.ts';
import type { SitePaths } from '../config/site-paths.ts';
import type { SnapshotChoice } from '../vault/files.ts';
import { type ReadStudy, readStudy } from './read-study.ts';
import { weaknessesOf, weaknessMeanings } from './weaknesses.ts';

export interface StudyDescription {
  readonly study: string;
  readonly plan: StudyPlan;
  readonly researcher: string;
  readonly weaknesses: readonly Weakness[];
  /** Checks that the site's own policy leaves out, and until when. */
  readonly policyNotes: readonly string[];
  /** The newest snapshot that was frozen for this study; null before. */
  readonly snapshot: Omit<SnapshotChoice, 'salt' | 'digest'> | null;
  /** What this population's earlier studies reserved. */
  readonly reserved: PopulationBudget;
  /** For a terminal. */
  readonly lines: readonly string[];
}

/** @throws as `readStudy`, `ledger-damaged` */
export async function describeStudy({
  paths,
  study,
  policy,
  isolation,
}: {
  paths: SitePaths;
  study: string;
  policy: Policy;
  isolation: VaultIsolation;
}): Promise<StudyDescription> {
  const read = await readStudy(paths, study);
  const plan = read.plan.value;
  const [newest] = (await read.files.readChoices(study)).toReversed();
  const reserved = reservedOf(await ledgerEntries(paths), plan.cohort.population);
  const weaknesses = weaknessesOf({ plan, federation: read.federation, policy, isolation });
  const snapshot = newest === undefined ? null : withoutSecrets(newest);
  const researcher =
    read.federation.researchers.find(({ name }) => name === plan.researcher)?.displayName ?? plan.researcher;
  const policyNotes = policyWeaknesses(policy).map(
    ({ where, meaning, until }) => `${where}: ${meaning}${until === undefined ? '' : ` (until ${until})`}`,
  );
  const facts = { study, plan, researcher, weaknesses, policyNotes, snapshot, reserved };
  return { ...facts, lines: linesOf(facts, read) };
}

async function ledgerEntries(paths: SitePaths): Promise<ReturnType<typeof readLedger>['entries']> {
  const bytes = await readFile(join(paths.vault, 'ledger.jsonl')).catch(() => new Uint8Array(0));
  return readLedger(bytes).entries;
}

function withoutSecrets({
  commitment,
  rows,
  trainingRows,
  events,
  provenance,
}: SnapshotChoice): Omit<SnapshotChoice, 'salt' | 'digest'> {
  return { commitment, rows, trainingRows, events, provenance };
}

function linesOf(facts: Omit<StudyDescription, 'lines'>, { federation }: ReadStudy): readonly string[] {
  const { plan, study, researcher, snapshot, reserved, weaknesses, policyNotes } = facts;
  const { sites, cohort, release } = plan;
  return [
    plan.title,
    `study        ${study}`,
    `asked by     ${researcher} (${plan.researcher})`,
    `purpose      ${plan.purpose.text}`,
    `ethics       ${plan.purpose.ethics}`,
    `expires      ${plan.expires}`,
    `data         ${cohort.features.map(featureText).join(', ')}; at least ${cohort.minimumRows} patients, ${cohort.minimumEvents} events`,
    snapshot === null
      ? 'here         not read yet: approving freezes a snapshot and checks it'
      : `here         ${snapshot.rows} patients fulfil it (${snapshot.trainingRows} train, ${snapshot.events} events); ${snapshot.provenance} data`,
    `model        ${plan.model.kind}, ${plan.strategy.name}, ${plan.rounds} rounds of training`,
    `with         ${sites.roster.map(({ name }) => name).join(', ')}; at least ${sites.minimum} in every sum (${federation.colludingSites} may collude)`,
    `weight       ${plan.weighting === 'equal' ? 'all sites alike' : 'by the number of patients that train, which the others learn'}; no site more than ${sites.maxShare}`,
    `leaves       updates and sums, sealed to an enclave that this site verifies each time; no patient's row`,
    `everybody    ${releasedInWords(plan)}`,
    `privacy      ${privacyInWords(plan)}`,
    `so far       ${reserved.unboundedStudies} studies of "${reserved.population}" without a bound, ${reserved.boundedStudies} with ε = ${reserved.epsilon} in all`,
    `result to    ${release.to.map(({ name }) => name).join(', ')}, when people of ${release.whenSitesAgree} sites agree; every site holds every model anyway`,
    ...weaknesses.map((weakness) => `WEAKNESS     ${weakness}: ${weaknessMeanings[weakness]}`),
    ...policyNotes.map((note) => `POLICY       ${note}`),
  ];
}

/** What rounds of statistics and evaluation publish: in the clear, on the coordinator's board. */
export function releasedInWords(plan: StudyPlan): string {
  const { metrics, everyRounds, minimumCell } = plan.evaluation;
  const statistics = plan.statistics.length === 0 ? 'numbers of patients' : plan.statistics.join(', ');
  const told = [
    ...(beginsWithStatistics(plan) ? [`${statistics} before training`] : []),
    ...(metrics.length === 0
      ? []
      : [`${metrics.join(', ')} ${everyRounds > 0 ? `after every ${everyRounds} rounds and ` : ''}at the end`]),
  ];
  if (told.length === 0) return 'sees no figure of patients';
  return `sees figures of all contributors together, no cell below ${minimumCell} patients: ${told.join('; ')}`;
}

function privacyInWords({ privacy }: StudyPlan): string {
  if (privacy.mode === 'noDifferentialPrivacy')
    return 'NONE: what the models reveal of single patients has no bound, and is written into the ledger as such';
  return `ε = ${privacy.epsilon}, δ = ${privacy.delta} for each ${privacy.unit}, trusting ${privacy.trusts}`;
}

function featureText(feature: StudyPlan['cohort']['features'][number]): string {
  if (feature.type !== 'image') return feature.name;
  const { height, width, channels } = feature;
  return `pictures of ${height} × ${width} pixels${channels === 1 ? '' : `, ${channels} channels`}`;
}
