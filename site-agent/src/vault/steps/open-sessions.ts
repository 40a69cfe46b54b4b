// Takes newly opened sessions through the gate, and asks for fresh evidence where what there is grows old.
import { codeText } from '@wardround/attestation/composite/measured-code';
import { toHex } from '@wardround/protocol/bytes';
import { sign } from '@wardround/protocol/documents/signed';
import { hasCode } from '@wardround/protocol/errors';
import { openSession } from '../../gate/consent.ts';
import { type AttestedSession, maxEvidenceAgeMs, noncesOf, ownOffers } from '../../gate/enclave-check.ts';
import { GateWaits } from '../../gate/refusal.ts';
import { ownStatement, type Session } from '../../gate/session-check.ts';
import type { GateView } from '../../gate/view.ts';
import type { Study } from '../study.ts';

/** Older sessions are over; a hostile board must not make us appraise without end. */
const listenedSessions = 8;
/** Of how many it is known since when they are looked at. */
const rememberedSessions = 1024;
/** How long records of the federation's topic may lag behind the study's. */
const otherTopicGraceMs = 5000;
/** Fresh evidence is asked for when this part of its allowed age has passed, so that no round waits for it. */
const askAgainAfter = 0.75;

export async function openSessions(study: Study): Promise<void> {
  for (const open of newestSessions(study)) {
    const attested = study.sessions.get(open.digest);
    if (attested === undefined) {
      if (study.retries.isDue(open.digest)) await tryOpen(study, open);
    } else await refreshEvidence(study, attested);
  }
}

/** Those whose challenge this site answered: whoever opens others, however many, is not listened to and keeps nobody from being. */
function newestSessions({ records, site }: Study): readonly Session[] {
  const answered = new Set(
    records.of('ResumeStatement').flatMap(({ value }) => (value.site === site ? [value.challenge] : [])),
  );
  return records
    .of('SessionOpen')
    .filter(({ value }) => answered.has(value.challenge))
    .slice(-listenedSessions);
}

async function tryOpen(study: Study, open: Session): Promise<void> {
  const view = await study.view();
  // Two statements in this site's name: none is its own.
  if (ownStatement(view, open.value.challenge) === undefined) return;
  try {
    const attested = await openSession(view, open);
    study.sessions.set(open.digest, attested);
    study.records.prove(open.digest);
    study.retries.passed(open.digest);
    study.check = null;
    study.ports.log({
      level: 'info',
      event: 'session-verified',
      study: study.digest,
      session: open.digest,
      detail: `${attested.enclave.simulated ? 'SIMULATED platform, proves nothing; ' : ''}measurement ${codeText(attested.enclave.code)}`,
    });
  } catch (error) {
    if (error instanceof GateWaits) {
      if (hasCode(error, 'evidence-due')) await requestEvidence(study, open, view);
      return;
    }
    if (mayBeLate(study, open, error)) return;
    await study.refuse(error, open.digest, { session: open.digest, round: null, attempt: null });
  }
}

/**
 * The two topics come side by side: what a session names from the federation's may be a moment behind it. A refusal is said of the whole
 * session, so for that moment it is held back; the session is looked at again all the while.
 */
function mayBeLate(study: Study, open: Session, error: unknown): boolean {
  const now = study.ports.now().getTime();
  const since = study.sessionsSince.get(open.digest) ?? now;
  study.sessionsSince.set(open.digest, since);
  const [oldest] = study.sessionsSince.keys();
  if (study.sessionsSince.size > rememberedSessions && oldest !== undefined) study.sessionsSince.delete(oldest);
  const isOther = hasCode(error, 'session-membership') || hasCode(error, 'release-unknown');
  return isOther && now - since < otherTopicGraceMs;
}

async function refreshEvidence(study: Study, { open }: AttestedSession): Promise<void> {
  const view = await study.view();
  const [newest] = ownOffers(view, open);
  const age = newest === undefined ? Infinity : view.now.getTime() - Date.parse(newest.nonce.issuedAt);
  if (age < askAgainAfter * maxEvidenceAgeMs(view)) return;
  const orders = study.records.of('RoundOrder').filter(({ value }) => value.session === open.digest);
  // Nobody asks a session that has nothing to do any more.
  if (!orders.some(({ value }) => view.now < new Date(value.deadline))) return;
  await requestEvidence(study, open, view);
}

/** One request at a time: while the newest nonce is unanswered and young, it is waited for. */
export async function requestEvidence(study: Study, open: Session, view: GateView): Promise<void> {
  const nonces = noncesOf(view, open);
  const newest = nonces.at(-1);
  const answered = ownOffers(view, open)[0]?.nonce.nonce === newest?.nonce;
  const age = newest === undefined ? Infinity : view.now.getTime() - Date.parse(newest.issuedAt);
  if (!answered && age < maxEvidenceAgeMs(view)) return;
  const nonce = toHex(study.ports.random(32));
  const requestedAt = view.now.toISOString();
  study.ports.state.keepNonce({ nonce, study: study.digest, purpose: open.digest, issuedAt: requestedAt });
  const names = { federation: study.records.federation.federation, study: study.digest, site: study.site };
  const request = { kind: 'EvidenceRequest', version: 1, ...names, session: open.digest, nonce, requestedAt } as const;
  await study.state(await sign('EvidenceRequest', request, study.ports.keys.agent));
}
