// From evidence to a VerifiedEnclave that this site's plan and approval accept: release, nonce, appraisal at this site's own time.
import { parseEvidenceBytes } from '@wardround/attestation/evidence';
import type { NrasReading } from '@wardround/attestation/nvidia/nras';
import { readSecondOpinions, wantedOpinion } from '@wardround/attestation/second-opinions';
import type { AppraisalInput } from '@wardround/attestation/verifier';
import { codeText, isListed } from '@wardround/attestation/composite/measured-code';
import { admitEnclave, type VerifiedEnclave } from '@wardround/attestation/verified-enclave';
import { utf8 } from '@wardround/protocol/bytes';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { thumbprint } from '@wardround/protocol/keys';
import { type OwnApproval, requireAccepted } from './approval-check.ts';
import { GateWaits, refused } from './refusal.ts';
import type { Session } from './session-check.ts';
import type { GateView, OwnNonce } from './view.ts';

/** An enclave that this site verified for one session, with the age of what it rests on. */
export interface AttestedSession {
  readonly open: Session;
  readonly enclave: VerifiedEnclave;
  /** When this site made the nonce: the evidence is no older than this. */
  readonly evidenceFrom: Date;
}

/** The newest evidence that answers a nonce of this site for a session, with what takes waiting done. */
export interface Presented {
  readonly nonce: OwnNonce;
  readonly offer: Verified<'EvidenceOffer'>;
  /** What NVIDIA's attestation service says, where the policy wants it to. */
  readonly secondOpinions: readonly NrasReading[];
}

/**
 * Before the gate is asked, so that everything it asks is asked at one moment. Judges nothing, and throws nothing for what the offer holds.
 *
 * @returns null where there is no such evidence
 */
export async function presentedEvidence(view: GateView, open: Session): Promise<Presented | null> {
  const [newest] = ownOffers(view, open);
  return newest === undefined ? null : { ...newest, secondOpinions: await readOpinions(view, newest, open) };
}

async function readOpinions(
  view: GateView,
  { nonce, offer }: Pick<Presented, 'nonce' | 'offer'>,
  open: Session,
): Promise<readonly NrasReading[]> {
  if (wantedOpinion(view.policy) === null) return [];
  try {
    return await readSecondOpinions(appraisalOf(view, { nonce, offer, open }));
  } catch (error) {
    // The appraisal says what is wrong with it; a policy that wants an opinion refuses without.
    if (error instanceof WardroundError) return [];
    throw error;
  }
}

function appraisalOf(
  { policy, mirror, now }: GateView,
  { nonce, offer, open }: Pick<Presented, 'nonce' | 'offer'> & { readonly open: Session },
): Omit<AppraisalInput, 'secondOpinions'> {
  return {
    evidence: parseEvidenceBytes(utf8(offer.value.evidence)),
    policy,
    expected: { nonce: nonce.nonce, sessionOpenDigest: open.digest },
    at: now,
    mirror,
  };
}

export interface Asked {
  readonly open: Session;
  readonly approval: OwnApproval;
  readonly presented: Presented | null;
}

/**
 * Appraises the evidence that was presented for this session.
 *
 * @throws GateWaits `evidence-awaited` (none came yet), `evidence-due` (all of it is too old: ask again)
 * @throws WardroundError `release-unknown`, `release-releaser`, `release-other`, `release-expired`, `release-revoked`, `release-measurement`,
 * `evidence-platform`, `approval-weakness`, and those of the verifier
 */
export function attestSession(view: GateView, { open, approval, presented }: Asked): AttestedSession {
  const release = requireRelease(view, open);
  const { nonce, offer, secondOpinions } = requireFreshOffer(view, open, presented);
  const enclave = admitEnclave({ ...appraisalOf(view, { nonce, offer, open }), secondOpinions });
  requireMeasurement(release, enclave);
  requirePlanned(view, enclave);
  if (enclave.simulated) requireAccepted(approval, 'simulatedPlatform');
  if (open.value.log.mode === 'unwitnessed') requireAccepted(approval, 'unwitnessed');
  return { open, enclave, evidenceFrom: new Date(nonce.issuedAt) };
}

/** The stricter of the plan's and the site's own. */
export function maxEvidenceAgeMs({ policy, records }: Pick<GateView, 'policy' | 'records'>): number {
  return 1000 * Math.min(policy.maxEvidenceAgeSeconds, records.plan.value.attestation.maxEvidenceAgeSeconds);
}

/** Nonces of this site for a session: the one in its statement, and those it asked with later. */
export function noncesOf(view: Pick<GateView, 'nonces'>, open: Session): readonly OwnNonce[] {
  return [...view.nonces(open.value.challenge), ...view.nonces(open.digest)];
}

/** Offers for this session that answer one of this site's nonces, newest nonce first; an offer for a nonce that it never made is nothing. */
export function ownOffers(
  view: Pick<GateView, 'nonces' | 'records' | 'site'>,
  open: Session,
): readonly { readonly nonce: OwnNonce; readonly offer: Verified<'EvidenceOffer'> }[] {
  const offers = view.records
    .of('EvidenceOffer')
    .filter(({ value }) => value.session === open.digest && value.site === view.site);
  return noncesOf(view, open)
    .toReversed()
    .flatMap((nonce) => {
      const offer = offers.findLast(({ value }) => value.nonce === nonce.nonce);
      return offer === undefined ? [] : [{ nonce, offer }];
    });
}

function requireFreshOffer(view: GateView, open: Session, newest: Presented | null): Presented {
  if (newest === null) {
    const came = view.records
      .of('EvidenceOffer')
      .some(({ value }) => value.session === open.digest && value.site === view.site);
    // Evidence came, but for a nonce that this site never made for this session: a replay, or a mistake. Both are refused.
    if (came && ownOffers(view, open).length === 0)
      throw refused('evidence-nonce', 'the evidence answers another nonce than any of this site');
    throw new GateWaits('evidence-awaited', 'the enclave has not sent evidence yet');
  }
  const age = view.now.getTime() - Date.parse(newest.nonce.issuedAt);
  if (age > maxEvidenceAgeMs(view) || age < 0)
    throw new GateWaits('evidence-due', 'the evidence is too old to rely on');
  return newest;
}

function requireRelease(view: GateView, { value }: Session): Verified<'EnclaveRelease'> {
  const release = view.releases.get(value.release);
  if (release === undefined)
    throw refused('release-unknown', 'no releaser of the federation signed this enclave release', {
      got: value.release,
    });
  requireReleaser(view, release);
  const { attestation } = view.records.plan.value;
  if (release.value.name !== attestation.release) {
    throw refused('release-other', "not the plan's enclave release", {
      expected: attestation.release,
      got: release.value.name,
    });
  }
  if (view.now >= new Date(release.value.expires)) {
    throw refused('release-expired', 'the enclave release has expired', {
      expected: `a time before ${release.value.expires}`,
    });
  }
  // Any of them: a revocation for a later day must not hide one that holds already.
  const revoked = view.revocations.find(
    ({ value: { release: of, revokedAt } }) => of === release.digest && view.now >= new Date(revokedAt),
  );
  if (revoked !== undefined) {
    throw refused('release-revoked', 'the enclave release was revoked', { got: revoked.value.revokedAt });
  }
  return release;
}

/** Releasers that the federation removed release nothing any more; their revocations count for good. */
function requireReleaser({ newest }: GateView, { value, signer }: Verified<'EnclaveRelease'>): void {
  const releaser = newest.releasers.find(({ name }) => name === value.releaser);
  if (releaser !== undefined && thumbprint(releaser.key) === signer) return;
  throw refused('release-releaser', 'signed by somebody who is no releaser of the federation any more', {
    got: value.releaser,
  });
}

function requireMeasurement(release: Verified<'EnclaveRelease'>, enclave: VerifiedEnclave): void {
  const listed = release.value.measurements.some((entry) => isListed(entry, enclave.code));
  if (!listed)
    throw refused('release-measurement', 'the enclave runs code that the release does not list', {
      got: codeText(enclave.code),
    });
}

function requirePlanned({ records }: GateView, enclave: VerifiedEnclave): void {
  const { platforms, gpu } = records.plan.value.attestation;
  if (!platforms.includes(enclave.platform)) {
    throw refused('evidence-platform', 'not a platform that the plan allows', {
      expected: platforms.join(', '),
      got: enclave.platform,
    });
  }
  if (gpu === 'required' && enclave.gpus.length === 0)
    throw refused('evidence-gpu-required', 'the plan requires evidence of a GPU');
  if (gpu === 'unused' && enclave.gpus.length > 0)
    throw refused('evidence-gpu-unwanted', 'the plan uses no GPU, and the enclave shows one', {
      got: enclave.gpus.join(', '),
    });
}
