// What a person signed takes effect here: checked, reserved in the ledger, kept, and only then owed to the board.
import { commitToSnapshot } from '@wardround/datasets/snapshot';
import { fromHex } from '@wardround/protocol/bytes';
import type { Approval } from '@wardround/protocol/documents/consent';
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { requireSite } from '@wardround/protocol/federation-view';
import { hpkeThumbprint } from '@wardround/protocol/hpke-keys';
import { lastRound } from '@wardround/protocol/schedule';
import type { InboxFile } from './inbox-files.ts';
import type { VaultPorts } from './ports.ts';
import type { Study } from './study.ts';

const personKinds = ['Approval', 'Refusal', 'Withdrawal', 'ReleaseConsent'] as const;
type PersonKind = (typeof personKinds)[number];

/** Every file of the inbox, in turn. One that is refused is set aside and said in the log; the others go on. */
export async function takeInbox(ports: VaultPorts, studies: ReadonlyMap<string, Study>): Promise<void> {
  for (const file of await ports.inbox.files()) {
    try {
      const study = await take(ports, studies, file);
      if (study === null) continue;
      await ports.inbox.settle(file, 'done');
    } catch (error) {
      if (!(error instanceof WardroundError)) throw error;
      ports.log({ level: 'error', event: 'inbox-refused', code: error.code, detail: describeError(error).message });
      await ports.inbox.settle(file, 'refused');
    }
  }
}

/** Null where its study is not known yet: it waits. */
async function take(ports: VaultPorts, studies: ReadonlyMap<string, Study>, { jws }: InboxFile): Promise<Study | null> {
  const peeked = UNVERIFIED_kindOf(jws);
  const kind = personKinds.find((known) => known === peeked.kind);
  if (kind === undefined)
    throw new WardroundError('inbox-kind', 'not what a person puts into the inbox', { got: peeked.kind });
  const study = studies.get(studyOf(peeked.value));
  if (study === undefined) return null;
  const document = await verifyOwn(study, kind, jws);
  if (isApproval(document)) await reserve(ports, study, document);
  await study.state(document);
  ports.log({ level: 'info', event: 'decided', study: study.digest, detail: kind });
  return study;
}

function isApproval(document: Verified<DocumentKind>): document is Verified<'Approval'> {
  return document.kind === 'Approval';
}

/** Signed by this site's own approval key, for this study and federation. */
async function verifyOwn(study: Study, kind: PersonKind, jws: string): Promise<Verified<PersonKind>> {
  const { keys } = requireSite(study.records.federation, study.site);
  const document: Verified<PersonKind> = await verify<PersonKind>(kind, jws, [keys.approval]);
  const { value } = document;
  if (value.site !== study.site || value.federation !== study.records.federation.federation) {
    throw new WardroundError('inbox-site', 'signed for another site or federation', { got: value.site });
  }
  return document;
}

/**
 * The whole study's budget, before the approval leaves, and never given back.
 *
 * @throws WardroundError `approval-snapshot`, `approval-receiving-key`, `approval-budget`, `approval-weight`, `ledger-*`
 */
async function reserve(ports: VaultPorts, study: Study, approval: Verified<'Approval'>): Promise<void> {
  const { value } = approval;
  await requirePrepared(ports, study, value);
  if (study.plan.privacy.mode === 'noDifferentialPrivacy' && value.budget.kind !== 'unbounded') {
    throw new WardroundError('approval-budget', 'without differential privacy what is spent has no bound', {
      expected: 'unbounded',
    });
  }
  const { federation, population, budget } = value;
  await ports.ledger.reserve({
    type: 'reserve',
    federation,
    study: study.digest,
    approval: approval.digest,
    population,
    budget,
    rounds: lastRound(study.plan),
    maxAttempts: study.plan.sites.maxAttempts,
    reservedAt: value.approvedAt,
  });
}

/** The snapshot and the receiving key that the approval names are here, and the weight is that of the rows. */
async function requirePrepared(ports: VaultPorts, study: Study, approval: Approval): Promise<void> {
  const choices = await ports.files.readChoices(study.digest);
  const choice = choices.find(({ commitment }) => commitment === approval.snapshotCommitment);
  if (choice === undefined || commitToSnapshot(choice.digest, fromHex(choice.salt, 32)) !== choice.commitment) {
    throw new WardroundError('approval-snapshot', 'the approval commits to no snapshot of this site');
  }
  const key = await ports.files.readReceivingKey(study.digest);
  if (key === null || key.thumbprint !== hpkeThumbprint(approval.receivingKey)) {
    throw new WardroundError('approval-receiving-key', "the approval names another receiving key than this study's");
  }
  const weight = study.plan.weighting === 'equal' ? 1 : choice.trainingRows;
  if (approval.weight !== weight) {
    throw new WardroundError('approval-weight', 'the weight is not what the plan and the snapshot make it');
  }
}

function studyOf(value: unknown): string {
  const study = typeof value === 'object' && value !== null && 'study' in value ? value.study : undefined;
  return typeof study === 'string' ? study : '';
}
