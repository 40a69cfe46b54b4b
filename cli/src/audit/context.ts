// What an audit looks at: one study's verified records, in the federation as it was when the plan was signed.
import type { Verified } from '@wardround/protocol/documents/signed';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { FederationView } from '@wardround/protocol/federation-view';
import { StudyRecords } from '@wardround/protocol/study-records';
import type { Policy } from '@wardround/attestation/policy/policy';
import { type FederationFile, viewAt, viewOfFile } from '../federation-file.ts';
import { verifyPlan } from '../study/find-study.ts';
import { type RoundState, roundStates } from '../study/rounds.ts';
import { verifyFederationRecord } from './federation-records.ts';
import { wrong } from './steps.ts';

/** Clocks of hospitals and enclave may differ by this much (docs/protocol.md 4.1). */
export const clockToleranceMs = 10 * 60 * 1000;

export interface AuditContext {
  readonly records: StudyRecords;
  /** The view that the plan names. */
  readonly federation: FederationView;
  readonly releases: readonly Verified<'EnclaveRelease'>[];
  readonly revocations: readonly Verified<'ReleaseRevocation'>[];
  readonly rounds: readonly RoundState[];
  /** By site name: what each hospital's policy was. */
  readonly policies: ReadonlyMap<string, Policy>;
}

export interface AuditInput {
  readonly study: string;
  readonly federation: FederationFile;
  readonly jwsList: readonly string[];
  readonly policies: ReadonlyMap<string, Policy>;
}

/**
 * Verifies every record and its place. In an export nothing may be there that does not verify: the exporter left such things out, so
 * one that is there was changed since.
 *
 * @throws WardroundError `audit-record`, `audit-plan-missing`, and those of genesis, memberships and signatures
 */
export async function openAudit({ study, federation: file, jwsList, policies }: AuditInput): Promise<AuditContext> {
  const newest = await viewOfFile(file);
  const verified = await Promise.all(
    file.records.map(async (jws) => await verifyFederationRecord(jws, { file, newest })),
  );
  const planJws = file.records.find((jws) => UNVERIFIED_kindOf(jws).digest === study);
  if (planJws === undefined)
    throw wrong('plan-missing', 'the plan of this study is not among the records', { got: study });
  const membership = verified.flatMap((record) =>
    record.kind === 'StudyPlan' && record.digest === study ? [record.value.membership] : [],
  )[0];
  const federation = await viewAt(file, membership ?? '');
  const plan = await verifyPlan(planJws, federation);
  const records = new StudyRecords({ federation, plan });
  for (const [index, jws] of jwsList.entries()) await addOrFail(records, jws, index);
  requireAllKept(records, jwsList);
  return {
    records,
    federation,
    policies,
    rounds: roundStates(records),
    releases: verified.filter((record) => record.kind === 'EnclaveRelease'),
    revocations: verified.filter((record) => record.kind === 'ReleaseRevocation'),
  };
}

async function addOrFail(records: StudyRecords, jws: string, index: number): Promise<void> {
  try {
    await records.add(jws);
  } catch (cause) {
    throw wrong('record', `a record does not verify: ${cause instanceof Error ? cause.message : String(cause)}`, {
      where: `record ${index + 1} of the study`,
    });
  }
}

/** A record that waits for a session that nobody opened proves nothing. */
function requireAllKept(records: StudyRecords, jwsList: readonly string[]): void {
  jwsList.forEach((jws, index) => {
    const { kind, digest } = UNVERIFIED_kindOf(jws);
    if (records.byDigest(kind, digest)?.jws === jws) return;
    throw wrong('record', 'a record belongs to no session of this study', {
      where: `record ${index + 1} of the study`,
      got: kind,
    });
  });
}
