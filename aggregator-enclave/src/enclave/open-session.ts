// The work of one open session, as a level-triggered machine: each step looks at what is known and does the next thing that is owed.
import { absenteeCodes, type AbsenteeCode } from '@wardround/protocol/refusal-codes';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { VerifiedApproval } from './approvals.ts';
import { CheckpointRecall } from './checkpoint-recall.ts';
import { initialCheckpoint, type KnownCheckpoint, nextCheckpoint } from './checkpoints.ts';
import { refusal } from './admission.ts';
import { issueReceipt, type VerifiedReceipt } from './receipt.ts';
import { RoundAttempt } from './round-attempt.ts';
import { orderRoster } from './order-roster.ts';
import { publishModel } from './sealed-model.ts';
import { holdingApprovals, refuse, type SessionWork } from './session-work.ts';
import { witnessesOf } from './witnesses.ts';

export type SessionStep =
  | { readonly state: 'working'; readonly until: Date | null }
  /** The session can do no more; a new one, with the sites' newest statements, goes on. */
  | { readonly state: 'renew' }
  /** The study is complete or was stopped. */
  | { readonly state: 'over' };

type Task =
  /** Finds out where to go on. */
  | { readonly kind: 'start' }
  | {
      readonly kind: 'recall';
      readonly recall: CheckpointRecall;
      readonly afterwards: (found: KnownCheckpoint) => Task;
      readonly again: () => Promise<Task>;
    }
  /** Orders the next attempt as soon as it may. */
  | { readonly kind: 'order'; readonly notBefore: Date }
  | { readonly kind: 'collect'; readonly attempt: RoundAttempt; readonly unordered: ReadonlyMap<string, AbsenteeCode> }
  | {
      readonly kind: 'witness';
      readonly receipt: VerifiedReceipt;
      readonly model: KnownCheckpoint;
      readonly renewAt: Date;
    };

export class OpenSession {
  readonly #work: SessionWork;
  #task: Task = { kind: 'start' };
  /** What the next round starts from; in a roll-forward the round before the cosigned one. */
  #base: KnownCheckpoint;
  #previous: string | null = null;
  #rollsForward: VerifiedReceipt | null = null;
  #nextAttempt: number;
  #attempts = 0;
  readonly #orders = new Map<string, 'update' | 'checkpointReturn'>();

  constructor(work: SessionWork) {
    this.#work = work;
    this.#base = initialCheckpoint(work.context.plan);
    this.#nextAttempt = work.session.open.value.attemptFloor;
  }

  /** Does all that can be done now. @throws whatever the platform or the relay throw; a further call goes on */
  async step(): Promise<SessionStep> {
    await this.#work.evidence.serve();
    await this.#refuseStrays();
    for (;;) {
      const step = await this.#advance();
      if (step !== null) return step;
    }
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
      case 'start':
        return await this.#start();
      case 'recall':
        return await this.#recall(this.#task);
      case 'order':
        return await this.#order(this.#task.notBefore);
      case 'collect':
        return await this.#collect(this.#task);
      case 'witness':
        return await this.#witness(this.#task);
    }
  }

  async #start(): Promise<SessionStep | null> {
    const { resumesFrom } = this.#work.session.open.value;
    if (resumesFrom === null) return this.#go({ kind: 'order', notBefore: this.#now() });
    const receipt = this.#work.context.records.byDigest('RoundReceipt', resumesFrom.receipt);
    if (receipt === undefined)
      return this.#wait('receipt-missing', 'waits for the record of the receipt that it resumes from');
    const { round, checkpoint } = resumesFrom;
    if (receipt.value.round !== round || receipt.value.checkpoint !== checkpoint) {
      return await this.stop('receipt-fork', 'the sites’ statements do not describe the receipt that they name');
    }
    return this.#isHeld(round, checkpoint) ? await this.#resume(receipt) : await this.#rollForward(receipt);
  }

  /** The closed round's checkpoint is at a site: take it back, seal it again for those that lack it, go on. */
  async #resume(receipt: VerifiedReceipt): Promise<SessionStep | null> {
    const afterwards = (found: KnownCheckpoint): Task => {
      const lacking = !this.#allHold(found);
      return lacking ? this.#witnessing(receipt, found) : this.#goOn(receipt, found);
    };
    return await this.#recallOf(receipt, afterwards);
  }

  /** Cosigned, but sealed to nobody: the same integers must make the same checkpoint again. */
  async #rollForward(receipt: VerifiedReceipt): Promise<SessionStep | null> {
    this.#rollsForward = receipt;
    this.#previous = receipt.value.previous;
    if (receipt.value.round === 1) return this.#go({ kind: 'order', notBefore: this.#now() });
    const before = this.#work.context.records.byDigest('RoundReceipt', receipt.value.previous ?? '');
    if (before === undefined) return this.#wait('receipt-missing', 'waits for the record of the receipt before');
    return await this.#recallOf(before, (found) => {
      this.#base = found;
      return { kind: 'order', notBefore: this.#now() };
    });
  }

  async #recallOf(
    { value }: VerifiedReceipt,
    afterwards: (found: KnownCheckpoint) => Task,
  ): Promise<SessionStep | null> {
    const { round, checkpoint, model } = value;
    if (checkpoint === null || model === null)
      return await this.stop('checkpoint-lost', 'the receipt names no checkpoint');
    const again = async (): Promise<Task> => {
      const { context, session } = this.#work;
      const { entries } = orderRoster(context.plan, session.approvals);
      const terms = { round, attempt: this.#takeAttempt(), base: { checkpoint, model }, roster: entries };
      const recall = await CheckpointRecall.begin(this.#work, terms);
      this.#orders.set(recall.order.digest, 'checkpointReturn');
      return { kind: 'recall', recall, afterwards, again };
    };
    this.#attempts = 0;
    return this.#go(await again());
  }

  async #recall(task: Extract<Task, { kind: 'recall' }>): Promise<SessionStep | null> {
    const step = await task.recall.step();
    switch (step.state) {
      case 'waiting':
        return { state: 'working', until: step.until };
      case 'found':
        this.#attempts = 0;
        return this.#go(task.afterwards(step.found));
      case 'none':
        if (this.#attempts >= this.#plan.sites.maxAttempts) {
          return await this.stop('checkpoint-lost', 'no site returned the checkpoint of the closed round');
        }
        return this.#go(await task.again());
    }
  }

  async #order(notBefore: Date): Promise<SessionStep | null> {
    if (this.#now() < notBefore) return { state: 'working', until: notBefore };
    const { context } = this.#work;
    if (this.#base.round >= context.plan.rounds) return this.#complete();
    if (context.now().toISOString() >= context.plan.expires)
      return await this.stop('plan-expired', 'the plan has expired');
    if (this.#approvalsWereAdded()) return { state: 'renew' };
    const roster = this.#rollsForward === null ? this.#holding() : this.#rollForwardApprovals(this.#rollsForward);
    if (roster === null) {
      return await this.stop(
        'roll-forward-impossible',
        'a contributor of the cosigned round has no such approval any more',
      );
    }
    if (roster.size < context.plan.sites.minimum) {
      return this.#wait('approvals-missing', `waits for the approvals of ${context.plan.sites.minimum} sites`);
    }
    if (this.#attempts >= context.plan.sites.maxAttempts) return await this.#exhausted();
    const { entries, leftOut } = orderRoster(context.plan, roster);
    const attempt = await RoundAttempt.begin(
      this.#work,
      {
        task: 'update',
        round: this.#base.round + 1,
        attempt: this.#takeAttempt(),
        base: { checkpoint: this.#base.checkpoint, model: this.#base.model },
        roster: entries,
        rollsForward: this.#rollsForward?.digest ?? null,
      },
      this.#rollsForward === null ? null : payloadsOf(this.#rollsForward),
    );
    this.#orders.set(attempt.order.digest, 'update');
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
    if (rolled !== null && rolled.value.checkpoint !== next.checkpoint) {
      return await this.stop('roll-forward-mismatch', 'the same integers did not make the cosigned checkpoint');
    }
    const receipt = await issueReceipt(this.#work, { closed, next, previous: this.#previous, unordered });
    return this.#go(this.#witnessing(receipt, next));
  }

  #next(closed: { sums: readonly BigInt64Array[]; totalWeight: number }): KnownCheckpoint | WardroundError {
    try {
      return nextCheckpoint(this.#plan, this.#base, closed);
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

  async #exhausted(): Promise<SessionStep> {
    if (this.#rollsForward !== null) {
      return await this.stop('roll-forward-impossible', 'not all contributors of the cosigned round came back');
    }
    return await this.stop('shortfall', 'too few sites contributed');
  }

  async #witness({ receipt, model, renewAt }: Extract<Task, { kind: 'witness' }>): Promise<SessionStep | null> {
    if (witnessesOf(this.#work.context.records, receipt).size < this.#work.context.quorum) {
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
    await publishModel(this.#work, receipt, model);
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

  #witnessing(receipt: VerifiedReceipt, model: KnownCheckpoint): Task {
    const renewAt = this.#work.context.after(1000 * this.#plan.sites.deadlineSeconds);
    return { kind: 'witness', receipt, model, renewAt };
  }

  /** What was sent to this session but to none of its orders, or to one that is closed. */
  async #refuseStrays(): Promise<void> {
    const { records } = this.#work.context;
    for (const contribution of records.of('Contribution')) {
      const { session, order } = contribution.value;
      if (session !== this.#work.session.open.digest || this.#work.heard.has(contribution.digest)) continue;
      const task = this.#orders.get(order);
      if (task !== undefined && order === this.#currentOrder()) continue;
      this.#work.heard.add(contribution.digest);
      if (task === undefined) await refuse(this.#work, contribution, refusal('contribution-order', 'no order of ours'));
      if (task === 'update')
        await refuse(this.#work, contribution, refusal('contribution-late', 'the order is closed'));
    }
  }

  #currentOrder(): string | null {
    if (this.#task.kind === 'collect') return this.#task.attempt.order.digest;
    return this.#task.kind === 'recall' ? this.#task.recall.order.digest : null;
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

  #isHeld(round: number, checkpoint: string): boolean {
    return this.#work.session.statements.some(({ value }) => holds(value.held, { round, checkpoint }));
  }

  #allHold({ round, checkpoint }: KnownCheckpoint): boolean {
    const { statements, approvals } = this.#work.session;
    const holders = statements.filter(({ value }) => holds(value.held, { round, checkpoint }));
    return holders.length === approvals.size;
  }

  #takeAttempt(): number {
    const attempt = this.#nextAttempt;
    this.#nextAttempt += 1;
    this.#attempts += 1;
    return attempt;
  }

  #waitingFor: string | null = null;

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

function holds(
  held: readonly { round: number; checkpoint: string }[],
  { round, checkpoint }: { round: number; checkpoint: string },
): boolean {
  return held.some((entry) => entry.round === round && entry.checkpoint === checkpoint);
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
