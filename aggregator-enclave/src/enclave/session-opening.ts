// Opens a session: keys born here, a challenge, a quorum's statements, and the SessionOpen that says where the study goes on.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import type { Verified } from '@wardround/protocol/documents/signed';
import { describeError, hasCode } from '@wardround/protocol/errors';
import { generateEphemeralHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { labels } from '@wardround/protocol/labels';
import { resumeRecords } from '@wardround/protocol/resume-records';
import { attemptFloor, type ClosedRound, resumePoint } from '@wardround/protocol/resume-rule';
import type { VerifiedApproval } from './approvals.ts';
import type { StudyContext } from './study-context.ts';

export type VerifiedStatement = Verified<'ResumeStatement'>;

/** An open session, as the work in it needs it. */
export interface OpenedSession {
  readonly open: Verified<'SessionOpen'>;
  readonly receiptKey: SigningKey;
  /** For what sites hand back to the session as a whole; this version hands checkpoints back to orders. */
  readonly sessionKey: HpkePrivateKey;
  readonly approvals: ReadonlyMap<string, VerifiedApproval>;
  readonly statements: readonly VerifiedStatement[];
}

export type OpeningStep =
  | { readonly state: 'waiting'; readonly until: Date | null }
  | { readonly state: 'open'; readonly session: OpenedSession }
  /** Quorums closed one round twice, so more than f sites collude: the study must stop, which only an open session can say. */
  | { readonly state: 'fork'; readonly session: OpenedSession };

export class SessionOpening {
  readonly #context: StudyContext;
  readonly #receiptKey: SigningKey;
  readonly #sessionKey: HpkePrivateKey;
  readonly #challenge: Verified<'SessionChallenge'>;
  #graceUntil: Date | null = null;
  #said: string | null = null;

  private constructor(
    context: StudyContext,
    keys: { receiptKey: SigningKey; sessionKey: HpkePrivateKey },
    challenge: Verified<'SessionChallenge'>,
  ) {
    this.#context = context;
    this.#receiptKey = keys.receiptKey;
    this.#sessionKey = keys.sessionKey;
    this.#challenge = challenge;
  }

  /** Makes the session's keys and asks the sites where they stand. */
  static async begin(context: StudyContext): Promise<SessionOpening> {
    const receiptKey = generateSigningKey();
    const sessionKey = await generateEphemeralHpkeKey();
    const challenge = await context.publish(
      'SessionChallenge',
      {
        kind: 'SessionChallenge',
        version: 1,
        ...context.names,
        receiptKey: receiptKey.publicKey,
        nonce: context.nonce(),
        challengedAt: context.now().toISOString(),
      },
      receiptKey,
    );
    context.log({ level: 'info', code: 'session-challenge', message: 'asked the sites where they stand' });
    return new SessionOpening(context, { receiptKey, sessionKey }, challenge);
  }

  /** @param release digest of the EnclaveRelease that lists this program */
  async step(release: string): Promise<OpeningStep> {
    const approvals = this.#context.approvals();
    const statements = this.#statements(approvals);
    if (approvals.size < this.#needed() || statements.length < this.#context.quorum)
      return { state: 'waiting', until: null };
    if (statements.length < approvals.size) {
      this.#graceUntil ??= this.#context.after(this.#context.settings.statementGraceMilliseconds);
      if (this.#context.now() < this.#graceUntil) return { state: 'waiting', until: this.#graceUntil };
    }
    return await this.#open({ approvals, statements, release });
  }

  /** max(K, q): fewer approvals could neither make a sum nor cosign it. */
  #needed(): number {
    return Math.max(this.#context.plan.sites.minimum, this.#context.quorum);
  }

  /** The first statement of each approved site, by site. */
  #statements(approvals: ReadonlyMap<string, VerifiedApproval>): readonly VerifiedStatement[] {
    const first = new Map<string, VerifiedStatement>();
    for (const statement of this.#context.records.of('ResumeStatement')) {
      const { challenge, site } = statement.value;
      if (challenge === this.#challenge.digest && approvals.has(site) && !first.has(site)) first.set(site, statement);
    }
    return [...first.values()].toSorted((a, b) => (a.value.site < b.value.site ? -1 : 1));
  }

  async #open(with_: Opening): Promise<OpeningStep> {
    try {
      const resumesFrom = this.#resumePoint(with_.statements);
      return { state: 'open', session: await this.#publishOpen(with_, resumesFrom) };
    } catch (error) {
      if (hasCode(error, 'receipt-fork')) return { state: 'fork', session: await this.#publishOpen(with_, null) };
      if (!hasCode(error, 'receipt-unknown') && !hasCode(error, 'receipt-undecided')) throw error;
      this.#sayOnce(describeError(error));
      return { state: 'waiting', until: null };
    }
  }

  #sayOnce({ code, message }: { readonly code: string; readonly message: string }): void {
    if (this.#said !== code) this.#context.log({ level: 'warn', code, message });
    this.#said = code;
  }

  #resumePoint(statements: readonly VerifiedStatement[]): ClosedRound | null {
    return resumePoint({
      ...resumeRecords(this.#context.records, null),
      statements: statements.map(({ value }) => value),
    });
  }

  async #publishOpen(
    { approvals, statements, release }: Opening,
    resumesFrom: ClosedRound | null,
  ): Promise<OpenedSession> {
    const context = this.#context;
    const f = context.records.federation.colludingSites;
    const open = await context.publish(
      'SessionOpen',
      {
        kind: 'SessionOpen',
        version: 1,
        federation: context.names.federation,
        membership: context.members.membership,
        study: context.study,
        challenge: this.#challenge.digest,
        approvals: [...approvals].map(([site, approval]) => ({ site, approval: approval.digest })),
        statements: statements.map(({ value, digest }) => ({ site: value.site, statement: digest })),
        resumesFrom,
        attemptFloor: attemptFloor(
          statements.map(({ value }) => value),
          f,
        ),
        receiptKey: this.#receiptKey.publicKey,
        sessionKey: this.#sessionKey.publicKey,
        configuration: toHex(labelledSha256(labels.configuration, canonicalJson(context.settings))),
        release,
        log: { mode: 'unwitnessed' },
        openedAt: context.now().toISOString(),
      },
      this.#receiptKey,
    );
    context.log({
      level: 'info',
      code: 'session-open',
      message:
        resumesFrom === null
          ? `opened a session of ${statements.length} sites at the study's start`
          : `opened a session of ${statements.length} sites after round ${resumesFrom.round}`,
    });
    return { open, receiptKey: this.#receiptKey, sessionKey: this.#sessionKey, approvals, statements };
  }
}

interface Opening {
  readonly approvals: ReadonlyMap<string, VerifiedApproval>;
  readonly statements: readonly VerifiedStatement[];
  readonly release: string;
}
