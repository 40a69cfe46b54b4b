// A whole study in one process: fake sites, a relay that can lie, a clock that the test moves, and the enclave's own code unchanged.
import { randomBytes } from 'node:crypto';
import { setImmediate as tick } from 'node:timers/promises';
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { runEnclave } from '../../aggregator-enclave/src/enclave/enclave.ts';
import type {
  ChunkSpool,
  HostPorts,
  LogEntry,
  Platform,
  Settings,
} from '../../aggregator-enclave/src/enclave/ports.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { type FakeFederation, foundFakeFederation, signFakePlan, signFakeRelease } from '../fakes/fake-federation.ts';
import { FakeSite } from '../fakes/fake-site.ts';
import { createMemoryRelay, type MemoryRelay } from '../fakes/memory-relay.ts';

export const measurement = 'ab'.repeat(48);

export const settings: Settings = {
  federation: null,
  quietMilliseconds: 0,
  statementGraceMilliseconds: 1000,
  retryMilliseconds: 5000,
};

/** Says that it has what it was asked for; the real simulated platform is tried in its own test. */
export const stubPlatform: Platform = {
  kind: 'sevSnp',
  measurement,
  attest: async () => await Promise.resolve({ items: [{ type: 'sevSnp', report: 'AAAA' }], endorsements: [] }),
};

export class MemorySpool implements ChunkSpool {
  readonly chunks = new Map<string, Bytes>();
  async put(digest: string, bytes: Bytes): Promise<void> {
    await Promise.resolve();
    this.chunks.set(digest, copyBytes(bytes));
  }
  async get(digest: string): Promise<Bytes | null> {
    await Promise.resolve();
    return this.chunks.get(digest) ?? null;
  }
  async clear(): Promise<void> {
    await Promise.resolve();
    this.chunks.clear();
  }
}

export interface WorldOptions {
  readonly plan?: (plan: StudyPlan) => StudyPlan;
  readonly siteNames?: readonly string[];
  readonly colludingSites?: number;
  readonly platform?: Platform;
  /** What differs in the release on the board. */
  readonly release?: Partial<DocumentOf<'EnclaveRelease'>>;
  readonly settings?: Partial<Settings>;
}

/** One process of the enclave: fresh memory, fresh keys. */
export class EnclaveProcess {
  readonly log: LogEntry[] = [];
  readonly spool = new MemorySpool();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: World, options: WorldOptions) {
    const ports: HostPorts = {
      clock: world.clock,
      randomness: (length) => copyBytes(randomBytes(length)),
      relay: world.relay.connect('enclave'),
      platform: options.platform ?? stubPlatform,
      spoolOf: () => this.spool,
      log: (entry) => void this.log.push(entry),
    };
    this.#running = runEnclave({ ports, settings: { ...settings, ...options.settings }, signal: this.#stop.signal });
  }

  /** Loops that sleep when there is nothing to do: the federation's and one for each study. */
  get loops(): number {
    const count = (code: string): number => this.log.filter((entry) => entry.code === code).length;
    return this.#stop.signal.aborted ? 0 : 1 + count('study') - count('study-left');
  }

  get codes(): readonly string[] {
    return this.log.map(({ code }) => code);
  }

  async kill(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

export class World {
  readonly clock = new FakeClock();
  readonly relay: MemoryRelay = createMemoryRelay();
  readonly federation: FakeFederation;
  readonly plan: Verified<'StudyPlan'>;
  readonly sites: readonly FakeSite[];
  readonly #options: WorldOptions;
  enclave: EnclaveProcess;

  private constructor(federation: FakeFederation, plan: Verified<'StudyPlan'>, options: WorldOptions) {
    this.federation = federation;
    this.plan = plan;
    this.#options = options;
    const now = (): Date => this.clock.now();
    this.sites = federation.sites.map(
      (keys, index) => new FakeSite({ keys, index, relay: this.relay, federation, plan, now }),
    );
    this.enclave = new EnclaveProcess(this, options);
  }

  /** A founded federation, a plan and a release on the board; nobody has approved. */
  static async create(options: WorldOptions = {}): Promise<World> {
    const federation = await foundFakeFederation(options);
    const plan = await signFakePlan(federation, options.plan);
    const release = await signFakeRelease(federation, options.platform?.measurement ?? measurement, options.release);
    const world = new World(federation, plan, options);
    for (const jws of [...federation.records, plan.jws, release.jws]) world.relay.forge('federation', jws);
    return world;
  }

  /** As {@link create}, all sites approved. */
  static async approved(options: WorldOptions = {}): Promise<World> {
    const world = await World.create(options);
    for (const site of world.sites) await site.approve();
    return world;
  }

  site(name: string): FakeSite {
    const found = this.sites.find((site) => site.name === name);
    if (found === undefined) throw new Error(`no site ${name}`);
    return found;
  }

  /** Until the enclave waits for something that only a site or the clock can bring. */
  async settle(): Promise<void> {
    let quiet = 0;
    let seen = -1;
    for (let ticks = 0; quiet < 20; ticks += 1) {
      if (ticks > 200_000) throw new Error('the enclave never comes to rest');
      await tick();
      const idle = this.clock.sleeping >= this.enclave.loops && this.relay.records.length === seen;
      seen = this.relay.records.length;
      quiet = idle ? quiet + 1 : 0;
    }
  }

  /** Until nobody has anything left to say. */
  async play(): Promise<void> {
    for (let acted = true; acted;) {
      await this.settle();
      acted = false;
      for (const site of this.sites) acted = (await site.act()) || acted;
    }
    await this.sync();
  }

  /** Plays until there is an order that nobody has answered: contributions are the test's own affair. */
  async playToOrder(): Promise<Verified<'RoundOrder'>> {
    const duties = this.sites.map((site) => site.duties);
    for (const site of this.sites) site.duties = { ...site.duties, contribute: false };
    await this.play();
    for (const [i, site] of this.sites.entries()) site.duties = duties[i] ?? site.duties;
    const order = this.published('RoundOrder').at(-1);
    if (order === undefined) throw new Error(`no order; the enclave said ${this.enclave.codes.join(', ')}`);
    return order;
  }

  async advance(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await this.settle();
  }

  /** The process dies; another begins with an empty disk. */
  async restart(): Promise<void> {
    await this.enclave.kill();
    this.enclave = new EnclaveProcess(this, this.#options);
  }

  /** What the board shows of a kind, as the first site verified it. */
  published<K extends DocumentKind>(kind: K): readonly Verified<K>[] {
    const [site] = this.sites;
    return site === undefined ? [] : site.records.of(kind);
  }

  async sync(): Promise<void> {
    await this.settle();
    await this.sites[0]?.sync();
  }

  async end(): Promise<void> {
    await this.enclave.kill();
  }
}
