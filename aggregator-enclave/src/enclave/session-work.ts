// What the orders of one open session share: its documents and keys, what it has heard already, its orders and its refusals.
import type { RoundOrder, Task } from '@wardround/protocol/documents/round';
import { describeError } from '@wardround/protocol/errors';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import type { Accumulator } from './accumulator.ts';
import type { VerifiedContribution, VerifiedOrder } from './admission.ts';
import type { VerifiedApproval } from './approvals.ts';
import type { EvidenceDesk } from './evidence-desk.ts';
import type { OpenedSession } from './session-opening.ts';
import type { StudyContext } from './study-context.ts';

export interface SessionWork {
  readonly context: StudyContext;
  readonly session: OpenedSession;
  readonly evidence: EvidenceDesk;
  readonly accumulator: Accumulator;
  /** Tasks of the orders that this session gave, by digest. */
  readonly orders: Map<string, Task>;
  /** A number that no order had before. */
  readonly takeAttempt: () => number;
  /** Digests of contributions that were decided on. */
  readonly heard: Set<string>;
  /** Takes in new records and answers evidence requests while a long update is read. */
  readonly breathe: () => Promise<void>;
}

/** What differs between one order and the next. */
export type OrderTerms = Pick<RoundOrder, 'task' | 'round' | 'base' | 'roster' | 'rollsForward'>;

/** Publishes an order to the public half of `roundKey`, which lives no longer than the order. */
export async function giveOrder(
  work: SessionWork,
  terms: OrderTerms,
  roundKey: HpkePrivateKey,
): Promise<VerifiedOrder> {
  const { context, session } = work;
  const attempt = work.takeAttempt();
  const order = await context.publish(
    'RoundOrder',
    {
      kind: 'RoundOrder',
      version: 1,
      ...context.names,
      session: session.open.digest,
      phase: 'whole',
      ...terms,
      attempt,
      roundKey: roundKey.publicKey,
      maskMaterial: null,
      issuedAt: context.now().toISOString(),
      deadline: context.after(1000 * context.plan.sites.deadlineSeconds).toISOString(),
    },
    session.receiptKey,
  );
  work.orders.set(order.digest, terms.task);
  const { round } = terms;
  context.log({ level: 'info', code: 'order', message: `ordered ${terms.task}`, round, attempt });
  return order;
}

/** The session's approvals that still hold. */
export function holdingApprovals({
  context,
  session,
}: Pick<SessionWork, 'context' | 'session'>): ReadonlyMap<string, VerifiedApproval> {
  const now = context.approvals();
  return new Map([...session.approvals].filter(([site, { digest }]) => now.get(site)?.digest === digest));
}

/**
 * Tells the board, and people, which contribution was refused and why; nothing of its content. Once for each site and order, and once for
 * all of a site's that name no order of this session: each is signed and kept, and a hostile site can send any number.
 */
export async function refuse(work: SessionWork, contribution: VerifiedContribution, error: unknown): Promise<void> {
  const { context, session } = work;
  const { code } = describeError(error);
  const { site, order, round, attempt } = contribution.value;
  if (wasRefused(work, site, order)) return;
  context.log({ level: 'warn', code, message: 'refused a contribution', site, round, attempt });
  await context.publish(
    'ContributionRefusal',
    {
      kind: 'ContributionRefusal',
      version: 1,
      ...context.names,
      session: session.open.digest,
      order,
      site,
      contribution: contribution.digest,
      code,
    },
    session.receiptKey,
  );
}

function wasRefused({ context, session, orders }: SessionWork, site: string, order: string): boolean {
  return context.records
    .of('ContributionRefusal')
    .some(
      ({ value }) =>
        value.session === session.open.digest &&
        value.site === site &&
        (value.order === order || (!orders.has(order) && !orders.has(value.order))),
    );
}

/** Contributions to this order that nobody decided on yet; each is given out once. */
export function* newContributions(work: SessionWork, order: VerifiedOrder): Generator<VerifiedContribution> {
  for (const contribution of work.context.records.of('Contribution')) {
    if (contribution.value.order !== order.digest || work.heard.has(contribution.digest)) continue;
    work.heard.add(contribution.digest);
    yield contribution;
  }
}
