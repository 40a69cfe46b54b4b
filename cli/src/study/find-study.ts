// From a study's identifier, or its first digits, to its verified records.
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { StudyRecords } from '@wardround/protocol/study-records';

/**
 * The plan that this identifier begins, signed by a researcher of the federation.
 *
 * @param federationRecords of the topic `federation`, unverified
 * @throws WardroundError `study-id`, `study-unknown`, `study-ambiguous`, `study-signer`
 */
export async function findPlan(
  id: string,
  federation: FederationView,
  federationRecords: readonly string[],
): Promise<Verified<'StudyPlan'>> {
  if (!/^[0-9a-f]{6,64}$/.test(id)) {
    throw new WardroundError('study-id', 'not the identifier of a study', { expected: '6 to 64 hex digits', got: id });
  }
  const candidates = new Map<string, string>();
  for (const jws of federationRecords) {
    const peeked = peek(jws);
    if (peeked !== null && peeked.kind === 'StudyPlan' && peeked.digest.startsWith(id))
      candidates.set(peeked.digest, jws);
  }
  const [only, ...others] = candidates.values();
  if (only === undefined)
    throw new WardroundError('study-unknown', 'the board has no such study', { got: id, action: 'retry' });
  if (others.length > 0)
    throw new WardroundError('study-ambiguous', 'more than one study begins so', { got: id, expected: 'more digits' });
  return await verifyPlan(only, federation);
}

/** @throws WardroundError `study-signer`, and those of `verify` */
export async function verifyPlan(jws: string, federation: FederationView): Promise<Verified<'StudyPlan'>> {
  const plan = await verify(
    'StudyPlan',
    jws,
    federation.researchers.map(({ signing }) => signing),
  );
  const named = federation.researchers.find(({ name }) => name === plan.value.researcher);
  const signed = named === undefined ? null : await verify('StudyPlan', jws, [named.signing]).catch(() => null);
  if (signed === null || plan.value.federation !== federation.federation) {
    throw new WardroundError(
      'study-signer',
      'the plan is not signed by the researcher that it names, for this federation',
      {
        expected: plan.value.researcher,
        action: 'stop',
      },
    );
  }
  return plan;
}

/** Adds every record that verifies, and says which did; on an untrusted board one that does not means nothing by itself. */
export async function readStudy(
  { plan, federation }: { plan: Verified<'StudyPlan'>; federation: FederationView },
  jwsList: Iterable<string>,
): Promise<{ readonly records: StudyRecords; readonly kept: readonly string[] }> {
  const records = new StudyRecords({ federation, plan });
  const all = [...jwsList];
  for (const jws of all) {
    await records.add(jws).catch((error: unknown) => {
      if (!(error instanceof WardroundError)) throw error;
    });
  }
  return { records, kept: all.filter((jws) => isKept(records, jws)) };
}

function isKept(records: StudyRecords, jws: string): boolean {
  const peeked = peek(jws);
  return peeked !== null && records.byDigest(peeked.kind, peeked.digest)?.jws === jws;
}

function peek(jws: string): { readonly kind: DocumentKind; readonly digest: string } | null {
  try {
    return UNVERIFIED_kindOf(jws);
  } catch {
    return null;
  }
}
