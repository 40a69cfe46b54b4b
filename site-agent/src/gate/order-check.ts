// A RoundOrder against the study's state at this site: step 1 of a round (docs/protocol.md 4.3).
import type { RoundOrder } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import { hpkePublicKeyBytes } from '@wardround/protocol/hpke-keys';
import { lastRound, stageOf } from '@wardround/protocol/schedule';
import type { OwnApproval } from './approval-check.ts';
import { type ClosedRound, follows, newestRound, type Receipt } from './chain.ts';
import { requireConditions } from './conditions.ts';
import { GateWaits, refused } from './refusal.ts';
import type { Session } from './session-check.ts';
import type { GateView, OwnCheckpoint } from './view.ts';

export type Order = Verified<'RoundOrder'>;

/** What the order asks of this site. */
export type Work =
  /** What the plan has the round for, from this base. */
  | { readonly kind: 'work'; readonly base: OwnCheckpoint }
  /** The same integers and secret bytes again: a roll-forward, or a round that this site cosigned and no quorum did. */
  | { readonly kind: 'reseal'; readonly payload: string }
  | { readonly kind: 'returnCheckpoint'; readonly checkpoint: OwnCheckpoint };

export interface OrderContext {
  readonly open: Session;
  readonly approvals: ReadonlyMap<string, OwnApproval>;
  readonly approval: OwnApproval;
}

/** Whether the order asks this site at all. */
export function asksThisSite(
  { site }: Pick<GateView, 'site'>,
  { value }: { readonly value: Pick<RoundOrder, 'roster'> },
): boolean {
  return value.roster.some(({ name }) => name === site);
}

/**
 * @throws WardroundError `order-session`, `order-task`, `order-phase`, `order-deadline`, `order-attempt`, `order-max-attempts`,
 * `order-roster`, `order-key`, `order-round`, `order-roll-forward`, `base-model`, `order-peers`, `order-share`,
 * `order-payload`
 * @throws GateWaits `checkpoint-awaited` where the order goes on from a round that this site has not received yet
 */
export function checkOrder(view: GateView, order: Order, context: OrderContext): Work {
  requireSession(order, context.open);
  requireForm(order.value);
  requireTask(view, order.value);
  requireTime(view, order.value);
  requireAttempt(view, order, context.open);
  requireRoster(view, order.value, context);
  if (order.value.task === 'checkpointReturn')
    return requireSame(view, order, { kind: 'returnCheckpoint', checkpoint: requireHeld(view, order.value) });
  const work = requireRound(view, order.value, context);
  requireAttemptsLeft(view, order, work);
  return requireSame(view, order, work);
}

/**
 * One order, one payload: what this site began to seal for it is all it ever gets. Another is due where an older receipt of the round came
 * in between, or was cosigned; then the next order gets that, and this one nothing more. What is worked out is compared when it is sealed.
 */
function requireSame({ sealings }: GateView, { digest }: Order, work: Work): Work {
  const before = sealings.find(({ order }) => order === digest)?.payload;
  const now =
    work.kind === 'reseal' ? work.payload : work.kind === 'returnCheckpoint' ? work.checkpoint.checkpoint : before;
  if (before === undefined || before === now) return work;
  throw refused('order-payload', 'this site began to seal other integers for the order', {
    expected: before,
    got: now ?? 'none',
  });
}

function requireSession({ value }: Order, open: Session): void {
  if (value.session !== open.digest) throw refused('order-session', 'an order of another session');
}

function requireForm({ phase, maskMaterial, roundKey }: RoundOrder): void {
  if (phase !== 'whole' || maskMaterial !== null)
    throw refused('order-phase', 'the plan is not masked', { got: phase });
  try {
    hpkePublicKeyBytes(roundKey);
  } catch (cause) {
    throw refused('order-key', 'the round key is no key', { cause });
  }
}

/** What the plan has this round for, whatever an enclave asks: no order can turn a round of training into one of statistics. */
function requireTask({ records }: GateView, { task, round }: RoundOrder): void {
  const plan = records.plan.value;
  if (task === 'checkpointReturn' || round > lastRound(plan)) return;
  const planned = stageOf(plan, round).task;
  if (task !== planned)
    throw refused('order-task', 'not what the plan has this round for', { expected: planned, got: task });
}

function requireTime({ now }: GateView, { deadline }: RoundOrder): void {
  if (now >= new Date(deadline)) {
    throw refused('order-deadline', 'the deadline has passed', {
      expected: `a time before ${deadline}`,
      got: now.toISOString(),
    });
  }
}

/** Above every attempt this site sealed for, in any session; the one it sealed for this very order it may seal again, with the same integers. */
function requireAttempt({ sealings }: GateView, { value, digest }: Order, { value: open }: Session): void {
  const highest = Math.max(
    open.attemptFloor - 1,
    ...sealings.filter(({ order }) => order !== digest).map(({ attempt }) => attempt),
  );
  if (value.attempt > highest) return;
  throw refused('order-attempt', 'an attempt number that was used', {
    expected: `at least ${highest + 1}`,
    got: String(value.attempt),
  });
}

/** The reservation covers so many attempts of each round and no more; resealing the same integers is none. */
function requireAttemptsLeft({ sealings, records }: GateView, { value, digest }: Order, work: Work): void {
  if (work.kind !== 'work') return;
  const others = sealings.filter(({ round, order }) => round === value.round && order !== digest);
  const used = new Set(others.map(({ payload }) => payload)).size;
  const { maxAttempts } = records.plan.value.sites;
  if (used < maxAttempts) return;
  throw refused('order-max-attempts', 'this round was attempted as often as the plan allows', {
    expected: String(maxAttempts),
  });
}

function requireRoster(
  view: GateView,
  { roster, task, rollsForward }: RoundOrder,
  { approvals, approval }: OrderContext,
): void {
  const planned = new Map(view.records.plan.value.sites.roster.map(({ name, agent }) => [name, agent]));
  for (const { name, agent, weight } of roster) {
    const counted = approvals.get(name);
    if (planned.get(name) !== agent || counted === undefined || counted.value.weight !== weight) {
      throw refused('order-roster', "a roster entry is not the plan's site with its approved weight", { got: name });
    }
  }
  if (!asksThisSite(view, { value: { roster } })) throw refused('order-roster', 'the order does not ask this site');
  if (task === 'checkpointReturn') return;
  requireConditions({
    code: 'order',
    plan: view.records.plan.value,
    approval,
    contributors: roster,
    // A roll-forward repeats a set whose conditions held when it was cosigned; where this site did not, requireRolled asks.
    skip: rollsForward !== null,
  });
}

/** The round after the newest, from the newest checkpoint; or that newest round again. */
function requireRound(view: GateView, order: RoundOrder, context: OrderContext): Work {
  const newest = newestRound(view.chain);
  if (order.rollsForward !== null) return rollForward(view, order, requireRolled(view, order, context));
  if (newest !== undefined && !newest.closed && order.round === newest.round) return retryCosigned(view, order, newest);
  const expected = (newest?.round ?? 0) + 1;
  if (order.round > expected)
    throw new GateWaits('checkpoint-awaited', 'the order is ahead of what this site has seen closed');
  if (order.round < expected || order.round > lastRound(view.records.plan.value)) {
    throw refused('order-round', 'not the round that is due', { expected: String(expected), got: String(order.round) });
  }
  return { kind: 'work', base: requireBase(view, order) };
}

/**
 * The receipt that is rolled forward: of the newest round that this site accepts, or, where it cosigned no result of that round or another
 * than the session goes on from, the very one that the session does, by the statements.
 */
function requireRolled({ chain, records }: GateView, order: RoundOrder, { open, approval }: OrderContext): Receipt {
  const newest = newestRound(chain);
  const accepted = newest?.receipts.find(({ digest }) => digest === order.rollsForward);
  if (accepted !== undefined && order.round === newest?.round) return accepted;
  const { resumesFrom } = open.value;
  const receipt = records.byDigest('RoundReceipt', order.rollsForward ?? '');
  const isResumed =
    receipt?.value.round === resumesFrom?.round && receipt?.value.checkpoint === resumesFrom?.checkpoint;
  const isDue = order.round === (newest?.closed === false ? newest.round : (newest?.round ?? 0) + 1);
  if (receipt !== undefined && isResumed && isDue && order.round === receipt.value.round) {
    // No receipt of this site's says yet that its own conditions hold for this set.
    requireConditions({ code: 'order', plan: records.plan.value, approval, contributors: order.roster });
    if (follows(receipt, chain[order.round - 2])) return receipt;
  }
  throw refused(
    'order-roll-forward',
    'not the receipt that this site cosigned last, nor the one that the session resumes from',
    {
      expected: newest?.receipts[0]?.digest ?? 'none',
      got: order.rollsForward ?? 'none',
    },
  );
}

/** Contributes to a receipt's round again only what the receipt counts, and after it cosigned a result of the round only what that one did. */
function rollForward(view: GateView, order: RoundOrder, receipt: Receipt): Work {
  const names = receipt.value.contributors.map(({ site }) => site);
  if (names.join() !== order.roster.map(({ name }) => name).join() || order.base.checkpoint !== receipt.value.base) {
    throw refused('order-roll-forward', "a roll-forward asks exactly the receipt's contributors, from its base");
  }
  const payload = payloadIn(view, receipt);
  const cosigned = newestRound(view.chain);
  if (cosigned?.round === order.round) requireOwn(payload, ownPayload(view, cosigned));
  const sealed = view.sealings.some((sealing) => sealing.round === order.round && sealing.payload === payload);
  if (!sealed) throw refused('order-roll-forward', 'the receipt counts what this site never sealed', { got: payload });
  return { kind: 'reseal', payload };
}

function payloadIn({ site }: GateView, { value }: Receipt): string {
  const own = value.contributors.find((contributor) => contributor.site === site);
  if (own === undefined) throw refused('order-roster', 'the receipt does not count this site');
  return own.payload;
}

function requireOwn(payload: string, cosigned: string): void {
  if (payload === cosigned) return;
  throw refused('order-roll-forward', 'this site cosigned that round with other integers', {
    expected: cosigned,
    got: payload,
  });
}

function retryCosigned(view: GateView, order: RoundOrder, newest: ClosedRound): Work {
  if (order.base.checkpoint !== newest.receipts[0]?.value.base)
    throw baseModel(order, newest.receipts[0]?.value.base ?? 'none');
  return { kind: 'reseal', payload: ownPayload(view, newest) };
}

function ownPayload({ site }: GateView, { receipts }: ClosedRound): string {
  const own = receipts.flatMap(({ value }) => value.contributors).find((contributor) => contributor.site === site);
  if (own === undefined)
    throw refused('order-round', 'this site cosigned that round without contributing, and never contributes to it now');
  return own.payload;
}

function requireBase(view: GateView, order: RoundOrder): OwnCheckpoint {
  const base = requireHeld(view, { ...order, round: order.round - 1 });
  const newest = newestRound(view.chain);
  if (newest !== undefined && newest.checkpoint !== base.checkpoint) throw baseModel(order, newest.checkpoint);
  return base;
}

/** The initial model is this site's own computation, every later one what a quorum cosigned: crafted weights could reveal single rows. */
function requireHeld({ held }: GateView, order: Pick<RoundOrder, 'round' | 'base'>): OwnCheckpoint {
  const own = held.find(({ round }) => round === order.round);
  if (own === undefined) throw new GateWaits('checkpoint-awaited', 'this site does not hold that checkpoint (yet)');
  if (own.checkpoint !== order.base.checkpoint || own.model !== order.base.model)
    throw baseModel(order, own.checkpoint);
  return own;
}

function baseModel(order: Pick<RoundOrder, 'base'>, expected: string): Error {
  return refused('base-model', 'the order starts from another model than the one that this site holds', {
    expected,
    got: order.base.checkpoint,
  });
}
