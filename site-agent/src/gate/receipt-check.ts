// A RoundReceipt before this site cosigns it: step 4 of a round (docs/protocol.md 4.3). After cosigning, this site says the same for good.
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import { absenteeCodes } from '@wardround/protocol/refusal-codes';
import { lastRound, releasesResult, stageOf } from '@wardround/protocol/schedule';
import type { OwnApproval } from './approval-check.ts';
import { follows, type Receipt } from './chain.ts';
import { requireConditions } from './conditions.ts';
import type { AttestedSession } from './enclave-check.ts';
import type { Order } from './order-check.ts';
import { refused } from './refusal.ts';
import type { GateView } from './view.ts';

/** A receipt that passed; only {@link checkReceipt} makes one, and only one of these is cosigned. */
export class CheckedReceipt {
  readonly receipt: Receipt;
  readonly #proof: symbol;

  constructor(key: symbol, receipt: Receipt) {
    if (key !== token) throw refused('receipt-unchecked', 'this receipt was not checked');
    this.receipt = receipt;
    this.#proof = key;
  }

  static holds(value: CheckedReceipt): boolean {
    return #proof in value && value.#proof === token;
  }
}

const token = Symbol('checked receipt');

export interface ReceiptContext {
  readonly session: AttestedSession;
  readonly approval: OwnApproval;
}

/**
 * @throws WardroundError `receipt-order`, `receipt-session`, `receipt-round`, `receipt-previous`, `receipt-fork`, `receipt-roll-forward`,
 * `receipt-base`, `receipt-result`, `receipt-noise`, `receipt-contributors`, `receipt-contribution`, `receipt-own`, `receipt-total`,
 * `receipt-absentees`, `receipt-peers`, `receipt-share`
 */
export function checkReceipt(view: GateView, receipt: Receipt, context: ReceiptContext): CheckedReceipt {
  const order = requireOrder(view, receipt, context);
  requireUnique(view, receipt);
  requirePlace(view, receipt);
  requireRollForward(view, receipt, order);
  requireResult(view, receipt.value, order);
  requireContributors(view, receipt.value, order);
  requireOwn(view, receipt.value);
  requireAbsentees(view, receipt.value);
  requireOwnConditions(view, receipt.value, context.approval);
  return new CheckedReceipt(token, receipt);
}

/** The order is known, this session's, and what the receipt says it was. */
function requireOrder({ records }: GateView, { value }: Receipt, { session }: ReceiptContext): Order {
  if (value.session !== session.open.digest) throw refused('receipt-session', 'a receipt of another session');
  const order = records.byDigest('RoundOrder', value.order);
  if (order?.value.session !== value.session || order.value.task !== value.task) {
    throw refused('receipt-order', 'the receipt names an order that this site does not know', { got: value.order });
  }
  if (order.value.round !== value.round || order.value.attempt !== value.attempt) {
    throw refused('receipt-order', "round or attempt are not the order's", {
      expected: `${order.value.round}, ${order.value.attempt}`,
      got: `${value.round}, ${value.attempt}`,
    });
  }
  return order;
}

/** One receipt a round; a second one only with the same checkpoint, and so the same result. What this site cosigned before decides, whichever session it came from. */
function requireUnique({ records, site }: GateView, { value }: Receipt): void {
  for (const { value: cosignature } of records.of('Cosignature')) {
    if (cosignature.site !== site || cosignature.round !== value.round) continue;
    const earlier = records.byDigest('RoundReceipt', cosignature.receipt);
    if (earlier?.value.checkpoint === value.checkpoint && earlier.value.result === value.result) continue;
    throw refused('receipt-fork', 'this site cosigned another result of this round', {
      expected: earlier?.value.checkpoint ?? cosignature.receipt,
      got: value.checkpoint ?? 'none',
    });
  }
}

function requirePlace({ chain, records }: GateView, receipt: Receipt): void {
  const { round } = receipt.value;
  if (round > lastRound(records.plan.value))
    throw refused('receipt-round', 'the plan has no such round', { got: String(round) });
  const before = round === 1 ? undefined : chain[round - 2];
  if (round > chain.length + 1 || (round > 1 && before === undefined)) {
    throw refused('receipt-round', 'not the next round', {
      expected: `at most ${chain.length + 1}`,
      got: String(round),
    });
  }
  if (follows(receipt, before)) return;
  if (round === 1 && receipt.value.previous === null) return;
  throw refused('receipt-previous', 'the receipt does not continue the round before', {
    expected: before?.receipts[0]?.digest ?? 'none',
    got: receipt.value.previous ?? 'none',
  });
}

function requireRollForward({ records }: GateView, { value }: Receipt, order: Order): void {
  if (value.rollsForward !== order.value.rollsForward) {
    throw refused('receipt-roll-forward', 'receipt and order do not roll the same receipt forward');
  }
  if (value.rollsForward === null) return;
  const rolled = records.byDigest('RoundReceipt', value.rollsForward);
  const same =
    rolled?.value.round === value.round &&
    rolled.value.checkpoint === value.checkpoint &&
    rolled.value.result === value.result;
  if (same) return;
  throw refused('roll-forward-mismatch', 'the round was rolled forward to another result', {
    expected: rolled?.value.checkpoint ?? 'none',
    got: value.checkpoint ?? 'none',
  });
}

/** Every round makes a checkpoint. Statistics and evaluations leave the model as it is, and release a result; no other round does. */
function requireResult({ records }: GateView, receipt: RoundReceipt, order: Order): void {
  if (receipt.base !== order.value.base.checkpoint)
    throw refused('receipt-base', "not the order's base", { got: receipt.base });
  const { task } = stageOf(records.plan.value, receipt.round);
  if (receipt.task !== task)
    throw refused('receipt-result', 'not what the plan has this round for', { expected: task, got: receipt.task });
  if (receipt.model === null || receipt.checkpoint === null)
    throw refused('receipt-result', 'every round results in a model and a checkpoint', { got: receipt.task });
  const released = releasesResult(task);
  if (released !== (receipt.result !== null))
    throw refused('receipt-result', 'statistics and evaluations release a result, and nothing else does', {
      got: task,
    });
  if (released && receipt.model !== order.value.base.model)
    throw refused('receipt-result', 'this round changes no model', {
      expected: order.value.base.model,
      got: receipt.model,
    });
  if (receipt.noise.mode !== 'none' || receipt.survivors !== null) {
    throw refused('receipt-noise', 'the plan has neither noise nor masks', { got: receipt.noise.mode });
  }
}

/** Each of the order's roster, with its weight and approval, and with a contribution that it signed and this site sees. */
function requireContributors({ records }: GateView, receipt: RoundReceipt, { value: order, digest }: Order): void {
  for (const { site, contribution, payload, weight, approval } of receipt.contributors) {
    const entry = order.roster.find(({ name }) => name === site);
    if (entry?.weight !== weight)
      throw refused('receipt-contributors', "not a site of the order's roster with its weight", { got: site });
    const record = records.byDigest('Contribution', contribution);
    if (record?.value.site !== site || record.value.order !== digest || record.value.payload !== payload) {
      throw refused('receipt-contribution', 'no contribution of that site is known with this payload', { got: site });
    }
    if (record.value.approval !== approval || record.value.weight !== weight) {
      throw refused('receipt-contribution', 'the contribution was made under another approval or weight', {
        got: site,
      });
    }
  }
  const total = receipt.contributors.reduce((sum, { weight }) => sum + weight, 0);
  if (total !== receipt.totalWeight) {
    throw refused('receipt-total', 'the total weight is not the sum of the weights', {
      expected: String(total),
      got: String(receipt.totalWeight),
    });
  }
}

/** Where this site is counted, it is with exactly what it sealed. */
function requireOwn({ site, sealings }: GateView, receipt: RoundReceipt): void {
  const own = receipt.contributors.find((contributor) => contributor.site === site);
  if (own === undefined) return;
  const sealed = sealings.find(({ order }) => order === receipt.order);
  if (sealed?.payload === own.payload) return;
  throw refused('receipt-own', 'the receipt counts a contribution that this site did not make', {
    expected: sealed?.payload ?? 'none',
    got: own.payload,
  });
}

/** Contributors and absentees are together the plan's roster: nobody is silently left out, this site included. */
function requireAbsentees({ records }: GateView, receipt: RoundReceipt): void {
  const named = [...receipt.contributors, ...receipt.absentees].map(({ site }) => site).toSorted();
  const roster = records.plan.value.sites.roster.map(({ name }) => name);
  if (named.join() !== roster.join()) {
    throw refused('receipt-absentees', 'contributors and absentees are not together the roster', {
      expected: roster.join(', '),
      got: named.join(', '),
    });
  }
  const known: readonly string[] = absenteeCodes;
  const unknown = receipt.absentees.find(({ code }) => !known.includes(code));
  if (unknown !== undefined) throw refused('receipt-absentees', 'not a reason to be absent', { got: unknown.code });
}

function requireOwnConditions({ records, site }: GateView, receipt: RoundReceipt, approval: OwnApproval): void {
  const plan = records.plan.value;
  if (receipt.contributors.length < plan.sites.minimum) {
    throw refused('receipt-contributors', 'fewer contributors than the plan needs', {
      expected: String(plan.sites.minimum),
      got: String(receipt.contributors.length),
    });
  }
  if (!receipt.contributors.some((contributor) => contributor.site === site)) return;
  const agents = new Map(plan.sites.roster.map(({ name, agent }) => [name, agent]));
  const contributors = receipt.contributors.map((contributor) => ({
    name: contributor.site,
    agent: agents.get(contributor.site) ?? '',
    weight: contributor.weight,
  }));
  requireConditions({ code: 'receipt', plan, approval, contributors });
}
