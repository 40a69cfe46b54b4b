// What a session must get back before it can go on: the closed round's checkpoint, or the one before a round that is rolled forward.
import { CheckpointRecall } from './checkpoint-recall.ts';
import { initialCheckpoint, type KnownCheckpoint } from './checkpoints.ts';
import { recallRoster } from './order-roster.ts';
import type { VerifiedReceipt } from './receipt.ts';
import type { SessionWork } from './session-work.ts';

export type ResumptionStep =
  | { readonly state: 'waiting'; readonly until: Date | null; readonly why: string | null }
  /** Nothing was closed yet. */
  | { readonly state: 'start' }
  /** `lacking`: some site may not have the model. */
  | {
      readonly state: 'closed';
      readonly receipt: VerifiedReceipt;
      readonly model: KnownCheckpoint;
      readonly lacking: boolean;
    }
  /** Cosigned, but sealed to nobody: the same integers must make the same checkpoint again, from `base`. */
  | { readonly state: 'rollForward'; readonly receipt: VerifiedReceipt; readonly base: KnownCheckpoint }
  | { readonly state: 'stop'; readonly code: string; readonly detail: string };

/** Whose checkpoint is being asked for, and what follows when it is there. */
interface Goal {
  readonly of: VerifiedReceipt;
  readonly recall: CheckpointRecall;
  readonly tries: number;
  readonly towards: 'closed' | 'rollForward';
}

export class Resumption {
  readonly #work: SessionWork;
  #goal: Goal | null = null;

  constructor(work: SessionWork) {
    this.#work = work;
  }

  async step(): Promise<ResumptionStep> {
    const { resumesFrom } = this.#work.session.open.value;
    if (resumesFrom === null) return { state: 'start' };
    const receipt = this.#receipt(resumesFrom.receipt);
    if (receipt === undefined) return missing('waits for the record of the receipt that it resumes from');
    if (receipt.value.round !== resumesFrom.round || receipt.value.checkpoint !== resumesFrom.checkpoint) {
      return stop('receipt-fork', 'the sites’ statements do not describe the receipt that they name');
    }
    this.#goal ??= this.#mayBeHeld(receipt) ? await this.#ask(receipt, { towards: 'closed', tries: 1 }) : null;
    if (this.#goal === null) return await this.#rollForward(receipt);
    return await this.#recall(receipt, this.#goal);
  }

  async #recall(receipt: VerifiedReceipt, goal: Goal): Promise<ResumptionStep> {
    const step = await goal.recall.step();
    if (step.state === 'waiting') return { ...step, why: null };
    if (step.state === 'found') {
      if (goal.towards === 'rollForward') return { state: 'rollForward', receipt, base: step.found };
      return { state: 'closed', receipt, model: step.found, lacking: !this.#allHold(receipt) };
    }
    if (goal.towards === 'closed' && !this.#isHeld(receipt)) return await this.#rollForward(receipt);
    if (goal.tries >= this.#work.context.plan.sites.maxAttempts) {
      // Up to f sites may lie that they hold it; where nobody else does, the same integers make it again.
      const { colludingSites } = this.#work.context.records.federation;
      if (goal.towards === 'closed' && this.#holders(receipt) <= colludingSites)
        return await this.#rollForward(receipt);
      return stop('checkpoint-lost', 'no site returned the checkpoint of the closed round');
    }
    this.#goal = await this.#ask(goal.of, { towards: goal.towards, tries: goal.tries + 1 });
    return await this.#recall(receipt, this.#goal);
  }

  async #rollForward(receipt: VerifiedReceipt): Promise<ResumptionStep> {
    if (receipt.value.round === 1) {
      return { state: 'rollForward', receipt, base: initialCheckpoint(this.#work.context.plan) };
    }
    const before = this.#receipt(receipt.value.previous ?? '');
    if (before === undefined) return missing('waits for the record of the receipt before');
    this.#goal = await this.#ask(before, { towards: 'rollForward', tries: 1 });
    return await this.#recall(receipt, this.#goal);
  }

  async #ask(of: VerifiedReceipt, { towards, tries }: Pick<Goal, 'towards' | 'tries'>): Promise<Goal> {
    const { context, session } = this.#work;
    const { round, checkpoint, model } = of.value;
    const roster = recallRoster(context.plan, session.approvals);
    // Receipts of updates name both; one that names neither has no checkpoint that anybody could return.
    const base = { checkpoint: checkpoint ?? of.digest, model: model ?? of.digest };
    return { of, towards, tries, recall: await CheckpointRecall.begin(this.#work, { round, base, roster }) };
  }

  /** A site says so, or the model was sealed and one will have fetched it soon. */
  #mayBeHeld(receipt: VerifiedReceipt): boolean {
    const sealed = this.#work.context.records.of('SealedModel');
    return this.#isHeld(receipt) || sealed.some(({ value }) => value.checkpoint === receipt.value.checkpoint);
  }

  #isHeld(receipt: VerifiedReceipt): boolean {
    return this.#holders(receipt) > 0;
  }

  #allHold(receipt: VerifiedReceipt): boolean {
    return this.#holders(receipt) === this.#work.session.approvals.size;
  }

  #holders({ value: { round, checkpoint } }: VerifiedReceipt): number {
    const { statements } = this.#work.session;
    return statements.filter(({ value }) => value.held.some((h) => h.round === round && h.checkpoint === checkpoint))
      .length;
  }

  #receipt(digest: string): VerifiedReceipt | undefined {
    return this.#work.context.records.byDigest('RoundReceipt', digest);
  }
}

function missing(why: string): ResumptionStep {
  return { state: 'waiting', until: null, why };
}

function stop(code: string, detail: string): ResumptionStep {
  return { state: 'stop', code, detail };
}
