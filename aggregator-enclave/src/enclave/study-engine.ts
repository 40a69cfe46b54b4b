// One study, from its first approvals to its last model: takes in the board's records and does what they and the clock ask for next.
import { describeError } from '@wardround/protocol/errors';
import { Accumulator } from './accumulator.ts';
import { BoardInbox } from './board-inbox.ts';
import { EvidenceDesk } from './evidence-desk.ts';
import { OpenSession, type SessionStep } from './open-session.ts';
import { type OpenedSession, SessionOpening } from './session-opening.ts';
import type { SessionWork } from './session-work.ts';
import type { StudyContext } from './study-context.ts';
import { isComplete, isStopped } from './witnesses.ts';

type Phase =
  | { readonly name: 'idle' }
  | { readonly name: 'opening'; readonly opening: SessionOpening }
  | { readonly name: 'open'; readonly session: OpenSession };

export class StudyEngine {
  readonly #context: StudyContext;
  readonly #release: () => Promise<string | null>;
  readonly #inbox: BoardInbox;
  #phase: Phase = { name: 'idle' };
  #said = '';
  #patientUntil: Date | null = null;

  /** @param release digest of the release that lists this program, for this plan; null while there is none */
  constructor(context: StudyContext, release: () => Promise<string | null>) {
    this.#context = context;
    this.#release = release;
    this.#inbox = new BoardInbox(context.ports.clock);
  }

  /** Something outside this study's topic changed (members, releases). */
  wake(): void {
    this.#inbox.wake();
  }

  /** Works until the study is over or `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const until = AbortSignal.any([signal, done.signal]);
    const following = this.#inbox.follow(this.#context.ports.relay.board, this.#context.study, until);
    try {
      await Promise.race([this.#loop(until), following.then(() => new Promise<never>(() => {}))]);
    } finally {
      done.abort();
      await following.catch(() => {});
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#takeRecords();
      const step = await this.#stepSafely();
      if (step.state === 'over') return;
      const unsent = await this.#context.sendUnsent();
      const until = step.state === 'working' ? step.until : null;
      await this.#inbox.wait(unsent ? this.#soon(until) : until, signal);
    }
  }

  async #stepSafely(): Promise<SessionStep> {
    try {
      return await this.#step();
    } catch (error) {
      const { code, message } = describeError(error);
      this.#context.log({ level: 'error', code, message: `tries again: ${message}` });
      return { state: 'working', until: this.#soon(null) };
    }
  }

  async #step(): Promise<SessionStep> {
    for (;;) {
      const step = await this.#phaseStep();
      if (step === null) continue;
      if (step.state !== 'renew') return step;
      this.#phase = { name: 'idle' };
    }
  }

  /** Null when the phase changed. */
  async #phaseStep(): Promise<SessionStep | null> {
    switch (this.#phase.name) {
      case 'idle':
        return await this.#begin();
      case 'opening':
        return await this.#open(this.#phase.opening);
      case 'open':
        return await this.#phase.session.step();
    }
  }

  async #begin(): Promise<SessionStep | null> {
    const context = this.#context;
    const quietUntil = new Date(this.#inbox.lastArrival.getTime() + context.settings.quietMilliseconds);
    if (context.now() < quietUntil) return { state: 'working', until: quietUntil };
    if (this.#isOver()) return { state: 'over' };
    const needed = Math.max(context.plan.sites.minimum, context.quorum);
    const approvals = context.approvals().size;
    if (approvals < needed) return this.#wait(`waits for approvals: ${approvals} of at least ${needed}`);
    const patience = this.#patienceWithUndecided();
    if (patience !== null) return patience;
    if ((await this.#release()) === null) return this.#wait('waits for a release that lists this program');
    this.#phase = { name: 'opening', opening: await SessionOpening.begin(context) };
    return null;
  }

  /**
   * At the study's very start a site that has not decided yet is waited for, as long as a round would wait for it: otherwise the fastest
   * quorum would train the first rounds alone. Later approvals join by a new session. Null when there is nobody to wait for.
   */
  #patienceWithUndecided(): SessionStep | null {
    const context = this.#context;
    const { records, plan } = context;
    if (records.of('SessionOpen').length > 0) return null;
    const decided = new Set(
      [...records.of('Approval'), ...records.of('Refusal'), ...records.of('Withdrawal')].map(({ value }) => value.site),
    );
    const undecided = plan.sites.roster.map(({ name }) => name).filter((name) => !decided.has(name));
    if (undecided.length === 0) return null;
    this.#patientUntil ??= context.after(1000 * plan.sites.deadlineSeconds);
    if (context.now() >= this.#patientUntil) return null;
    return this.#wait(`enough sites approved; waits for ${undecided.join(', ')} to decide`, this.#patientUntil);
  }

  #isOver(): boolean {
    const { records, quorum, plan } = this.#context;
    if (isComplete(records, quorum)) return this.#ends('study-complete', 'the study is complete already');
    if (isStopped(records)) return this.#ends('study-stopped', 'the study was stopped');
    if (this.#context.now().toISOString() >= plan.expires) return this.#ends('plan-expired', 'the plan has expired');
    return false;
  }

  #ends(code: string, message: string): true {
    this.#context.log({ level: 'info', code, message });
    return true;
  }

  async #open(opening: SessionOpening): Promise<SessionStep | null> {
    const release = await this.#release();
    if (release === null) return this.#wait('waits for a release that lists this program');
    const step = await opening.step(release);
    if (step.state === 'waiting') return { state: 'working', until: step.until };
    this.#phase = this.#workIn(step.session);
    if (step.state === 'open') return null;
    return await this.#phase.session.stop('receipt-fork', 'quorums cosigned two results of one round');
  }

  #workIn(session: OpenedSession): Extract<Phase, { name: 'open' }> {
    const context = this.#context;
    const evidence = new EvidenceDesk(context, session.open, session.receiptKey);
    const accumulator = new Accumulator([]);
    const breathe = async (): Promise<void> => {
      await this.#takeRecords();
      await evidence.serve();
    };
    let attempt = session.open.value.attemptFloor;
    const work: SessionWork = {
      context,
      session,
      evidence,
      accumulator,
      orders: new Map(),
      takeAttempt: () => attempt++,
      heard: new Set(),
      breathe,
    };
    return { name: 'open', session: new OpenSession(work) };
  }

  async #takeRecords(): Promise<void> {
    if (this.#inbox.takeRewound()) await this.#context.publishAgain();
    for (const jws of this.#inbox.take()) {
      try {
        await this.#context.records.add(jws);
      } catch (error) {
        const cause = describeError(error).code;
        this.#context.log({ level: 'warn', code: 'record-ignored', message: 'a record that does not hold', cause });
      }
    }
  }

  #wait(message: string, until: Date | null = null): SessionStep {
    if (this.#said !== message) this.#context.log({ level: 'info', code: 'waiting', message });
    this.#said = message;
    return { state: 'working', until };
  }

  #soon(until: Date | null): Date {
    const soon = this.#context.after(this.#context.settings.retryMilliseconds);
    return until !== null && until < soon ? until : soon;
  }
}
