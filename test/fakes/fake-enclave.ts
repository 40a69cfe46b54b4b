// An enclave for the sites' tests: real keys and simulated hardware, right in all it does until a test changes what it signs.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { type Bytes, concatBytes, fromBase64Url, sha256, toBase64Url, toHex, utf8 } from '@wardround/protocol/bytes';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { generateEphemeralHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import { PayloadReader } from '@wardround/protocol/payload-reader';
import { checkpointReturnInfo, contributionInfo, sealedModelInfo } from '@wardround/protocol/seal-context';
import { openStream, sealToMany } from '@wardround/protocol/sealed-stream';
import { tagLength } from '@wardround/protocol/stream-chunks';
import { StudyRecords } from '@wardround/protocol/study-records';
import { evidenceLimits } from '@wardround/attestation/evidence';
import { simulatedEvidence, type SimulatedEvidenceRequest } from '@wardround/attestation/simulated/evidence';
import { endorse } from '@wardround/attestation/simulated/files';
import {
  type Checkpoint,
  checkpointDigest,
  decodeCheckpoint,
  encodeCheckpoint,
  modelDigest,
} from '@wardround/learning/checkpoint';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { resultDigest, resultOf } from '@wardround/learning/rounds/released-result';
import { type Integers, roundTask } from '@wardround/learning/rounds/round-task';
import { lastRound, stageOf } from '@wardround/protocol/schedule';
import { measurement, type World } from '../attestation/world.ts';
import type { FakeFederation } from './fake-federation.ts';
import type { MemoryConnection, MemoryRelay } from './memory-relay.ts';

export type Change<K extends DocumentKind> = Partial<DocumentOf<K>>;

export interface Opened {
  readonly site: string;
  readonly values: Integers;
  readonly payload: string;
  readonly secret: Bytes;
  readonly weight: number;
}

export class FakeEnclave {
  readonly connection: MemoryConnection;
  readonly records: StudyRecords;
  readonly receiptKey: SigningKey = generateSigningKey();
  readonly #federation: FakeFederation;
  readonly #plan: Verified<'StudyPlan'>;
  readonly #world: World;
  readonly #release: Verified<'EnclaveRelease'>;
  readonly #now: () => Date;
  readonly #roundKeys = new Map<string, HpkePrivateKey>();
  /** Checkpoints by round; round 0 is the plan's. */
  readonly checkpoints = new Map<number, Bytes>();
  challengeRecord: Verified<'SessionChallenge'> | null = null;
  session: Verified<'SessionOpen'> | null = null;
  receipts: Verified<'RoundReceipt'>[] = [];
  nextAttempt = 1;

  constructor(parts: {
    relay: MemoryRelay;
    federation: FakeFederation;
    plan: Verified<'StudyPlan'>;
    world: World;
    release: Verified<'EnclaveRelease'>;
    now: () => Date;
  }) {
    this.connection = parts.relay.connect('enclave');
    this.#federation = parts.federation;
    this.#plan = parts.plan;
    this.#world = parts.world;
    this.#release = parts.release;
    this.#now = parts.now;
    this.records = new StudyRecords({ federation: parts.federation.view, plan: parts.plan });
    this.checkpoints.set(0, initialCheckpoint(parts.plan.value).bytes);
  }

  get names(): { federation: string; study: string } {
    return { federation: this.#federation.view.federation, study: this.#plan.digest };
  }

  async sync(): Promise<void> {
    for await (const { jws } of this.connection.snapshot(this.#plan.digest)) {
      await this.records.add(jws).catch(() => false);
    }
  }

  async publish<K extends DocumentKind>(
    kind: K,
    value: DocumentOf<K>,
    key: SigningKey = this.receiptKey,
  ): Promise<Verified<K>> {
    const signed = await sign(kind, value, key);
    await this.connection.board.publish(this.#plan.digest, signed.jws);
    await this.sync();
    return signed;
  }

  async challenge(change: Change<'SessionChallenge'> = {}): Promise<Verified<'SessionChallenge'>> {
    this.challengeRecord = await this.publish('SessionChallenge', {
      kind: 'SessionChallenge',
      version: 1,
      ...this.names,
      receiptKey: this.receiptKey.publicKey,
      nonce: toHex(sha256(utf8(this.receiptKey.thumbprint))),
      challengedAt: this.#now().toISOString(),
      ...change,
    });
    return this.challengeRecord;
  }

  /** Opens with all approvals and statements that the board shows, from the receipt given. */
  async open(
    change: Change<'SessionOpen'> = {},
    resumes: Verified<'RoundReceipt'> | null = null,
  ): Promise<Verified<'SessionOpen'>> {
    await this.sync();
    const challenge = this.challengeRecord?.digest ?? '';
    const statements = this.records.of('ResumeStatement').filter(({ value }) => value.challenge === challenge);
    const approvals = new Map(this.records.of('Approval').map((approval) => [approval.value.site, approval]));
    const attempts = statements.map(({ value }) => value.lastSealed?.attempt ?? 0);
    this.nextAttempt = Math.max(0, ...attempts) + 1;
    const by = (a: { site: string }, b: { site: string }): number => (a.site < b.site ? -1 : 1);
    this.session = await this.publish('SessionOpen', {
      kind: 'SessionOpen',
      version: 1,
      ...this.names,
      membership: this.#federation.view.membership,
      challenge,
      approvals: [...approvals].map(([site, { digest }]) => ({ site, approval: digest })).toSorted(by),
      statements: statements.map(({ value, digest }) => ({ site: value.site, statement: digest })).toSorted(by),
      resumesFrom:
        resumes === null
          ? null
          : { receipt: resumes.digest, round: resumes.value.round, checkpoint: resumes.value.checkpoint ?? '' },
      attemptFloor: this.nextAttempt,
      receiptKey: this.receiptKey.publicKey,
      sessionKey: (await generateEphemeralHpkeKey()).publicKey,
      configuration: '0'.repeat(64),
      release: this.#release.digest,
      log: { mode: 'unwitnessed' },
      openedAt: this.#now().toISOString(),
      ...change,
    });
    return this.session;
  }

  /** Evidence for the newest nonce of a site; `change` makes it another. */
  async offer(
    site: string,
    change: Partial<Pick<SimulatedEvidenceRequest, 'nonce' | 'sessionOpen' | 'measurement' | 'chip'>> & {
      readonly text?: (evidence: string) => string;
      readonly claim?: string;
    } = {},
  ): Promise<void> {
    const { text, claim, ...request } = change;
    const evidence = simulatedEvidence({
      chip: this.#world.chip,
      endorsements: await endorse(this.#world.vendor, this.#world.chip),
      nonce: this.nonceOf(site),
      sessionOpen: this.session?.digest ?? '',
      measurement,
      ...request,
    });
    const json = new TextDecoder().decode(canonicalJson(evidence, evidenceLimits));
    await this.publish('EvidenceOffer', {
      kind: 'EvidenceOffer',
      version: 1,
      ...this.names,
      session: this.session?.digest ?? '',
      site,
      nonce: claim ?? request.nonce ?? this.nonceOf(site),
      evidence: text?.(json) ?? json,
    });
  }

  nonceOf(site: string): string {
    const requests = this.records.of('EvidenceRequest').filter(({ value }) => value.session === this.session?.digest);
    const statements = this.records
      .of('ResumeStatement')
      .filter(({ value }) => value.challenge === this.session?.value.challenge);
    return [...statements, ...requests].findLast(({ value }) => value.site === site)?.value.nonce ?? '0'.repeat(64);
  }

  async order(change: Change<'RoundOrder'> = {}): Promise<Verified<'RoundOrder'>> {
    const roundKey = await generateEphemeralHpkeKey();
    const round = change.round ?? (this.receipts.at(-1)?.value.round ?? 0) + 1;
    const base = decodeCheckpoint(this.checkpoints.get(round - 1) ?? new Uint8Array());
    const approvals = new Map(this.records.of('Approval').map(({ value }) => [value.site, value.weight]));
    const order = await this.publish('RoundOrder', {
      kind: 'RoundOrder',
      version: 1,
      ...this.names,
      session: this.session?.digest ?? '',
      task: this.#taskOf(round),
      phase: 'whole',
      round,
      attempt: this.nextAttempt,
      base: { checkpoint: checkpointDigest(encodeCheckpoint(base)), model: modelDigest(base.model) },
      roster: this.#plan.value.sites.roster.map(({ name, agent }) => ({
        name,
        agent,
        weight: approvals.get(name) ?? 1,
      })),
      rollsForward: null,
      roundKey: roundKey.publicKey,
      maskMaterial: null,
      issuedAt: this.#now().toISOString(),
      deadline: new Date(this.#now().getTime() + 600_000).toISOString(),
      ...change,
    });
    this.nextAttempt = order.value.attempt + 1;
    this.#roundKeys.set(order.digest, roundKey);
    return order;
  }

  contributionsTo(order: Verified<'RoundOrder'>): readonly Verified<'Contribution'>[] {
    const all = this.records.of('Contribution').filter(({ value }) => value.order === order.digest);
    return all.toSorted((a, b) => (a.value.site < b.value.site ? -1 : 1));
  }

  /** Every contribution to the order, opened. */
  async openAll(order: Verified<'RoundOrder'>): Promise<readonly Opened[]> {
    await this.sync();
    return await Promise.all(
      this.contributionsTo(order).map(async (contribution) => await this.#open(order, contribution)),
    );
  }

  async #open(order: Verified<'RoundOrder'>, { value }: Verified<'Contribution'>): Promise<Opened> {
    const tensors = value.tensors;
    const values = tensors.map(({ shape, ring }) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return ring === 'int32' ? new Int32Array(length) : new BigInt64Array(length);
    });
    const reader = new PayloadReader({
      tensors,
      paddingBytes: this.#plan.value.encoding.paddingBytes,
      onRun: ({ tensor, start, values: run }) => {
        const own = values[tensor];
        if (own instanceof Int32Array && run instanceof Int32Array) own.set(run, start);
        else if (own instanceof BigInt64Array && run instanceof BigInt64Array) own.set(run, start);
      },
    });
    for await (const piece of this.plain(order, value, contributionInfo({ order: order.digest, site: value.site }))) {
      reader.feed(piece);
    }
    const { digest, secret } = reader.end();
    return { site: value.site, values, payload: digest, secret, weight: value.weight };
  }

  /** A returned checkpoint's bytes. */
  async returned(order: Verified<'RoundOrder'>, site: string): Promise<Bytes> {
    await this.sync();
    const contribution = this.contributionsTo(order).find(({ value }) => value.site === site);
    if (contribution === undefined) throw new Error('nothing was returned');
    const pieces: Uint8Array[] = [];
    const info = checkpointReturnInfo({ order: order.digest, site });
    for await (const piece of this.plain(order, contribution.value, info)) pieces.push(piece);
    return concatBytes(...pieces);
  }

  async *plain(
    order: Verified<'RoundOrder'>,
    value: DocumentOf<'Contribution'>,
    info: Bytes,
  ): AsyncGenerator<Uint8Array> {
    const privateKey = this.#roundKeys.get(order.digest);
    if (privateKey === undefined) throw new Error('no round key');
    const enc = fromBase64Url(value.encapsulation);
    yield* openStream({ source: this.#chunks(value.ciphertext.manifest), privateKey, enc, info });
  }

  async *#chunks(manifest: string): AsyncGenerator<Bytes> {
    const { chunks }: { chunks: string[] } = JSON.parse(
      new TextDecoder().decode(await this.connection.chunks.get(manifest)),
    );
    for (const digest of chunks) yield await this.connection.chunks.get(digest);
  }

  /** Sums what came and signs what it makes; `change` replaces what is signed. */
  async receipt(order: Verified<'RoundOrder'>, change: Change<'RoundReceipt'> = {}): Promise<Verified<'RoundReceipt'>> {
    const opened = await this.openAll(order);
    const checkpoint = this.#apply(order, opened);
    const bytes = encodeCheckpoint(checkpoint);
    const contributions = this.contributionsTo(order);
    const present = new Set(opened.map(({ site }) => site));
    const rolled = this.receipts.find(({ digest }) => digest === order.value.rollsForward);
    const previous =
      rolled === undefined
        ? (this.receipts.findLast(({ value }) => value.round === order.value.round - 1)?.digest ?? null)
        : rolled.value.previous;
    const receipt = await this.publish('RoundReceipt', {
      kind: 'RoundReceipt',
      version: 1,
      ...this.names,
      session: this.session?.digest ?? '',
      order: order.digest,
      task: order.value.task,
      round: order.value.round,
      attempt: order.value.attempt,
      previous,
      rollsForward: order.value.rollsForward,
      contributors: contributions.map(({ value, digest }) => ({
        site: value.site,
        contribution: digest,
        payload: value.payload,
        weight: value.weight,
        approval: value.approval,
      })),
      totalWeight: opened.reduce((sum, { weight }) => sum + weight, 0),
      absentees: this.#plan.value.sites.roster.flatMap(({ name }) =>
        present.has(name) ? [] : [{ site: name, code: 'no-contribution' }],
      ),
      survivors: null,
      base: order.value.base.checkpoint,
      model: modelDigest(checkpoint.model),
      checkpoint: checkpointDigest(bytes),
      result: resultDigest(resultOf(this.#plan.value, checkpoint)),
      noise: { mode: 'none' },
      evidence: [],
      backend: 'fake',
      closedAt: this.#now().toISOString(),
      ...change,
    });
    this.receipts.push(receipt);
    this.checkpoints.set(order.value.round, bytes);
    return receipt;
  }

  #apply(order: Verified<'RoundOrder'>, opened: readonly Opened[]): Checkpoint {
    const { round } = order.value;
    const base = decodeCheckpoint(this.checkpoints.get(round - 1) ?? new Uint8Array());
    const task = roundTask(this.#plan.value, round);
    const sums = task.tensors.map(({ shape, weighting }, t) =>
      BigInt64Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) =>
        opened.reduce((sum, { values, weight }) => {
          const factor = weighting === 'byEnclave' ? BigInt(weight) : 1n;
          return sum + factor * BigInt(values[t]?.[i] ?? 0);
        }, 0n),
      ),
    );
    const totalWeight = opened.reduce((sum, { weight }) => sum + weight, 0);
    const each = task.reads === 'sums' ? [] : opened.map(({ weight, values: integers }) => ({ weight, integers }));
    return { round, ...task.next({ base, sums, totalWeight, contributors: opened.length, each }) };
  }

  /** What the plan has the round for; a round that it does not have is one of training. */
  #taskOf(round: number): DocumentOf<'RoundOrder'>['task'] {
    return round > lastRound(this.#plan.value) ? 'update' : stageOf(this.#plan.value, round).task;
  }

  /** The receipt's checkpoint, or other bytes, to all sites of the roster. */
  async sealModel(receipt: Verified<'RoundReceipt'>, bytes?: Bytes): Promise<Verified<'SealedModel'>> {
    const names = { receipt: receipt.digest, session: this.session?.digest ?? '', study: this.#plan.digest };
    const approvals = new Map(this.records.of('Approval').map(({ value }) => [value.site, value.receivingKey]));
    const recipients = [...approvals].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const stream = await sealToMany({
      source: [bytes ?? this.checkpoints.get(receipt.value.round) ?? new Uint8Array()],
      recipients: recipients.map(([, key]) => key),
      info: sealedModelInfo(names),
    });
    const builder = new ManifestBuilder(stream.chunkSize + tagLength);
    for await (const chunk of stream.chunks) await this.connection.chunks.put(builder.add(chunk), chunk);
    const manifest = builder.finish();
    await this.connection.chunks.put(manifest.ref.manifest, manifest.bytes);
    return await this.publish('SealedModel', {
      kind: 'SealedModel',
      version: 1,
      ...this.names,
      session: names.session,
      receipt: receipt.digest,
      round: receipt.value.round,
      checkpoint: receipt.value.checkpoint ?? '',
      ciphertext: manifest.ref,
      recipients: recipients.map(([site], i) => ({
        site,
        encapsulation: toBase64Url(stream.wrappedKeys[i]?.enc ?? new Uint8Array()),
        wrappedKey: toBase64Url(stream.wrappedKeys[i]?.wrappedKey ?? new Uint8Array()),
      })),
    });
  }
}
