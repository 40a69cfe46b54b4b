// The enclave: watches the federation's board and runs one engine for each plan that it can run.
import { describeError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { StudyRecords } from '@wardround/protocol/study-records';
import { BoardInbox } from './board-inbox.ts';
import { FederationWatch, type KnownPlan } from './federation-watch.ts';
import { requireSupportedPlan } from './plan-support.ts';
import type { HostPorts, Settings } from './ports.ts';
import { StudyContext } from './study-context.ts';
import { StudyEngine } from './study-engine.ts';

/** Runs until `signal` aborts. Nothing that it knows outlives it: keys and sums die with the process. */
export async function runEnclave({
  ports,
  settings,
  signal,
}: {
  ports: HostPorts;
  settings: Settings;
  signal: AbortSignal;
}): Promise<void> {
  const enclave = new Enclave(ports, settings);
  await enclave.run(signal);
}

class Enclave {
  readonly #ports: HostPorts;
  readonly #settings: Settings;
  readonly #watch: FederationWatch;
  readonly #inbox: BoardInbox;
  readonly #engines = new Map<string, StudyEngine | null>();
  readonly #running = new Set<Promise<void>>();

  constructor(ports: HostPorts, settings: Settings) {
    this.#ports = ports;
    this.#settings = settings;
    this.#watch = new FederationWatch(ports, settings.federation);
    this.#inbox = new BoardInbox(ports.clock);
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = this.#inbox.follow(this.#ports.relay.board, 'federation', signal);
    await Promise.race([this.#loop(signal), following.then(() => new Promise<never>(() => {}))]);
    await Promise.all(this.#running);
    await following;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#watch.add(this.#inbox.take());
      for (const known of await this.#watch.plans()) this.#startOnce(known, signal);
      for (const engine of this.#engines.values()) engine?.wake();
      await this.#inbox.wait(null, signal);
    }
  }

  #startOnce(known: KnownPlan, signal: AbortSignal): void {
    const study = known.plan.digest;
    if (this.#engines.has(study)) return;
    const engine = this.#engineFor(known);
    this.#engines.set(study, engine);
    if (engine === null) return;
    const running = this.#runEngine(engine, { study, signal });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  async #runEngine(engine: StudyEngine, { study, signal }: { study: string; signal: AbortSignal }): Promise<void> {
    try {
      await engine.run(signal);
      this.#ports.log({ level: 'info', code: 'study-left', message: 'works no more on this study', study });
    } catch (error) {
      const { code, message } = describeError(error);
      this.#ports.log({ level: 'error', code, message: `left the study: ${message}`, study });
    }
  }

  /** Null for a plan that this enclave cannot run; said once. */
  #engineFor({ plan, view }: KnownPlan): StudyEngine | null {
    const { title, attestation } = plan.value;
    try {
      requireSupportedPlan(plan.value, view, this.#ports.platform);
    } catch (error) {
      const { code, message } = describeError(error);
      this.#ports.log({ level: 'warn', code, message: `cannot run "${title}": ${message}`, study: plan.digest });
      return null;
    }
    this.#ports.log({ level: 'info', code: 'study', message: `follows "${title}"`, study: plan.digest });
    const members = (): FederationView => this.#watch.members ?? view;
    const records = new StudyRecords({ federation: view, plan });
    const ports = { ...this.#ports, spool: this.#ports.spoolOf(plan.digest) };
    const context = new StudyContext({ ports, settings: this.#settings, records, members });
    return new StudyEngine(context, async () => await this.#watch.release(attestation.release));
  }
}
