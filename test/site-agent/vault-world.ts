// One vault of site `a`, really on disk, among three honest fake sites and a fake enclave, over an in-process board. Driven by hand: no timers.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import type { Policy } from '@wardround/attestation/policy/policy';
import { freezeSnapshot, type FrozenSnapshot } from '@wardround/datasets/snapshot';
import { makeTable } from '@wardround/datasets/table';
import { type Bytes, sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { UNVERIFIED_kindOf, type Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { roundTask } from '@wardround/learning/rounds/round-task';
import type { PayloadTensor } from '@wardround/protocol/payload';
import type { Tensor } from '@wardround/protocol/safetensors';
import { stageOf } from '@wardround/protocol/schedule';
import { sitePaths, siteDirectories, type SitePaths } from '../../site-agent/src/config/site-paths.ts';
import { type Inlet, openDoors, type Outlet } from '../../site-agent/src/gate/outlet.ts';
import { LedgerFile } from '../../site-agent/src/ledger/ledger-file.ts';
import { approveStudy, type ApproveRequest } from '../../site-agent/src/person/approve-study.ts';
import { VaultClock } from '../../site-agent/src/vault/clock.ts';
import { VaultFiles } from '../../site-agent/src/vault/files.ts';
import { Inbox } from '../../site-agent/src/vault/inbox-files.ts';
import {
  type Evaluation,
  type Learner,
  TfjsLearner,
  type WorkDone,
  type WorkRequest,
} from '../../site-agent/src/vault/learner.ts';
import type { LogEvent, VaultPorts } from '../../site-agent/src/vault/ports.ts';
import type { VaultStatus } from '../../site-agent/src/vault/status-file.ts';
import { VaultState } from '../../site-agent/src/vault/state.ts';
import { Vault } from '../../site-agent/src/vault/vault.ts';
import { makeWorld, measurement, policyFor, type World } from '../attestation/world.ts';
import { FakeEnclave } from '../fakes/fake-enclave.ts';
import {
  type FakeFederation,
  foundFakeFederation,
  signFakePlan,
  signFakeRelease,
  type SiteKeys,
} from '../fakes/fake-federation.ts';
import { FakeSite } from '../fakes/fake-site.ts';
import { createMemoryRelay, type MemoryRelay } from '../fakes/memory-relay.ts';

export const weaknesses = ['noDifferentialPrivacy', 'simulatedPlatform', 'unmasked', 'unwitnessed'] as const;
export const start = new Date('2026-11-23T08:00:00.000Z');

let attestation: Promise<World> | undefined;

/** The vendor's RSA keys are slow to make: once for a test file. */
export async function attestationWorld(): Promise<World> {
  attestation ??= makeWorld('Genoa');
  return await attestation;
}

/** Wraps what the vault touches, to make it fail; the same object otherwise. */
export type Wrap = <T extends object>(name: string, port: T) => T;
const asItIs: Wrap = (_name, port) => port;

export interface WorldOptions {
  readonly plan?: (plan: StudyPlan) => StudyPlan;
  readonly colludingSites?: number;
  /** Keys and documents of another world, for tests that need many. */
  readonly like?: VaultWorld;
}

export class VaultWorld {
  readonly relay: MemoryRelay = createMemoryRelay();
  readonly paths: SitePaths;
  readonly federation: FakeFederation;
  readonly plan: Verified<'StudyPlan'>;
  readonly release: Verified<'EnclaveRelease'>;
  readonly attestation: World;
  readonly peers: readonly FakeSite[];
  own: SiteKeys;
  policy: Policy;
  mirror: readonly MirroredEndorsement[] = [];
  now = start;
  vault: Vault | null = null;
  state: VaultState | null = null;
  readonly logs: LogEvent[] = [];
  status: VaultStatus | null = null;
  /** How often the vault trained: each training gives other integers, so that retraining shows. */
  trainings = 0;
  /** What a training gives instead of honest integers; it may throw. */
  train: ((request: WorkRequest) => readonly PayloadTensor[]) | null = null;
  /** What it keeps for itself with a training's integers, of what it kept before; nothing as long as this is null. */
  keep: ((request: WorkRequest) => readonly Tensor[]) | null = null;
  /** What the comparison at the end says; it may throw. */
  evaluate = (): Evaluation => ({
    localAccuracy: 0.5,
    federatedAccuracy: 0.75,
    localAuroc: null,
    federatedAuroc: null,
    metrics: [],
  });
  #random = 0;

  private constructor(parts: {
    paths: SitePaths;
    federation: FakeFederation;
    plan: Verified<'StudyPlan'>;
    release: Verified<'EnclaveRelease'>;
    attestation: World;
  }) {
    this.paths = parts.paths;
    this.federation = parts.federation;
    this.plan = parts.plan;
    this.release = parts.release;
    this.attestation = parts.attestation;
    this.policy = policyFor(parts.attestation);
    const [own, ...others] = parts.federation.sites;
    if (own === undefined) throw new Error('no site');
    this.own = own;
    const now = (): Date => this.now;
    this.peers = others.map(
      (keys, i) =>
        new FakeSite({ keys, index: i, relay: this.relay, federation: parts.federation, plan: parts.plan, now }),
    );
  }

  static async create({ plan, colludingSites = 1, like }: WorldOptions = {}): Promise<VaultWorld> {
    const federation = like?.federation ?? (await foundFakeFederation({ colludingSites }));
    const paths = sitePaths(await mkdtemp(join(tmpdir(), 'wardround-vault-')));
    for (const directory of siteDirectories(paths)) await mkdir(directory, { recursive: true, mode: 0o700 });
    const records = federation.records;
    await writeFile(paths.genesis, JSON.stringify({ federation: federation.view.federation, records }));
    const world = new VaultWorld({
      paths,
      federation,
      plan: like?.plan ?? (await signFakePlan(federation, plan)),
      release: like?.release ?? (await signFakeRelease(federation, measurement)),
      attestation: await attestationWorld(),
    });
    for (const jws of [...records, world.release.jws, world.plan.jws]) world.relay.forge('federation', jws);
    return world;
  }

  get study(): string {
    return this.plan.digest;
  }

  /** Starts the vault from its disk, as a new process would. */
  async startVault(wrap: Wrap = asItIs): Promise<Vault> {
    this.state?.close();
    const state = new VaultState(join(this.paths.vault, 'state.sqlite'));
    this.state = state;
    const connection = this.relay.connect('a');
    const { inlet, outlet } = openDoors(connection);
    this.vault = await Vault.open(await this.#ports(state, { inlet, outlet, wrap }), {
      view: this.federation.view,
      isolation: 'networkNamespace',
    });
    return this.vault;
  }

  async #ports(state: VaultState, doors: { inlet: Inlet; outlet: Outlet; wrap: Wrap }): Promise<VaultPorts> {
    const { wrap } = doors;
    const clock = new VaultClock(state, () => this.now);
    const wrappedState = wrap('state', state);
    return {
      site: 'a',
      keys: this.own,
      state: wrappedState,
      files: wrap('files', new VaultFiles(this.paths)),
      inbox: wrap('inbox', new Inbox(this.paths)),
      ledger: wrap('ledger', await LedgerFile.open(join(this.paths.vault, 'ledger.jsonl'), wrappedState)),
      learner: this.#learner(),
      inlet: doors.inlet,
      outlet: wrap('outlet', doors.outlet),
      policy: async () => await Promise.resolve(this.policy),
      mirror: async () => await Promise.resolve(this.mirror),
      weaknesses: [],
      now: () => clock.now(),
      random: (length) => this.#chance(length),
      log: (event) => void this.logs.push(event),
      writeStatus: async (status) => {
        this.status = await Promise.resolve(status);
      },
    };
  }

  #chance(length: number): Bytes {
    this.#random += 1;
    return sha256(utf8(`random ${this.#random}`)).slice(0, length);
  }

  /** Real initial model, and whatever is no local training; there integers that differ from one training to the next. */
  #learner(): Learner {
    const real = new TfjsLearner('cpu');
    return {
      describe: async () => await Promise.resolve('fake'),
      initial: (plan) => real.initial(plan),
      load: async (file, plan) => await real.load(file, plan),
      work: async (request) => {
        const { task } = stageOf(request.plan, request.round);
        return task === 'update' ? this.#work(request) : await real.work(request);
      },
      evaluate: async () => await Promise.resolve(this.evaluate()),
    };
  }

  #work(request: WorkRequest): WorkDone {
    this.trainings += 1;
    const tensors = this.train === null ? this.#integers(request) : this.train(request);
    return { tensors, kept: this.keep === null ? request.kept : this.keep(request) };
  }

  #integers({ plan, round }: WorkRequest): readonly PayloadTensor[] {
    return roundTask(plan, round).tensors.map((header) => {
      const length = header.shape.reduce((product, size) => product * size, 1);
      return { header, values: Int32Array.from({ length }, (_, i) => 1000 * this.trainings + 10 * round + i) };
    });
  }

  /** The site's rows, frozen. */
  async snapshot(rows = 12): Promise<FrozenSnapshot> {
    const column = (
      name: string,
      value: (row: number) => number,
    ): { type: 'number'; name: string; values: number[] } => ({
      type: 'number',
      name,
      values: Array.from({ length: rows }, (_, row) => value(row)),
    });
    const table = makeTable('synthetic', [
      column('x', (row) => row % 10),
      column('y', (row) => (row * 3) % 10),
      column('z', (row) => (row * 7) % 10),
      column('label', (row) => row % 2),
    ]);
    return await freezeSnapshot(table, this.paths.snapshots);
  }

  approveRequest(change: Partial<ApproveRequest> = {}): ApproveRequest {
    return {
      paths: this.paths,
      site: 'a',
      study: this.study,
      approvalKey: this.own.approval,
      policy: this.policy,
      isolation: 'networkNamespace',
      accept: weaknesses,
      runImporter: async () => await this.snapshot(),
      confirm: async () => await Promise.resolve(true),
      now: () => this.now,
      ...change,
    };
  }

  /** The vault knows the plan; a person approves it; the peers approve too. */
  async approved(wrap?: Wrap): Promise<this> {
    await this.startVault();
    await this.pump();
    await approveStudy(this.approveRequest());
    if (wrap !== undefined) await this.startVault(wrap);
    for (const peer of this.peers) await peer.approve();
    return this;
  }

  enclave(change: { readonly world?: World; readonly release?: Verified<'EnclaveRelease'> } = {}): FakeEnclave {
    return new FakeEnclave({
      relay: this.relay,
      federation: this.federation,
      plan: this.plan,
      world: change.world ?? this.attestation,
      release: change.release ?? this.release,
      now: () => this.now,
    });
  }

  /** Everything that the board shows, then all that is owed, until nothing changes any more. */
  async pump(): Promise<void> {
    const { vault } = this;
    if (vault === null) throw new Error('no vault');
    const connection = this.relay.connect('a');
    for (let before = -1; before !== this.relay.records.length;) {
      before = this.relay.records.length;
      for (const topic of ['federation', ...vault.studies.keys()]) {
        for await (const { jws } of connection.snapshot(topic)) await vault.receive(topic, jws);
      }
      await vault.reconcile();
      await vault.publishOwed();
    }
  }

  async pumpAll(): Promise<void> {
    for (let before = -1; before !== this.relay.records.length;) {
      before = this.relay.records.length;
      await this.pump();
      for (const peer of this.peers) await peer.act();
    }
  }

  /** A session that the vault verified. */
  async session(enclave: FakeEnclave, resumes: Verified<'RoundReceipt'> | null = null): Promise<void> {
    await enclave.challenge();
    await this.pumpAll();
    await enclave.open({}, resumes);
    for (const site of ['a', ...this.peers.map(({ name }) => name)]) await enclave.offer(site);
    await this.pumpAll();
  }

  /** One whole round of an open session; the peers do all they owe. */
  async round(enclave: FakeEnclave): Promise<Verified<'RoundReceipt'>> {
    const order = await enclave.order();
    await this.pumpAll();
    const receipt = await enclave.receipt(order);
    await this.pumpAll();
    await enclave.sealModel(receipt);
    await this.pumpAll();
    return receipt;
  }

  /** What site `a` put on the board, by kind. */
  said(kind: string): readonly Record<string, unknown>[] {
    return this.relay.records.flatMap(({ jws }) => {
      const peeked = UNVERIFIED_kindOf(jws);
      const value: unknown = peeked.value;
      if (peeked.kind !== kind || typeof value !== 'object' || value === null) return [];
      const record = { ...value };
      return 'site' in record && record.site === 'a' ? [record] : [];
    });
  }

  /** The checks that site `a` said it refused by. */
  checks(): readonly string[] {
    return this.said('SiteStatus').map(({ code, check }) => `${String(code)} ${String(check)}`);
  }

  async dispose(): Promise<void> {
    this.state?.close();
    await rm(this.paths.directory, { recursive: true, force: true });
  }
}

export function hex(text: string): string {
  return toHex(sha256(utf8(text)));
}
