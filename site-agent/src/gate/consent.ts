// THE GATE. Consent to one order: every check of docs/protocol.md, made together, at this moment. Nothing is sealed without one.
import type { VerifiedEnclave } from '@wardround/attestation/verified-enclave';
import { type OwnApproval, requireAccepted, requireApproval } from './approval-check.ts';
import { type AttestedSession, attestSession, presentedEvidence } from './enclave-check.ts';
import { checkOrder, type Order, type Work } from './order-check.ts';
import { refused, stage } from './refusal.ts';
import { checkSession, type Session } from './session-check.ts';
import type { GateView } from './view.ts';

/** Known to this module only: nothing else can make a Consent. */
const token = Symbol('consent');

interface ConsentFacts {
  readonly site: string;
  readonly session: AttestedSession;
  readonly approval: OwnApproval;
  readonly order: Order;
  readonly work: Work;
  /** What this site began to seal for this order, made durable before. */
  readonly begun: string | null;
  readonly givenAt: Date;
}

/**
 * This site agrees, now, to contribute to this order of this session to this enclave. Not to be kept: it is asked for again immediately
 * before each sealing.
 */
export class Consent {
  readonly #facts: ConsentFacts;

  private constructor(key: symbol, facts: ConsentFacts) {
    if (key !== token) throw refused('consent-not-given', 'only the gate gives consent');
    this.#facts = Object.freeze({ ...facts });
    Object.freeze(this);
  }

  /**
   * Asks for everything again: the person's approval, the session, the enclave's evidence, the order.
   *
   * @throws GateRefusal whose `code` names the check and whose `status` may be published
   * @throws GateWaits where something has not come yet
   */
  static async ask(view: GateView, session: Session, order: Order): Promise<Consent> {
    const presented = await presentedEvidence(view, session);
    const approval = stage('not-taking-part', () => approvalFor(view));
    const approvals = stage('session-refused', () => checkSession(view, session));
    const attested = stage('evidence-refused', () => attestSession(view, { open: session, approval, presented }));
    const work = stage('order-refused', () => checkOrder(view, order, { open: session, approvals, approval }));
    const begun = view.sealings.find((sealing) => sealing.order === order.digest)?.payload ?? null;
    return new Consent(token, { site: view.site, session: attested, approval, order, work, begun, givenAt: view.now });
  }

  get site(): string {
    return this.#facts.site;
  }
  get session(): Session {
    return this.#facts.session.open;
  }
  get enclave(): VerifiedEnclave {
    return this.#facts.session.enclave;
  }
  get approval(): OwnApproval {
    return this.#facts.approval;
  }
  get order(): Order {
    return this.#facts.order;
  }
  get work(): Work {
    return this.#facts.work;
  }
  get begun(): string | null {
    return this.#facts.begun;
  }
  get givenAt(): Date {
    return new Date(this.#facts.givenAt);
  }
}

/**
 * The gate at the start of a session: the same checks, but for an order.
 *
 * @throws as {@link Consent.ask}
 */
export async function openSession(view: GateView, session: Session): Promise<AttestedSession> {
  const presented = await presentedEvidence(view, session);
  const approval = stage('not-taking-part', () => approvalFor(view));
  stage('session-refused', () => checkSession(view, session));
  return stage('evidence-refused', () => attestSession(view, { open: session, approval, presented }));
}

/**
 * The board may hold an approval of this site that this disk does not know: another's disk, or one restored to before it. Its budget was
 * never reserved here, and what is not in the ledger may not be spent.
 */
function requireReserved({ reserved }: GateView, { digest }: OwnApproval): void {
  if (!reserved(digest))
    throw refused('approval-unreserved', 'the privacy ledger holds no reservation for the approval');
}

/** The approval in force, for this plan, with what the plan itself is known to be weak in accepted by name. */
function approvalFor(view: GateView): OwnApproval {
  const approval = requireApproval(view);
  requireReserved(view, approval);
  const { privacy, masking, initialWeights, strategy } = view.records.plan.value;
  if (privacy.mode === 'noDifferentialPrivacy') requireAccepted(approval, 'noDifferentialPrivacy');
  if (masking.mode === 'unmasked') requireAccepted(approval, 'unmasked');
  if (initialWeights.method === 'importedWeights') requireAccepted(approval, 'importedWeights');
  if (strategy.name === 'selectingRule') requireAccepted(approval, 'selectingRule');
  for (const weakness of view.weaknesses) requireAccepted(approval, weakness);
  return approval;
}
