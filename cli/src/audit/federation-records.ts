// The records of a federation, one by one: each must be signed by a key that the federation gives this kind to.
import { type DocumentKind } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import type { FederationView } from '@wardround/protocol/federation-view';
import { foundFederation } from '@wardround/protocol/federation-view';
import type { PublicKey } from '@wardround/protocol/keys';
import type { FederationFile } from '../federation-file.ts';
import { wrong } from './steps.ts';

export type FederationRecord = { [K in FederationKind]: Verified<K> }[FederationKind];
type FederationKind = 'Genesis' | 'Membership' | 'EnclaveRelease' | 'ReleaseRevocation' | 'StudyPlan';

/** @throws WardroundError `audit-record` */
export async function verifyFederationRecord(
  jws: string,
  { file, newest }: { file: FederationFile; newest: FederationView },
): Promise<FederationRecord> {
  const { kind, digest } = peek(jws);
  const views = [await foundFederation(file.records, file.federation), newest];
  const keys = keysOf(views);
  try {
    switch (kind) {
      case 'Genesis':
        if (digest !== file.federation) throw wrong('record', 'the genesis of another federation');
        return await verify('Genesis', jws, keys.approval);
      case 'Membership':
        return await verify('Membership', jws, keys.approval);
      case 'EnclaveRelease':
        return await verify('EnclaveRelease', jws, keys.releaser);
      case 'ReleaseRevocation':
        return await verify('ReleaseRevocation', jws, keys.releaser);
      case 'StudyPlan':
        return await verify('StudyPlan', jws, keys.researcher);
      default:
        throw wrong('record', 'not a record that makes a federation or a study', { got: kind });
    }
  } catch (cause) {
    throw wrong(
      'record',
      `a record of the federation does not verify: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        where: `${kind} ${digest.slice(0, 12)}`,
      },
    );
  }
}

function keysOf(
  views: readonly FederationView[],
): Readonly<Record<'approval' | 'releaser' | 'researcher', readonly PublicKey[]>> {
  return {
    approval: views.flatMap(({ sites }) => sites.map(({ keys }) => keys.approval)),
    releaser: views.flatMap(({ releasers }) => releasers.map(({ key }) => key)),
    researcher: views.flatMap(({ researchers }) => researchers.map(({ signing }) => signing)),
  };
}

function peek(jws: string): { readonly kind: DocumentKind; readonly digest: string } {
  try {
    return UNVERIFIED_kindOf(jws);
  } catch (cause) {
    throw wrong(
      'record',
      `a record of the federation cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}
