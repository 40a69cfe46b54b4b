// One attempt at one round: its order, the contributions as they come, and the set that remains at the close.
import type { AbsenteeCode, ContributionRefusalCode } from '@wardround/protocol/refusal-codes';
import { contributionRefusalCodes } from '@wardround/protocol/refusal-codes';
import { describeError, hasCode } from '@wardround/protocol/errors';
import { generateEphemeralHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { elementsOf, payloadLength } from '@wardround/protocol/payload';
import { defaultChunkSize, sealedSize } from '@wardround/protocol/stream-chunks';
import type { ClosedContributions, RoundTask } from '@wardround/learning/rounds/round-task';
import {
  AdmittedHeader,
  type Expectation,
  type Moment,
  refusal,
  type VerifiedContribution,
  type VerifiedOrder,
} from './admission.ts';
import { remaining } from './conditions.ts';
import { AccumulatedContribution, type Intake } from './intake.ts';
import {
  giveOrder,
  holdingApprovals,
  newContributions,
  type OrderTerms,
  refuse,
  type SessionWork,
} from './session-work.ts';

type SiteState =
  | { readonly state: 'pending'; readonly header: AdmittedHeader; readonly retryAt: Date }
  | { readonly state: 'accumulated'; readonly accumulated: AccumulatedContribution }
  | { readonly state: 'refused' };

export type AttemptStep =
  | { readonly state: 'collecting'; readonly until: Date }
  /** Everybody was heard, or the deadline passed. */
  | { readonly state: 'closable' }
  /** The sums hold something that cannot be taken out again. */
  | { readonly state: 'void' };

export interface ClosedAttempt {
  readonly order: VerifiedOrder;
  /** Sorted by site. */
  readonly contributors: readonly AdmittedHeader[];
  readonly totalWeight: number;
  /** What the task's `next` takes, but for the base. Views of the sums: they hold until the next attempt begins. */
  readonly sums: ClosedContributions['sums'];
  readonly each: ClosedContributions['each'];
  /** Why each site of the order's roster that is missing is missing. */
  readonly absentees: ReadonlyMap<string, AbsenteeCode>;
}

export class RoundAttempt {
  readonly order: VerifiedOrder;
  readonly #work: SessionWork;
  readonly #roundKey: HpkePrivateKey;
  readonly #intake: Intake;
  readonly #expected: Expectation;
  readonly #sites = new Map<string, SiteState>();
  #void = false;

  private constructor(
    work: SessionWork,
    order: VerifiedOrder,
    parts: { roundKey: HpkePrivateKey; payloads: Payloads; task: RoundTask },
  ) {
    const { context } = work;
    const { paddingBytes } = context.plan.encoding;
    const { task } = parts;
    const { tensors } = task;
    const size = sealedSize(payloadLength(tensors, paddingBytes).padded, defaultChunkSize);
    this.order = order;
    this.#work = work;
    this.#roundKey = parts.roundKey;
    this.#expected = {
      order,
      tensors,
      sealedSize: size,
      maxSealedSize: size,
      payloadOf: (site) => parts.payloads?.get(site) ?? null,
    };
    this.#intake = {
      ports: context.ports,
      accumulator: work.accumulator,
      roundKey: parts.roundKey,
      task,
      paddingBytes,
      deadline: this.#deadline,
      breathe: work.breathe,
    };
  }

  /** @param payloads in a roll-forward, the payload digest that each site must reach again */
  static async begin(work: SessionWork, terms: OrderTerms, payloads: Payloads): Promise<RoundAttempt> {
    const task = work.context.taskOf(terms.round);
    work.accumulator.begin(task.tensors.map(elementsOf));
    const roundKey = await generateEphemeralHpkeKey();
    return new RoundAttempt(work, await giveOrder(work, terms, roundKey), { roundKey, payloads, task });
  }

  get #deadline(): Date {
    return new Date(this.order.value.deadline);
  }

  /** Takes in what came since the last step. */
  async step(): Promise<AttemptStep> {
    for (const contribution of newContributions(this.#work, this.order)) await this.#hear(contribution);
    await this.#retryPending();
    if (this.#void) return { state: 'void' };
    if (this.#work.context.now() >= this.#deadline || this.#everybodyDecided()) return { state: 'closable' };
    return { state: 'collecting', until: this.#nextMoment() };
  }

  /**
   * The set that remains when each contributor's own conditions hold, and its sums. The round key is gone afterwards.
   *
   * @param all a roll-forward has no conditions but that everybody is there
   * @throws WardroundError `removal-impossible`
   */
  async close({ all }: { all: boolean }): Promise<ClosedAttempt> {
    await this.#refusePending();
    const accumulated = this.#accumulated();
    const stay = all ? accumulated : await this.#keepContent(accumulated);
    const sorted = stay.toSorted((a, b) => (a.header.site < b.header.site ? -1 : 1));
    const contributors = sorted.map(({ header }) => header);
    this.#roundKey.erase();
    await this.#work.context.ports.spool.clear();
    return {
      order: this.order,
      contributors,
      totalWeight: contributors.reduce((sum, { weight }) => sum + weight, 0),
      sums: this.#work.accumulator.sums(),
      each:
        this.#intake.task.reads === 'sums'
          ? []
          : sorted.map(({ header: { weight }, integers }) => ({ weight, integers })),
      absentees: this.#absentees(new Set(contributors.map(({ site }) => site))),
    };
  }

  /** Forgets the round's key; the attempt is over without a result. */
  async abandon(): Promise<void> {
    this.#roundKey.erase();
    await this.#work.context.ports.spool.clear();
  }

  async #hear(contribution: VerifiedContribution): Promise<void> {
    const { site } = contribution.value;
    try {
      const header = AdmittedHeader.admit(contribution, this.#expected, this.#moment());
      this.#sites.set(site, { state: 'pending', header, retryAt: this.#work.context.now() });
    } catch (error) {
      if (!this.#sites.has(site)) this.#sites.set(site, { state: 'refused' });
      await refuse(this.#work, contribution, error);
    }
  }

  #moment(): Moment {
    const holding = holdingApprovals(this.#work);
    return {
      now: this.#work.context.now(),
      approvalOf: (site) => holding.get(site)?.digest,
      alreadyHeard: (site) => this.#sites.has(site),
    };
  }

  async #retryPending(): Promise<void> {
    for (const [site, { state, header, retryAt }] of this.#pending()) {
      if (state === 'pending' && retryAt <= this.#work.context.now() && !this.#void)
        await this.#accumulate(site, header);
    }
  }

  async #accumulate(site: string, header: AdmittedHeader): Promise<void> {
    try {
      const accumulated = await AccumulatedContribution.accumulate(header, this.#intake);
      this.#sites.set(site, { state: 'accumulated', accumulated });
      const { round, attempt } = this.order.value;
      this.#work.context.log({
        level: 'info',
        code: 'contribution',
        message: 'took a contribution',
        site,
        round,
        attempt,
      });
    } catch (error) {
      await this.#settleFailure(site, header, error);
    }
  }

  async #settleFailure(site: string, header: AdmittedHeader, error: unknown): Promise<void> {
    const { context } = this.#work;
    if (hasCode(error, 'chunk-unavailable')) {
      const retryAt = context.after(context.settings.retryMilliseconds);
      this.#sites.set(site, { state: 'pending', header, retryAt });
      return;
    }
    this.#sites.set(site, { state: 'refused' });
    if (isRefusal(error)) {
      await refuse(this.#work, header.contribution, error);
      return;
    }
    // Something of ours failed, or a part of the contribution could not be taken back: these sums are worth nothing.
    this.#void = true;
    const { round, attempt } = this.order.value;
    const cause = describeError(error).code;
    context.log({ level: 'error', code: 'attempt-void', message: 'the attempt is void', site, round, attempt, cause });
  }

  async #refusePending(): Promise<void> {
    for (const [site, { header }] of this.#pending()) {
      this.#sites.set(site, { state: 'refused' });
      await refuse(this.#work, header.contribution, refusal('contribution-chunks', 'its chunks did not come in time'));
    }
  }

  async #keepContent(accumulated: readonly AccumulatedContribution[]): Promise<readonly AccumulatedContribution[]> {
    const { plan } = this.#work.context;
    const candidates = accumulated.map((contribution) => {
      const { site, weight } = contribution.header;
      const approval = this.#work.session.approvals.get(site)?.value;
      return {
        site,
        weight,
        agent: this.order.value.roster.find(({ name }) => name === site)?.agent ?? '',
        peers: approval?.peers ?? [],
        minimumContributors: approval?.minimumContributors ?? Number.POSITIVE_INFINITY,
        maxShare: approval?.maxShare ?? '0',
        contribution,
      };
    });
    const stay = new Set(remaining(candidates, plan.sites).map(({ contribution }) => contribution));
    for (const contribution of accumulated) {
      if (!stay.has(contribution)) await contribution.remove();
    }
    return [...stay];
  }

  #absentees(contributors: ReadonlySet<string>): ReadonlyMap<string, AbsenteeCode> {
    const missing = this.order.value.roster.filter(({ name }) => !contributors.has(name));
    return new Map(missing.map(({ name }) => [name, this.#absenceOf(name)]));
  }

  #absenceOf(site: string): AbsenteeCode {
    switch (this.#sites.get(site)?.state) {
      case 'accumulated':
        return 'conditions-not-met';
      case 'refused':
      case 'pending':
        return 'contribution-refused';
      default:
        return this.#declined(site) ?? 'no-contribution';
    }
  }

  /** What a site said of itself for this attempt, or for the whole session. */
  #declined(site: string): AbsenteeCode | null {
    const { session, round, attempt } = this.order.value;
    const said = this.#work.context.records
      .of('SiteStatus')
      .map(({ value }) => value)
      .filter((status) => status.site === site && status.session === session)
      .filter((status) => status.round === null || status.round === round)
      .filter((status) => status.attempt === null || status.attempt === attempt);
    for (const { code } of said) {
      if (code !== 'receipt-refused' && code !== 'study-complete') return code;
    }
    return null;
  }

  #everybodyDecided(): boolean {
    return this.order.value.roster.every(({ name }) => {
      const state = this.#sites.get(name);
      return state === undefined ? this.#declined(name) !== null : state.state !== 'pending';
    });
  }

  #accumulated(): readonly AccumulatedContribution[] {
    return [...this.#sites.values()].flatMap((site) => (site.state === 'accumulated' ? [site.accumulated] : []));
  }

  #pending(): readonly (readonly [string, Extract<SiteState, { state: 'pending' }>])[] {
    return [...this.#sites].flatMap(([site, state]) => (state.state === 'pending' ? [[site, state] as const] : []));
  }

  #nextMoment(): Date {
    const moments = [this.#deadline, ...this.#pending().map(([, { retryAt }]) => retryAt)];
    return new Date(Math.min(...moments.map((moment) => moment.getTime())));
  }
}

export type Payloads = ReadonlyMap<string, string> | null;

function isRefusal(error: unknown): boolean {
  const codes: readonly string[] = contributionRefusalCodes satisfies readonly ContributionRefusalCode[];
  return codes.includes(describeError(error).code);
}
