// Was the enclave, for each contributor and each round, the machine and the code that this hospital's policy asks for? Judged again, at that time.
import type { Verified } from '@wardround/protocol/documents/signed';
import { codeText, isListed } from '@wardround/attestation/composite/measured-code';
import type { MeasuredCode } from '@wardround/attestation/composite/processor';
import { type Evidence, evidenceDigest, parseEvidenceBytes } from '@wardround/attestation/evidence';
import type { Policy } from '@wardround/attestation/policy/policy';
import { wantedOpinion } from '@wardround/attestation/second-opinions';
import { verifyEnclave } from '@wardround/attestation/verifier';
import type { AuditContext } from './context.ts';
import { wrong } from './steps.ts';

interface Use {
  readonly site: string;
  readonly offer: Verified<'EvidenceOffer'>;
  readonly evidence: Evidence;
  readonly at: Date;
  readonly where: string;
}

/** @throws WardroundError `audit-evidence-*`, naming round, site and the step of the appraisal that failed */
export function checkEvidence(context: AuditContext): string {
  const uses = evidenceUses(context);
  const simulated = new Set<boolean>();
  for (const use of firstAndLast(uses)) simulated.add(checkUse(context, use));
  const weak = simulated.has(true) ? '; SIMULATED PLATFORM: proves nothing about hardware' : '';
  const wanted = [...new Set(uses.map(({ site }) => site))].filter((site) => wantsSecondOpinion(context, site));
  const left = wanted.length === 0 ? '' : `; not judged: NVIDIA's second opinion, which ${wanted.join(', ')} required`;
  return `${new Set(uses.map(({ offer }) => offer.digest)).size} offers, judged at each first and last use${left}${weak}`;
}

function wantsSecondOpinion({ policies }: AuditContext, site: string): boolean {
  const policy = policies.get(site);
  return policy !== undefined && wantedOpinion(policy) !== null;
}

function evidenceUses(context: AuditContext): readonly Use[] {
  const read = readOffers(context);
  return context.rounds.flatMap(({ closed, round }) => {
    if (closed === null) return [];
    const { contributors, evidence, session, order } = closed.value;
    const issuedAt = context.records.byDigest('RoundOrder', order)?.value.issuedAt ?? closed.value.closedAt;
    return contributors.map(({ site }): Use => {
      const where = `round ${round}, ${site}`;
      const digest = evidence.find((entry) => entry.site === site)?.evidence;
      const found = read.find(
        ({ offer, digest: is }) => is === digest && offer.value.site === site && offer.value.session === session,
      );
      if (found === undefined) {
        throw wrong('evidence-missing', 'the receipt names no evidence that this site was offered', { where });
      }
      return { site, offer: found.offer, evidence: found.evidence, at: new Date(issuedAt), where };
    });
  });
}

interface ReadOffer {
  readonly offer: Verified<'EvidenceOffer'>;
  readonly evidence: Evidence;
  readonly digest: string;
}

/** Offers that cannot be read are nobody's evidence; a receipt that names one fails as missing. */
function readOffers({ records }: AuditContext): readonly ReadOffer[] {
  return records.of('EvidenceOffer').flatMap((offer) => {
    try {
      const evidence = parseEvidenceBytes(Buffer.from(offer.value.evidence));
      return [{ offer, evidence, digest: evidenceDigest(evidence) }];
    } catch {
      return [];
    }
  });
}

/** Whatever holds at both ends of a time holds between: certificates, lists and policies have one beginning and one end. */
function firstAndLast(uses: readonly Use[]): readonly Use[] {
  const byOffer = Map.groupBy(uses, ({ offer }) => offer.digest);
  return [...byOffer.values()].flatMap((list) => {
    const sorted = list.toSorted((a, b) => a.at.getTime() - b.at.getTime());
    return [...new Set([sorted[0], sorted.at(-1)])].filter((use) => use !== undefined);
  });
}

/** @returns whether the platform is the simulated one */
function checkUse(context: AuditContext, { site, offer, evidence, at, where }: Use): boolean {
  const policy = context.policies.get(site);
  if (policy === undefined) {
    throw wrong('evidence-policy', "the hospital's policy is not there, so its evidence cannot be judged", {
      where,
      expected: `policies/${site}.yaml`,
    });
  }
  const asked = askedAt(context, offer);
  if (asked === null) throw wrong('evidence-nonce', 'the evidence answers no nonce that this site chose', { where });
  const age = (at.getTime() - asked.getTime()) / 1000;
  const limit = Math.min(policy.maxEvidenceAgeSeconds, context.records.plan.value.attestation.maxEvidenceAgeSeconds);
  if (age > limit) {
    throw wrong('evidence-age', 'the evidence was too old', {
      where,
      expected: `at most ${limit} s`,
      got: `${Math.round(age)} s`,
    });
  }
  const expected = { nonce: offer.value.nonce, sessionOpenDigest: offer.value.session };
  const report = verifyEnclave({ evidence, policy: withoutSecondOpinion(policy), expected, at, mirror: [] });
  if (!report.accepted || report.enclave === null) {
    const failed = report.steps.find(({ status }) => status !== 'ok');
    throw wrong(
      'evidence-refused',
      `this site's policy does not accept the evidence: ${failed?.name ?? 'unknown'}: ${failed?.reason ?? ''}`,
      { where },
    );
  }
  requireReleased(context, { session: offer.value.session, code: report.enclave.code, where });
  return report.simulated;
}

/** When the site chose this nonce: in its statement at the session's start, or in a later request. */
function askedAt({ records }: AuditContext, { value }: Verified<'EvidenceOffer'>): Date | null {
  const open = records.byDigest('SessionOpen', value.session)?.value;
  const own = (document: { site: string; nonce: string }): boolean =>
    document.site === value.site && document.nonce === value.nonce;
  const statement = records
    .of('ResumeStatement')
    .find((record) => own(record.value) && record.value.challenge === open?.challenge);
  if (statement !== undefined) return new Date(statement.value.statedAt);
  const request = records
    .of('EvidenceRequest')
    .find((record) => own(record.value) && record.value.session === value.session);
  return request === undefined ? null : new Date(request.value.requestedAt);
}

/** The keys of NVIDIA's service were each site's own and are in no record: its answers are not judged, and the step says so. */
function withoutSecondOpinion(policy: Policy): Policy {
  const { gpu } = policy;
  return gpu === 'unused' ? policy : { ...policy, gpu: { ...gpu, nvidia: { ...gpu.nvidia, nras: 'notUsed' } } };
}

interface MeasuredUse {
  readonly session: string;
  readonly code: MeasuredCode;
  readonly where: string;
}

/** Whatever the platform: the code that the hardware measured is one that the session's release lists. */
function requireReleased({ records, releases }: AuditContext, { session, code, where }: MeasuredUse): void {
  const open = records.byDigest('SessionOpen', session)?.value;
  const measurements = releases.find(({ digest }) => digest === open?.release)?.value.measurements ?? [];
  if (measurements.some((entry) => isListed(entry, code))) return;
  throw wrong('evidence-release', 'the evidence shows code that the release does not name', {
    where,
    expected: measurements.map(codeText).join(', '),
    got: codeText(code),
  });
}
