// The newest order of a verified session: do its round's work, make the integers durable, ask the gate again, seal, upload, say so. In this order only.
import { checkpointDigest } from '@wardround/learning/checkpoint';
import { roundTask } from '@wardround/learning/rounds/round-task';
import { WardroundError } from '@wardround/protocol/errors';
import { encodePayload, payloadDigest, secretLength } from '@wardround/protocol/payload';
import { PayloadReader } from '@wardround/protocol/payload-reader';
import { Consent } from '../../gate/consent.ts';
import { asksThisSite, type Order, type Work } from '../../gate/order-check.ts';
import { GateRefusal, GateWaits } from '../../gate/refusal.ts';
import { type SealedContent, SealedUpdate } from '../../gate/sealed-update.ts';
import type { Session } from '../../gate/session-check.ts';
import type { StoredPayload } from '../state.ts';
import type { Study } from '../study.ts';
import { keepWithPayload, keptState, removeOld } from '../kept-state.ts';
import { requestEvidence } from './open-sessions.ts';

/** @param refresh takes in what a person decided meanwhile: a withdrawal takes effect before the next sealing */
export async function contribute(study: Study, refresh: () => Promise<void>): Promise<void> {
  const due = dueOrder(study);
  if (due === undefined || !study.retries.isDue(due.order.digest)) return;
  const { order, session } = due;
  try {
    await work(study, { order, session, refresh });
  } catch (error) {
    if (error instanceof GateWaits) {
      if (error.code === 'evidence-due') await requestEvidence(study, session, await study.view());
      return;
    }
    if (!(error instanceof GateRefusal)) throw error;
    const { round, attempt } = order.value;
    await study.refuse(error, order.digest, { session: session.digest, round, attempt });
  }
}

/** Of verified sessions, asking this site, not answered, and the highest attempt: an older one is over once a newer was given. */
function dueOrder(study: Study): { readonly order: Order; readonly session: Session } | undefined {
  const answered = new Set(
    study.records.of('Contribution').flatMap(({ value }) => (value.site === study.site ? [value.order] : [])),
  );
  const now = study.ports.now();
  const orders = study.records.of('RoundOrder').filter((order) => study.sessions.has(order.value.session));
  const highest = orders.reduce((attempt, { value }) => Math.max(attempt, value.attempt), 0);
  // Two orders of one attempt number: the one that was not answered is looked at, and refused by its name.
  const newest = orders.findLast(({ value, digest }) => value.attempt === highest && !answered.has(digest));
  if (newest === undefined || now >= new Date(newest.value.deadline)) return undefined;
  const attested = study.sessions.get(newest.value.session);
  return attested === undefined || !asksThisSite(study, newest) ? undefined : { order: newest, session: attested.open };
}

interface Due {
  readonly order: Order;
  readonly session: Session;
  readonly refresh: () => Promise<void>;
}

async function work(study: Study, { order, session, refresh }: Due): Promise<void> {
  const { ports, digest } = study;
  const { round, attempt } = order.value;
  // Asked first so that nothing is trained in vain, and again below, with what is known then.
  const first = await Consent.ask(await study.view(), session, order);
  const content = await contentFor(study, order, first.work);
  ports.state.keepSealing({
    study: digest,
    round,
    attempt,
    order: order.digest,
    session: session.digest,
    payload: content.digest,
  });
  await refresh();
  const consent = await Consent.ask(await study.view(), session, order);
  const sealed = await SealedUpdate.seal(consent, content);
  const ciphertext = await ports.outlet.upload(sealed);
  await study.state(await sealed.contribution(ciphertext, ports.keys.agent));
  study.check = null;
  ports.log({ level: 'info', event: 'contributed', study: digest, session: session.digest, round, attempt });
}

async function contentFor(study: Study, order: Order, what: Work): Promise<SealedContent> {
  switch (what.kind) {
    case 'returnCheckpoint':
      return await checkpointContent(study, what.checkpoint);
    case 'reseal':
      return payloadContent(study, requirePayload(study, order, what.payload));
    case 'work':
      return payloadContent(study, await workedPayload(study, order, what.base.round));
  }
}

async function checkpointContent(
  { ports, digest }: Study,
  { round, checkpoint }: { readonly round: number; readonly checkpoint: string },
): Promise<SealedContent> {
  const bytes = await ports.files.readCheckpoint(digest, round);
  if (bytes === null || checkpointDigest(bytes) !== checkpoint) {
    throw new WardroundError('checkpoint-lost', 'the checkpoint on disk is not the one that was kept', {
      action: 'stop',
    });
  }
  return { bytes: [bytes], digest: checkpoint, tensors: [] };
}

/** The very integers of a round that this site cosigned. @throws WardroundError `payload-missing` */
function requirePayload({ ports, digest }: Study, { value }: Order, payload: string): StoredPayload {
  const kept = ports.state.payloads(digest, value.round).find((known) => known.payload === payload);
  if (kept === undefined) {
    throw new WardroundError('payload-missing', 'the integers that this site contributed are gone', { action: 'stop' });
  }
  return kept;
}

/** The integers of this attempt: those on disk, where it was begun before a kill; else worked out now, and durable before anything else. */
async function workedPayload(study: Study, { value }: Order, baseRound: number): Promise<StoredPayload> {
  const { ports, digest, plan, site } = study;
  const { round, attempt } = value;
  const before = ports.state.payloads(digest, round).find((known) => known.attempt === attempt);
  if (before !== undefined) return before;
  const base = baseRound === 0 ? study.initial.bytes : await ports.files.readCheckpoint(digest, baseRound);
  if (base === null || checkpointDigest(base) !== value.base.checkpoint) {
    throw new WardroundError('checkpoint-lost', 'the base on disk is not the one that was kept', { action: 'stop' });
  }
  const kept = await keptState(study, round);
  const done = await ports.learner.work({ plan, site, round, base, data: await study.data(), kept });
  const payload = { tensors: done.tensors, secret: ports.random(secretLength) };
  const stored = { study: digest, round, attempt, payload: payloadDigest(payload) };
  // This site's own state first: integers that are on disk are never worked out again, and what goes with them must be there with them.
  await keepWithPayload(study, stored, done.kept);
  await ports.files.writePayload(digest, { round, attempt }, encodePayload(payload, plan.encoding.paddingBytes));
  ports.state.keepPayload(stored);
  await removeOld(study, round);
  return stored;
}

function payloadContent(study: Study, { round, attempt, payload }: StoredPayload): SealedContent {
  const { tensors } = roundTask(study.plan, round);
  return { bytes: checkedPayload(study, { round, attempt, payload }), digest: payload, tensors };
}

/** What is sealed is what was made durable: a disk that changed one bit of it is found out before the header is signed. */
async function* checkedPayload(
  study: Study,
  { round, attempt, payload }: Pick<StoredPayload, 'round' | 'attempt' | 'payload'>,
): AsyncGenerator<Uint8Array> {
  const { paddingBytes } = study.plan.encoding;
  const { tensors } = roundTask(study.plan, round);
  const reader = new PayloadReader({ tensors, paddingBytes, onRun: () => {} });
  for await (const piece of study.ports.files.readPayload(study.digest, { round, attempt })) {
    reader.feed(piece);
    yield piece;
  }
  if (reader.end().digest !== payload)
    throw new WardroundError('payload-corrupt', 'the integers on disk changed', { action: 'stop' });
}
