// Approving a study: a person read the description, typed the weaknesses, and signs with the approval key. Nothing here is done by a machine alone.
import { randomBytes } from 'node:crypto';
import type { Policy } from '@wardround/attestation/policy/policy';
import { checkCohort } from '@wardround/datasets/contract';
import { encodeSiteRows } from '@wardround/datasets/encode';
import { commitToSnapshot, type FrozenSnapshot } from '@wardround/datasets/snapshot';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import type { Approval, Weakness } from '@wardround/protocol/documents/consent';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { requireSite } from '@wardround/protocol/federation-view';
import { generateHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { type SigningKey, thumbprint } from '@wardround/protocol/keys';
import type { VaultIsolation } from '../config/site-config.ts';
import type { SitePaths } from '../config/site-paths.ts';
import { considerPlan } from '../vault/consider-plan.ts';
import type { SnapshotChoice } from '../vault/files.ts';
import { describeStudy, type StudyDescription } from './describe-study.ts';
import { requireNoDifferencing } from './differencing.ts';
import { writeToInbox } from './inbox-writer.ts';
import { type ReadStudy, readStudy } from './read-study.ts';
import { requireTyped } from './weaknesses.ts';

export interface ApproveRequest {
  readonly paths: SitePaths;
  readonly site: string;
  readonly study: string;
  readonly approvalKey: SigningKey;
  readonly policy: Policy;
  readonly isolation: VaultIsolation;
  /** The weaknesses that the person typed. */
  readonly accept: readonly Weakness[];
  /** This site's own, stricter conditions; the plan's where left out. */
  readonly minimumContributors?: number;
  readonly minimumRows?: number;
  readonly maxShare?: string;
  readonly validUntil?: string;
  /** Reads the site's source into a frozen snapshot under `paths.snapshots`. */
  readonly runImporter: (plan: StudyPlan) => Promise<FrozenSnapshot>;
  /** Shows the description, data counts included, and asks the person. */
  readonly confirm: (description: StudyDescription) => Promise<boolean>;
  readonly now: () => Date;
}

/**
 * Leaves a signed Approval in the inbox; the vault reserves the budget before it publishes it.
 *
 * @throws WardroundError `plan-*` (no longer one that may be approved), `approve-weakness`, `approve-weakness-absent`, `approve-policy`,
 * `approve-minimum`, `approve-rows`, `approve-validity`, `approve-key`, `approve-differencing`, `approve-declined`, `cohort-*`, those of
 * the importer and of `readStudy`
 */
export async function approveStudy(request: ApproveRequest): Promise<Verified<'Approval'>> {
  const read = await readStudy(request.paths, request.study);
  requireOwnKey(request, read);
  considerPlan(read.plan, { site: request.site, named: read.federation, newest: read.newest, now: request.now() });
  requirePolicy(request.policy, read.plan.value);
  const description = await describeStudy(request);
  const weaknesses = requireTyped(description.weaknesses, request.accept);
  const choice = await freeze(request, read);
  await requireNoDifferencing(request, read, choice);
  if (!(await request.confirm(await describeStudy(request)))) {
    throw new WardroundError('approve-declined', 'not approved: the person did not agree');
  }
  const receivingKey = await receivingKeyOf(request, read);
  const approval = approvalOf(request, { read, weaknesses, choice, receivingKey });
  const signed = await sign('Approval', approval, request.approvalKey);
  await writeToInbox(request.paths, signed);
  return signed;
}

function requireOwnKey({ site, approvalKey }: ApproveRequest, { federation }: ReadStudy): void {
  const member = requireSite(federation, site);
  if (thumbprint(member.keys.approval) === approvalKey.thumbprint) return;
  throw new WardroundError('approve-key', "the approval key is not the one that the federation knows as this site's", {
    action: 'stop',
  });
}

/** A plan whose enclave the site's own policy would refuse anyway is not worth approving. */
function requirePolicy(policy: Policy, { attestation }: StudyPlan): void {
  const platforms = attestation.platforms.filter((platform) => policy.platforms[platform] !== 'refused');
  if (platforms.length > 0 && (policy.gpu === 'unused') === (attestation.gpu === 'unused')) return;
  throw new WardroundError('approve-policy', "the site's attestation policy refuses what the plan wants", {
    expected: `${acceptedPlatforms(policy).join(', ')}; gpu ${policy.gpu === 'unused' ? 'unused' : 'required'}`,
    got: `${attestation.platforms.join(', ')}; gpu ${attestation.gpu}`,
    where: 'policy.yaml',
  });
}

function acceptedPlatforms({ platforms }: Policy): readonly string[] {
  return Object.entries(platforms).flatMap(([name, rules]) => (rules === 'refused' ? [] : [name]));
}

/** The snapshot, checked against the contract, with a fresh salt: durable before anything is signed about it. */
async function freeze(
  { runImporter, study, minimumRows }: ApproveRequest,
  { plan, files }: ReadStudy,
): Promise<SnapshotChoice> {
  const snapshot = await runImporter(plan.value);
  const checked = checkCohort(snapshot.table, plan.value.cohort);
  const { rows } = encodeSiteRows(checked).train;
  const { usedRows, events } = checked.outcome;
  if (minimumRows !== undefined && usedRows < minimumRows) {
    throw new WardroundError('approve-rows', 'fewer patients than this site wants behind an update', {
      expected: String(minimumRows),
    });
  }
  const salt = copyBytes(randomBytes(32));
  const { digest } = snapshot;
  const { provenance } = snapshot.table;
  const commitment = commitToSnapshot(digest, salt);
  const choice = { commitment, digest, salt: toHex(salt), rows: usedRows, trainingRows: rows, events, provenance };
  await files.writeChoices(study, [...(await files.readChoices(study)), choice]);
  return choice;
}

/** One for the study, made once, in a file that backups leave out. */
async function receivingKeyOf({ study }: ApproveRequest, { files }: ReadStudy): Promise<HpkePrivateKey> {
  const existing = await files.readReceivingKey(study);
  if (existing !== null) return existing;
  const key = await generateHpkeKey();
  await files.writeReceivingKey(study, key);
  return key;
}

interface Ingredients {
  readonly read: ReadStudy;
  readonly weaknesses: readonly Weakness[];
  readonly choice: SnapshotChoice;
  readonly receivingKey: HpkePrivateKey;
}

function approvalOf(request: ApproveRequest, { read, weaknesses, choice, receivingKey }: Ingredients): Approval {
  const { plan, federation } = read;
  const { sites, cohort, weighting } = plan.value;
  const now = request.now();
  return {
    kind: 'Approval',
    version: 1,
    federation: federation.federation,
    study: plan.digest,
    site: request.site,
    under: { authority: 'person' },
    snapshotCommitment: choice.commitment,
    peers: sites.roster.flatMap(({ name, agent }) => (name === request.site ? [] : [agent])).toSorted(),
    weight: weighting === 'equal' ? 1 : choice.trainingRows,
    receivingKey: receivingKey.publicKey,
    minimumContributors: minimumContributors(request, plan.value),
    minimumRows: request.minimumRows ?? cohort.minimumRows,
    maxShare: request.maxShare ?? sites.maxShare,
    budget: { kind: 'unbounded' },
    population: cohort.population,
    releaseConsent: 'oneByOne',
    perSiteMetrics: [],
    acceptedWeaknesses: [...weaknesses],
    approvedAt: now.toISOString(),
    validUntil: validUntil(request, plan.value, now),
  };
}

function minimumContributors({ minimumContributors: own }: ApproveRequest, { sites }: StudyPlan): number {
  if (own === undefined) return sites.minimum;
  if (Number.isInteger(own) && own >= sites.minimum && own <= sites.roster.length) return own;
  throw new WardroundError('approve-minimum', 'not a number of contributors that this site can insist on', {
    expected: `${sites.minimum} to ${sites.roster.length}`,
    got: String(own),
  });
}

function validUntil({ validUntil: own }: ApproveRequest, { expires }: StudyPlan, now: Date): string {
  const until = own ?? expires;
  if (until <= expires && new Date(until) > now) return until;
  throw new WardroundError('approve-validity', 'an approval ends with its plan, and not in the past', {
    expected: `after ${now.toISOString()}, at most ${expires}`,
    got: until,
  });
}
