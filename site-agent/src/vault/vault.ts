// The vault: follows the federation and its studies, takes what people decided from the inbox, and does in each study what is owed.
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import type { Topic } from '@wardround/protocol/relay-port';
import type { Verified } from '@wardround/protocol/documents/signed';
import { considerPlan } from './consider-plan.ts';
import { FederationBook } from './federation-book.ts';
import { takeInbox } from './inbox.ts';
import type { VaultPorts } from './ports.ts';
import { Publisher } from './publisher.ts';
import { reconcile, studyStatus } from './reconcile.ts';
import type { StudyStatus } from './status-file.ts';
import { Study } from './study.ts';
import { isOfOtherKeys, planStatus } from './unfollowed-plan.ts';

export interface Founding {
  readonly view: FederationView;
  /** How the operating system keeps this process off the network, for status.json. */
  readonly isolation: string;
}

export class Vault {
  readonly #ports: VaultPorts;
  readonly #founding: Founding;
  readonly #book: FederationBook;
  readonly #publisher: Publisher;
  readonly #studies = new Map<string, Study>();
  readonly #refusedPlans = new Map<string, StudyStatus>();
  readonly #wake = new Signal();
  readonly #publish = new Signal();
  readonly #tell = new Signal();
  #online = false;
  #lastStatus = '';
  #federationTrouble: string | null = null;
  #writing: Promise<void> = Promise.resolve();

  private constructor(ports: VaultPorts, founding: Founding) {
    this.#ports = ports;
    this.#founding = founding;
    this.#book = new FederationBook(founding.view);
    this.#publisher = new Publisher(ports);
  }

  /** The vault as its disk remembers it. Counts this start. */
  static async open(ports: VaultPorts, founding: Founding): Promise<Vault> {
    const vault = new Vault(ports, founding);
    ports.state.setMeta('instance', String(Number(ports.state.meta('instance') ?? '0') + 1));
    for (const { jws } of ports.state.records('federation')) await vault.#book.add(jws);
    await vault.#considerPlans();
    return vault;
  }

  get studies(): ReadonlyMap<string, Study> {
    return this.#studies;
  }

  /** Something may have changed: a file in the inbox, the time. */
  wake(): void {
    this.#wake.raise();
    this.#publish.raise();
  }

  /** The coordinator lost or rolled back this topic: what this site has of it is published again. */
  rewound(topic: Topic): void {
    this.#publisher.rewound(topic);
    this.wake();
  }

  setOnline(online: boolean): void {
    this.#online = online;
    this.#tell.raise();
    this.wake();
  }

  /**
   * Runs until `signal` aborts.
   *
   * @throws whatever disk and doors throw that no retry mends: then the process ends, and starts again from its disk
   */
  async run(signal: AbortSignal): Promise<void> {
    const failure = Promise.withResolvers<never>();
    const guard = (work: Promise<void>): void => void work.catch((error: unknown) => failure.reject(error));
    const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    const following = new Set<Topic>();
    const follow = (topic: Topic): void => {
      if (following.has(topic)) return;
      following.add(topic);
      guard(this.#follow(topic, signal));
    };
    follow('federation');
    // Apart from the work: that may be waiting for the very coordinator that is away.
    guard(this.#loop(this.#tell, signal, async () => await this.#writeStatus()));
    guard(this.#loop(this.#publish, signal, async () => void (await this.#publisher.publishOwed())));
    guard(
      this.#loop(this.#wake, signal, async () => {
        await this.reconcile();
        for (const study of this.#studies.keys()) follow(study);
      }),
    );
    this.wake();
    await Promise.race([ended, failure.promise]);
    this.setOnline(false);
    await this.#writeStatus();
  }

  /** One pass over everything: the inbox, then each study. A study that fails in a known way does not stop the others. */
  async reconcile(): Promise<void> {
    await takeInbox(this.#ports, this.#studies);
    for (const study of this.#studies.values()) await this.#reconcileOne(study);
    await this.#writeStatus();
  }

  /** Everything that this site owes the board, once. For a vault that is driven by hand. */
  async publishOwed(): Promise<boolean> {
    return await this.#publisher.publishOwed();
  }

  /** Takes one record, of whatever topic. */
  async receive(topic: Topic, jws: string): Promise<void> {
    if (topic === 'federation') await this.#receiveFederation(jws);
    else if (await this.#studies.get(topic)?.receive(jws)) this.wake();
  }

  async #loop(signalled: Signal, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await signalled.raised();
      if (!signal.aborted) await act();
    }
  }

  /** From the first record at every start: what was lost on the way, or never kept, comes again, and what is known costs little. */
  async #follow(topic: Topic, signal: AbortSignal): Promise<void> {
    for await (const { jws } of this.#ports.inlet.follow(topic, { after: 0, signal })) await this.receive(topic, jws);
  }

  async #receiveFederation(jws: string): Promise<void> {
    const verified = await this.#book.add(jws).catch((error: unknown) => {
      if (!(error instanceof WardroundError)) throw error;
      this.#logFederation(error);
      return [];
    });
    for (const { kind, digest, jws: kept } of verified) {
      this.#ports.state.keepRecord({ topic: 'federation', kind, digest, jws: kept, own: false });
    }
    if (verified.length === 0) return;
    if (verified.some(({ kind }) => kind === 'Membership')) await this.#writeMemberships();
    await this.#considerPlans();
    this.wake();
  }

  /** Once for each reason: a flood on the board is none in the log. */
  #logFederation({ code, message }: WardroundError): void {
    if (this.#federationTrouble === code) return;
    this.#federationTrouble = code;
    this.#ports.log({ level: 'error', event: 'federation-record', code, detail: message });
  }

  async #writeMemberships(): Promise<void> {
    const kept = this.#ports.state.records('federation').filter(({ kind }) => kind === 'Membership');
    await this.#ports.files.writeMemberships(kept.map(({ jws }) => jws));
  }

  async #considerPlans(): Promise<void> {
    for (const plan of this.#book.plans.values()) {
      if (this.#studies.has(plan.digest)) continue;
      await this.#consider(plan);
    }
  }

  async #consider(plan: Verified<'StudyPlan'>): Promise<void> {
    const { site, files, log } = this.#ports;
    const federation = this.#book.memberships.get(plan.value.membership);
    if (federation === undefined) return;
    if (isOfOtherKeys(plan, federation, this.#ports)) {
      if (!this.#refusedPlans.has(plan.digest))
        log({ level: 'info', event: 'study-of-other-keys', study: plan.digest });
      this.#refusedPlans.set(plan.digest, planStatus(plan, 'belongs-to-other-keys', null));
      return;
    }
    const known = await files.readPlan(plan.digest);
    try {
      // A study that was accepted goes on, whatever changed in the federation since: the gate asks what is true now.
      if (known === null)
        considerPlan(plan, { site, named: federation, newest: this.#book.newest, now: this.#ports.now() });
    } catch (error) {
      if (!(error instanceof WardroundError)) throw error;
      if (error.code === 'plan-not-for-us' || this.#refusedPlans.has(plan.digest)) return;
      log({ level: 'warn', event: 'plan-refused', study: plan.digest, code: error.code, detail: error.message });
      const check = { code: error.code, at: this.#ports.now().toISOString(), detail: error.message };
      this.#refusedPlans.set(plan.digest, planStatus(plan, 'plan-refused', check));
      return;
    }
    if (known === null) await files.writePlan(plan.digest, plan.jws);
    const published = (): void => this.#publish.raise();
    const study = await Study.open({ ports: this.#ports, book: this.#book, plan, federation, published });
    this.#studies.set(plan.digest, study);
    this.#refusedPlans.delete(plan.digest);
    log({ level: 'info', event: 'study-known', study: plan.digest });
  }

  async #reconcileOne(study: Study): Promise<void> {
    await study.look();
    if (!study.retries.isDue(study.digest)) return;
    try {
      await reconcile(study, async () => await takeInbox(this.#ports, this.#studies));
      study.retries.passed(study.digest);
    } catch (error) {
      if (!(error instanceof WardroundError) || hasCode(error, 'channel-closed')) throw error;
      study.failed(error, { subject: study.digest, event: 'study-trouble', level: 'error' });
    }
    study.sumUp();
  }

  /** One at a time, each with what is true when its turn comes. */
  async #writeStatus(): Promise<void> {
    const written = this.#writing.then(async () => await this.#writeStatusNow());
    this.#writing = written.catch(() => undefined);
    await written;
  }

  async #writeStatusNow(): Promise<void> {
    const studies = [...this.#refusedPlans.values(), ...[...this.#studies.values()].map(studyStatus)];
    const status = {
      kind: 'VaultStatus',
      version: 1,
      site: this.#ports.site,
      federation: this.#founding.view.federation,
      online: this.#online,
      isolation: this.#founding.isolation,
      studies: studies.toSorted((a, b) => (a.study < b.study ? -1 : 1)),
    } as const;
    const text = JSON.stringify(status);
    if (text === this.#lastStatus) return;
    this.#lastStatus = text;
    await this.#ports.writeStatus({ ...status, at: this.#ports.now().toISOString() });
  }
}

/** Raised any number of times, seen once: level, not edge. */
class Signal {
  #raised = false;
  #waiting: (() => void) | null = null;

  raise(): void {
    this.#raised = true;
    this.#waiting?.();
  }

  async raised(): Promise<void> {
    while (!this.#raised) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    this.#waiting = null;
    this.#raised = false;
  }
}
