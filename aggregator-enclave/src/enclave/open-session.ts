// The work of one open session, as a level-triggered machine: each step looks at what is known and does the next thing that is owed.
import { absenteeCodes, type AbsenteeCode } from '@wardround/protocol/refusal-codes';
import { lastRound, stageOf } from '@wardround/protocol/schedule';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { resumeRecords } from '@wardround/protocol/resume-records';
import type { VerifiedApproval } from './approvals.ts';
import { initialCheckpoint, type KnownCheckpoint, type KnownResult, nextCheckpoint, resultIn } from './checkpoints.ts';
import { refusal } from './admission.ts';
import { issueReceipt, type VerifiedReceipt } from './receipt.ts';
import { Resumption } from './resumption.ts';
import { type ClosedAttempt, RoundAttempt } from './round-attempt.ts';
import { orderRoster } from './order-roster.ts';
import { publishResult } from './round-result.ts';
import { publishModel } from './sealed-model.ts';
import { holdingApprovals, refuse, type SessionWork } from './session-work.ts';
import { hasResult, witnessesOf } from './witnesses.ts';

export type SessionStep =
  | { readonly state: 'working'; readonly until: Date | null }
  /** The session can do no more; a new one, with the sites' newest statements, goes on. */
  | { readonly state: 'renew' }
  /** The study is complete or was stopped. */
  | { readonly state: 'over' };

type Task =
  /** Finds out where to go on, and gets back what that needs. */
  | { readonly kind: 'resume'; readonly resumption: Resumption }
  /** Orders the next attempt as soon as it may. */
  | { readonly kind: 'order'; readonly notBefore: Date }
  | { readonly kind: 'collect'; readonly attempt: RoundAttempt; readonly unordered: ReadonlyMap<string, AbsenteeCode> }
  | {
      readonly kind: 'witness';
      readonly receipt: VerifiedReceipt;
      readonly model: KnownCheckpoint;
      readonly lacking: boolean;
      readonly renewAt: Date;
    }
  /** This session can do no more, and a new one would find the same if it began at once. */
  | { readonly kind: 'rest'; readonly renewAt: Date };

export class OpenSession {
  readonly #work: SessionWork;
  #task: Task;
  /** What the next round starts from; in a roll-forward the round before the cosigned one. */
  #base: KnownCheckpoint;
  #previous: string | null = null;
  #rollsForward: VerifiedReceipt | null = null;
  /** Of the present round. */
  #attempts = 0;
  #waitingFor: string | null = null;

  constructor(work: SessionWork) {
    this.#work = work;
    this.#base = initialCheckpoint(work.context.plan);
    this.#task = { kind: 'resume', resumption: new Resumption(work) };
  }

  /** Does all that can be done now. @throws whatever the platform or the relay throw; a further call goes on */
  async step(): Promise<SessionStep> {
    await this.#work.evidence.serve();
    await this.#refuseStrays();
    for (;;) {
      const step = await this.#advance();
      if (step !== null) return this.#noLaterThanEvidence(step);
    }
  }

  /** Hardware that failed is asked again even where nothing else would wake the session. */
  #noLaterThanEvidence(step: SessionStep): SessionStep {
    const { nextLook } = this.#work.evidence;
    if (step.state !== 'working' || nextLook === null) return step;
    return step.until !== null && step.until < nextLook ? step : { ...step, until: nextLook };
  }

  /** Ends the study for a reason that only a person can mend. */
  async stop(code: string, detail: string): Promise<SessionStep> {
    const { context, session } = this.#work;
    const round = this.#base.round + 1;
    context.log({ level: 'error', code, message: `stopped the study: ${detail}`, round });
    await context.publish(
      'StudyStop',
      {
        kind: 'StudyStop',
        version: 1,
        ...context.names,
        session: session.open.digest,
        round,
        code,
        detail,
        stoppedAt: context.now().toISOString(),
      },
      session.receiptKey,
    );
    return { state: 'over' };
  }

  /** Null when something was done and more may follow. */
  async #advance(): Promise<SessionStep | null> {
    switch (this.#task.kind) {
      case 'resume':
        return await this.#resume(this.#task.resumption);
      case 'order':
        return await this.#order(this.#task.notBefore);
      case 'collect':
        return await this.#collect(this.#task);
      case 'witness':
        return await this.#witness(this.#task);
      case 'rest':
        return this.#now() < this.#task.renewAt ? { state: 'working', until: this.#task.renewAt } : { state: 'renew' };
    }
  }

  async #resume(resumption: Resumption): Promise<SessionStep | null> {
    const step = await resumption.step();
    switch (step.state) {
      case 'waiting':
        return step.why === null ? { state: 'working', until: step.until } : this.#wait('receipt-missing', step.why);
      case 'start':
        return this.#go({ kind: 'order', notBefore: this.#now() });
      case 'closed':
        return this.#go(
          step.lacking || !hasResult(this.#work.context.records, step.receipt)
            ? this.#witnessing(step.receipt, step.model, step.lacking)
            : this.#goOn(step.receipt, step.model),
        );
      case 'rollForward':
        this.#base = step.base;
        this.#previous = step.receipt.value.previous;
        this.#rollsForward = step.receipt;
        return this.#go({ kind: 'order', notBefore: this.#now() });
      case 'stop':
        return await this.stop(step.code, step.detail);
    }
  }

  async #order(notBefore: Date): Promise<SessionStep | null> {
    if (this.#wasClosedElsewhere()) return { state: 'renew' };
    if (this.#now() < notBefore) return { state: 'working', until: notBefore };
    const { context } = this.#work;
    if (this.#base.round >= lastRound(context.plan)) return this.#complete();
    if (context.now().toISOString() >= context.plan.expires)
      return await this.stop('plan-expired', 'the plan has expired');
    if (this.#approvalsWereAdded()) return { state: 'renew' };
    const roster = this.#rollsForward === null ? this.#holding() : this.#rollForwardApprovals(this.#rollsForward);
    if (roster === null) {
      return await this.#cannotRollForward('a contributor of the cosigned round has no such approval any more');
    }
    if (roster.size < context.plan.sites.minimum) {
      return this.#wait('approvals-missing', `waits for the approvals of ${context.plan.sites.minimum} sites`);
    }
    if (this.#attempts >= context.plan.sites.maxAttempts) return await this.#exhausted();
    const { entries, leftOut } = orderRoster(context.plan, roster);
    const round = this.#base.round + 1;
    const attempt = await RoundAttempt.begin(
      this.#work,
      {
        task: stageOf(context.plan, round).task,
        round,
        base: { checkpoint: this.#base.checkpoint, model: this.#base.model },
        roster: entries,
        rollsForward: this.#rollsForward?.digest ?? null,
      },
      this.#rollsForward === null ? null : payloadsOf(this.#rollsForward),
    );
    this.#attempts += 1;
    const unordered = this.#rollsForward === null ? leftOut : absenteesOf(this.#rollsForward);
    return this.#go({ kind: 'collect', attempt, unordered });
  }

  async #collect({ attempt, unordered }: Extract<Task, { kind: 'collect' }>): Promise<SessionStep | null> {
    const step = await attempt.step();
    if (step.state === 'collecting') return { state: 'working', until: step.until };
    if (step.state === 'void') return await this.#giveUp(attempt, 'attempt-void');
    try {
      return await this.#close(attempt, unordered);
    } catch (error) {
      if (describeError(error).code !== 'removal-impossible') throw error;
      return await this.#giveUp(attempt, 'removal-impossible');
    }
  }

  async #close(attempt: RoundAttempt, unordered: ReadonlyMap<string, AbsenteeCode>): Promise<SessionStep | null> {
    const rolled = this.#rollsForward;
    const closed = await attempt.close({ all: rolled !== null });
    const needed = rolled === null ? this.#plan.sites.minimum : rolled.value.contributors.length;
    if (closed.contributors.length < needed) return await this.#shortfall(attempt, closed.contributors.length);
    const next = this.#next(closed);
    if (next instanceof WardroundError) return await this.stop(next.code, 'the sums make no model');
    if (rolled !== null && rolled.value.checkpoint !== next.model.checkpoint) {
      return await this.stop('roll-forward-mismatch', 'the same integers did not make the cosigned checkpoint');
    }
    const { model, released } = next;
    const receipt = await issueReceipt(this.#work, {
      closed,
      next: model,
      released,
      previous: this.#previous,
      unordered,
    });
    return this.#go(this.#witnessing(receipt, model));
  }

  #next(closed: ClosedAttempt): { model: KnownCheckpoint; released: KnownResult | null } | WardroundError {
    const { contributors, sums, totalWeight, each } = closed;
    try {
      const task = this.#work.context.taskOf(this.#base.round + 1);
      const model = nextCheckpoint(task, this.#base, { sums, totalWeight, each, contributors: contributors.length });
      return { model, released: resultIn(this.#plan, model) };
    } catch (error) {
      if (error instanceof WardroundError) return error;
      throw error;
    }
  }

  async #shortfall(attempt: RoundAttempt, contributors: number): Promise<SessionStep | null> {
    const { round } = attempt.order.value;
    const message = `${contributors} contributions are too few`;
    this.#work.context.log({ level: 'warn', code: 'shortfall', message, round, attempt: attempt.order.value.attempt });
    if (this.#plan.sites.onShortfall === 'stop') return await this.#exhausted();
    return await this.#giveUp(attempt, 'shortfall');
  }

  /** A new attempt, but not before this one's deadline: sites that are away get the time that the plan gives them. */
  async #giveUp(attempt: RoundAttempt, code: string): Promise<SessionStep | null> {
    await attempt.abandon();
    const notBefore = code === 'shortfall' ? new Date(attempt.order.value.deadline) : this.#now();
    return this.#go({ kind: 'order', notBefore });
  }

  #complete(): SessionStep {
    this.#work.context.log({
      level: 'info',
      code: 'study-complete',
      message: 'the study is complete',
      round: this.#base.round,
    });
    return { state: 'over' };
  }

  async #exhausted(): Promise<SessionStep | null> {
    if (this.#rollsForward !== null) {
      return await this.#cannotRollForward('not all contributors of the cosigned round came back');
    }
    return await this.stop('shortfall', 'too few sites contributed');
  }

  /**
   * A round that q sites cosigned is the study's for good, and so is one that so many vouch for that q others cannot be found. Any other may
   * still be passed over, when sites that were not heard say where they stand: a new session asks them.
   */
  async #cannotRollForward(detail: string): Promise<SessionStep | null> {
    if (this.#rollsForward === null || this.#isCosigned(this.#rollsForward) || this.#isForGood(this.#rollsForward)) {
      return await this.stop('roll-forward-impossible', detail);
    }
    const message = `${detail}; no quorum is known to have cosigned it: asks again`;
    const { round } = this.#rollsForward.value;
    this.#work.context.log({ level: 'warn', code: 'roll-forward-impossible', message, round });
    return this.#go({ kind: 'rest', renewAt: this.#renewAt() });
  }

  /** Fewer than q sites of the roster are left that do not vouch for the round or a later one. */
  #isForGood({ value: { round } }: VerifiedReceipt): boolean {
    const { context, session } = this.#work;
    const vouching = session.statements.filter(({ value }) =>
      [...value.held, ...(value.newestReceipt === null ? [] : [value.newestReceipt])].some((at) => at.round >= round),
    );
    return context.plan.sites.roster.length - vouching.length < context.quorum;
  }

  /** By a quorum. */
  #isCosigned(receipt: VerifiedReceipt): boolean {
    return witnessesOf(this.#work.context.records, receipt).size >= this.#work.context.quorum;
  }

  /** A round of another session got its quorum after the statements of this one were made: a new session goes on from it. */
  #wasClosedElsewhere(): boolean {
    const { context, session } = this.#work;
    const { proven } = resumeRecords(context.records, session.open.digest);
    const later = proven.filter(({ round }) => round > this.#base.round);
    return later.some(({ checkpoint }) => checkpoint !== this.#rollsForward?.value.checkpoint);
  }

  async #witness({
    receipt,
    model,
    lacking,
    renewAt,
  }: Extract<Task, { kind: 'witness' }>): Promise<SessionStep | null> {
    if (!this.#isCosigned(receipt)) {
      if (this.#now() < renewAt) return { state: 'working', until: renewAt };
      const { round } = receipt.value;
      this.#work.context.log({
        level: 'warn',
        code: 'witnesses-missing',
        message: 'no quorum cosigned; asks again',
        round,
      });
      return { state: 'renew' };
    }
    // The result first: a study whose last model was sealed is complete, and nobody would come back for it.
    await publishResult(this.#work, receipt, model);
    if (lacking) await publishModel(this.#work, receipt, model);
    return this.#go(this.#goOn(receipt, model));
  }

  /** The round is closed for good. */
  #goOn(receipt: VerifiedReceipt, model: KnownCheckpoint): Task {
    this.#base = model;
    this.#previous = receipt.digest;
    this.#rollsForward = null;
    this.#attempts = 0;
    return { kind: 'order', notBefore: this.#now() };
  }

  /** @param lacking whether some site may not have the model */
  #witnessing(receipt: VerifiedReceipt, model: KnownCheckpoint, lacking = true): Task {
    return { kind: 'witness', receipt, model, lacking, renewAt: this.#renewAt() };
  }

  #renewAt(): Date {
    return this.#work.context.after(1000 * this.#plan.sites.deadlineSeconds);
  }

  /** What was sent to this session but to none of its orders, or to one that is closed. */
  async #refuseStrays(): Promise<void> {
    const { records } = this.#work.context;
    for (const contribution of records.of('Contribution')) {
      const { session, order } = contribution.value;
      if (session !== this.#work.session.open.digest || this.#work.heard.has(contribution.digest)) continue;
      const task = this.#work.orders.get(order);
      // A recall decides on its own; what comes after it was answered is of no use and no fault.
      if (task === 'checkpointReturn' || order === this.#currentOrder()) continue;
      this.#work.heard.add(contribution.digest);
      if (task === undefined) await refuse(this.#work, contribution, refusal('contribution-order', 'no order of ours'));
      else await refuse(this.#work, contribution, refusal('contribution-late', 'the order is closed'));
    }
  }

  #currentOrder(): string | null {
    return this.#task.kind === 'collect' ? this.#task.attempt.order.digest : null;
  }

  #holding(): ReadonlyMap<string, VerifiedApproval> {
    return holdingApprovals(this.#work);
  }

  /** Exactly the receipt's contributors, with their weights; null where one of them withdrew or weighs otherwise now. */
  #rollForwardApprovals(receipt: VerifiedReceipt): ReadonlyMap<string, VerifiedApproval> | null {
    const holding = this.#holding();
    const found = new Map<string, VerifiedApproval>();
    for (const { site, weight } of receipt.value.contributors) {
      const approval = holding.get(site);
      if (approval === undefined || approval.value.weight !== weight) return null;
      found.set(site, approval);
    }
    return found;
  }

  #approvalsWereAdded(): boolean {
    const known = this.#work.session.approvals;
    return [...this.#work.context.approvals()].some(([site, { digest }]) => known.get(site)?.digest !== digest);
  }

  #wait(code: string, message: string): SessionStep {
    if (this.#waitingFor !== code) this.#work.context.log({ level: 'warn', code, message });
    this.#waitingFor = code;
    return { state: 'working', until: this.#task.kind === 'order' ? new Date(this.#plan.expires) : null };
  }

  #go(task: Task): null {
    this.#task = task;
    this.#waitingFor = null;
    return null;
  }

  get #plan(): SessionWork['context']['plan'] {
    return this.#work.context.plan;
  }

  #now(): Date {
    return this.#work.context.now();
  }
}

/** A roll-forward repeats the cosigned round, its absentees included. */
function absenteesOf(receipt: VerifiedReceipt): ReadonlyMap<string, AbsenteeCode> {
  const codes: readonly AbsenteeCode[] = absenteeCodes;
  return new Map(
    receipt.value.absentees.map(({ site, code }) => [site, codes.find((known) => known === code) ?? 'no-contribution']),
  );
}

function payloadsOf(receipt: VerifiedReceipt): ReadonlyMap<string, string> {
  return new Map(receipt.value.contributors.map(({ site, payload }) => [site, payload]));
}
