// A site for the enclave's tests: honest when it acts by itself, and able to say any lie under its own keys when a test makes it.
import { type Bytes, concatBytes, fromBase64Url, sha256, toBase64Url, toHex, utf8 } from '@wardround/protocol/bytes';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { HpkePublicKey } from '@wardround/protocol/documents/primitives';
import type { SigningKey } from '@wardround/protocol/keys';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import { encodePayload, type Payload, payloadDigest, type PayloadTensor } from '@wardround/protocol/payload';
import { checkpointReturnInfo, contributionInfo, sealedModelInfo } from '@wardround/protocol/seal-context';
import { openFromMany, sealStream } from '@wardround/protocol/sealed-stream';
import { tagLength } from '@wardround/protocol/stream-chunks';
import { StudyRecords } from '@wardround/protocol/study-records';
import { checkpointDigest } from '@wardround/learning/checkpoint';
import { type Integers, roundTask } from '@wardround/learning/rounds/round-task';
import type { FakeFederation, SiteKeys } from './fake-federation.ts';
import { fakeWork } from './site-work.ts';
import type { MemoryConnection, MemoryRelay } from './memory-relay.ts';

export interface Sealed {
  readonly encapsulation: string;
  readonly ciphertext: { readonly manifest: string; readonly size: number };
}

/** What a contribution is made of; a lie replaces any of it. */
export interface ContributionParts {
  readonly payload?: Payload;
  readonly paddingBytes?: number;
  readonly info?: Bytes;
  readonly recipient?: HpkePublicKey;
  /** Changes the plaintext before it is sealed. */
  readonly plain?: (plain: Bytes) => Bytes;
  /** Changes the sealed chunks before they are uploaded. */
  readonly chunks?: (chunks: readonly Bytes[]) => readonly Bytes[];
  /** Does not upload these chunks. */
  readonly withhold?: (index: number) => boolean;
  readonly change?: (contribution: DocumentOf<'Contribution'>) => DocumentOf<'Contribution'>;
  readonly key?: SigningKey;
}

/** The integers a site makes in a round; deterministic. */
export type Training = (round: number, tensors: readonly TensorHeader[]) => Integers;

export class FakeSite {
  readonly name: string;
  readonly keys: SiteKeys;
  readonly connection: MemoryConnection;
  readonly federation: FakeFederation;
  readonly plan: Verified<'StudyPlan'>;
  weight: number;
  training: Training;
  online = true;
  /** Which of its honest duties it does. */
  duties = { state: true, contribute: true, cosign: true, store: true, returnCheckpoint: true };
  readonly now: () => Date;
  readonly held: { round: number; checkpoint: string; bytes: Bytes }[] = [];
  newestReceipt: { receipt: string; round: number; checkpoint: string } | null = null;
  lastSealed: { round: number; attempt: number } | null = null;
  readonly payloads = new Map<number, Payload>();
  approval: Verified<'Approval'> | null = null;
  #records: StudyRecords;
  readonly #done = new Set<string>();
  #said = 0;

  constructor(parts: {
    keys: SiteKeys;
    index: number;
    relay: MemoryRelay;
    federation: FakeFederation;
    plan: Verified<'StudyPlan'>;
    now: () => Date;
  }) {
    this.name = parts.keys.name;
    this.keys = parts.keys;
    this.connection = parts.relay.connect(this.name);
    this.federation = parts.federation;
    this.plan = parts.plan;
    this.now = parts.now;
    this.weight = 100 + parts.index;
    const { index } = parts;
    this.training = (round) => fakeWork({ plan: parts.plan.value, site: this.name, index, round });
    this.#records = new StudyRecords({ federation: parts.federation.view, plan: parts.plan });
  }

  get study(): string {
    return this.plan.digest;
  }

  get names(): { federation: string; study: string; site: string } {
    return { federation: this.federation.view.federation, study: this.study, site: this.name };
  }

  get records(): StudyRecords {
    return this.#records;
  }

  /** Reads the board as it is now. */
  async sync(): Promise<void> {
    for await (const { jws } of this.connection.snapshot(this.study)) await this.#records.add(jws).catch(() => false);
  }

  async publish<K extends DocumentKind>(kind: K, value: DocumentOf<K>, key: SigningKey): Promise<Verified<K>> {
    const signed = await sign(kind, value, key);
    await this.connection.board.publish(this.study, signed.jws);
    this.#said += 1;
    return signed;
  }

  async approve(change: Partial<DocumentOf<'Approval'>> = {}, key = this.keys.approval): Promise<Verified<'Approval'>> {
    const peers = this.federation.sites.filter(({ name }) => name !== this.name).map(({ agent }) => agent.thumbprint);
    this.approval = await this.publish(
      'Approval',
      {
        kind: 'Approval',
        version: 1,
        ...this.names,
        under: { authority: 'person' },
        snapshotCommitment: toHex(sha256(utf8(this.name))),
        peers: peers.toSorted(),
        weight: this.weight,
        receivingKey: this.keys.receiving.publicKey,
        minimumContributors: 2,
        minimumRows: 1,
        maxShare: '0.9',
        budget: { kind: 'unbounded' },
        population: 'site',
        releaseConsent: 'oneByOne',
        perSiteMetrics: [],
        acceptedWeaknesses: ['noDifferentialPrivacy', 'simulatedPlatform', 'unmasked', 'unwitnessed'],
        approvedAt: this.now().toISOString(),
        validUntil: '2027-03-31T00:00:00.000Z',
        ...change,
      },
      key,
    );
    return this.approval;
  }

  async refuse(): Promise<void> {
    await this.publish(
      'Refusal',
      { kind: 'Refusal', version: 1, ...this.names, refusedAt: this.now().toISOString() },
      this.keys.approval,
    );
  }

  async withdraw(): Promise<void> {
    await this.publish(
      'Withdrawal',
      {
        kind: 'Withdrawal',
        version: 1,
        ...this.names,
        approval: this.approval?.digest ?? '',
        withdrawnAt: this.now().toISOString(),
      },
      this.keys.approval,
    );
  }

  async state(
    challenge: string,
    change: Partial<DocumentOf<'ResumeStatement'>> = {},
  ): Promise<Verified<'ResumeStatement'>> {
    return await this.publish(
      'ResumeStatement',
      {
        kind: 'ResumeStatement',
        version: 1,
        ...this.names,
        challenge,
        nonce: toHex(sha256(utf8(`${this.name} ${challenge}`))),
        newestReceipt: this.newestReceipt,
        lastSealed: this.lastSealed,
        held: this.held.slice(-2).map(({ round, checkpoint }) => ({ round, checkpoint })),
        instance: 1,
        statedAt: this.now().toISOString(),
        ...change,
      },
      this.keys.agent,
    );
  }

  async say(code: DocumentOf<'SiteStatus'>['code'], change: Partial<DocumentOf<'SiteStatus'>> = {}): Promise<void> {
    await this.publish(
      'SiteStatus',
      {
        kind: 'SiteStatus',
        version: 1,
        ...this.names,
        session: this.session?.digest ?? null,
        round: null,
        attempt: null,
        code,
        check: null,
        statedAt: this.now().toISOString(),
        ...change,
      },
      this.keys.agent,
    );
  }

  /** The tensors that the plan has in a round. */
  tensors(round: number): readonly TensorHeader[] {
    return roundTask(this.plan.value, round).tensors;
  }

  /** The same integers and secret bytes whenever a round is asked for again. */
  payloadFor(round: number): Payload {
    const known = this.payloads.get(round);
    if (known !== undefined) return known;
    const headers = this.tensors(round);
    const values = this.training(round, headers);
    const payload = {
      tensors: headers.map((header, i) => ({ header, values: ownIntegers(values[i]) })),
      secret: sha256(utf8(`${this.name} secret ${round}`)),
    };
    this.payloads.set(round, payload);
    return payload;
  }

  /** Seals, uploads and publishes; whatever `parts` says, under this site's own signature. */
  async contribute(order: Verified<'RoundOrder'>, parts: ContributionParts = {}): Promise<Verified<'Contribution'>> {
    const { value } = order;
    const payload = parts.payload ?? this.payloadFor(value.round);
    const plain = concatBytes(...encodePayload(payload, parts.paddingBytes ?? this.plan.value.encoding.paddingBytes));
    const info = parts.info ?? contributionInfo({ order: order.digest, site: this.name });
    const sealed = await this.seal(parts.plain?.(plain) ?? plain, {
      ...parts,
      info,
      recipient: parts.recipient ?? value.roundKey,
    });
    this.#done.add(order.digest);
    this.lastSealed = { round: value.round, attempt: Math.max(value.attempt, this.lastSealed?.attempt ?? 0) };
    const contribution: DocumentOf<'Contribution'> = {
      kind: 'Contribution',
      version: 1,
      ...this.names,
      session: value.session,
      order: order.digest,
      task: value.task,
      phase: value.phase,
      round: value.round,
      attempt: value.attempt,
      base: value.base.checkpoint,
      weight: this.weight,
      approval: this.approval?.digest ?? '',
      tensors: payload.tensors.map(({ header }) => header),
      payload: payloadDigest(payload),
      ...sealed,
    };
    return await this.publish(
      'Contribution',
      parts.change?.(contribution) ?? contribution,
      parts.key ?? this.keys.agent,
    );
  }

  async seal(
    plain: Bytes,
    to: Pick<ContributionParts, 'chunks' | 'withhold'> & { info: Bytes; recipient: HpkePublicKey },
  ): Promise<Sealed> {
    const stream = await sealStream({ source: [plain], recipient: to.recipient, info: to.info });
    const sealed: Bytes[] = [];
    for await (const chunk of stream.chunks) sealed.push(chunk);
    const builder = new ManifestBuilder(stream.chunkSize + tagLength);
    for (const [index, chunk] of (to.chunks?.(sealed) ?? sealed).entries()) {
      const digest = builder.add(chunk);
      if (to.withhold?.(index) !== true) await this.connection.chunks.put(digest, chunk);
    }
    const { bytes, ref } = builder.finish();
    await this.connection.chunks.put(ref.manifest, bytes);
    return { encapsulation: toBase64Url(stream.enc), ciphertext: ref };
  }

  async returnCheckpoint(
    order: Verified<'RoundOrder'>,
    {
      bytes,
      change,
    }: { bytes?: Bytes; change?: (value: DocumentOf<'Contribution'>) => DocumentOf<'Contribution'> } = {},
  ): Promise<void> {
    const { value } = order;
    const held = this.held.find(({ checkpoint }) => checkpoint === value.base.checkpoint);
    const sealed = await this.seal(bytes ?? held?.bytes ?? new Uint8Array(), {
      info: checkpointReturnInfo({ order: order.digest, site: this.name }),
      recipient: value.roundKey,
    });
    const contribution: DocumentOf<'Contribution'> = {
      kind: 'Contribution',
      version: 1,
      ...this.names,
      session: value.session,
      order: order.digest,
      task: value.task,
      phase: value.phase,
      round: value.round,
      attempt: value.attempt,
      base: value.base.checkpoint,
      weight: this.weight,
      approval: this.approval?.digest ?? '',
      tensors: [],
      payload: value.base.checkpoint,
      ...sealed,
    };
    await this.publish('Contribution', change?.(contribution) ?? contribution, this.keys.agent);
  }

  async cosign(receipt: Verified<'RoundReceipt'>, change: Partial<DocumentOf<'Cosignature'>> = {}): Promise<void> {
    const { round, checkpoint } = receipt.value;
    this.newestReceipt = { receipt: receipt.digest, round, checkpoint: checkpoint ?? '' };
    await this.publish(
      'Cosignature',
      {
        kind: 'Cosignature',
        version: 1,
        ...this.names,
        receipt: receipt.digest,
        round,
        cosignedAt: this.now().toISOString(),
        ...change,
      },
      this.keys.witness,
    );
  }

  /** The checkpoint inside, opened with this site's own receiving key. */
  async open({ value }: Verified<'SealedModel'>): Promise<Bytes> {
    const own = value.recipients.find(({ site }) => site === this.name);
    if (own === undefined) throw new Error(`the model is not sealed to ${this.name}`);
    const stream = openFromMany({
      source: this.#chunksOf(value.ciphertext.manifest),
      privateKey: this.keys.receiving,
      wrapped: { enc: fromBase64Url(own.encapsulation), wrappedKey: fromBase64Url(own.wrappedKey) },
      info: sealedModelInfo({ receipt: value.receipt, session: value.session, study: this.study }),
    });
    const pieces: Bytes[] = [];
    for await (const piece of stream) pieces.push(piece);
    return concatBytes(...pieces);
  }

  async *#chunksOf(manifest: string): AsyncGenerator<Bytes, void> {
    const { chunks } = JSON.parse(new TextDecoder().decode(await this.connection.chunks.get(manifest)));
    for (const digest of chunks) yield await this.connection.chunks.get(digest);
  }

  /** The newest open session that the board shows. */
  get session(): Verified<'SessionOpen'> | undefined {
    return this.#records.of('SessionOpen').at(-1);
  }

  /** The newest order of the newest session. */
  get order(): Verified<'RoundOrder'> | undefined {
    return this.#records.of('RoundOrder').findLast(({ value }) => value.session === this.session?.digest);
  }

  /** Does what an honest site owes now; true when it said anything. */
  async act(): Promise<boolean> {
    if (!this.online) return false;
    await this.sync();
    const before = this.#said;
    await this.#answerNewestChallenge();
    await this.#answerNewestOrder();
    await this.#cosignNew();
    await this.#storeNew();
    return this.#said > before;
  }

  async #answerNewestChallenge(): Promise<void> {
    const challenge = this.#records.of('SessionChallenge').at(-1);
    if (this.duties.state && challenge !== undefined && this.#once(challenge.digest))
      await this.state(challenge.digest);
  }

  async #answerNewestOrder(): Promise<void> {
    const { order } = this;
    if (order === undefined || !order.value.roster.some(({ name }) => name === this.name)) return;
    if (order.value.task === 'checkpointReturn') {
      const holds = this.held.some(({ checkpoint }) => checkpoint === order.value.base.checkpoint);
      if (this.duties.returnCheckpoint && holds && this.#once(order.digest)) await this.returnCheckpoint(order);
      return;
    }
    const { base, round } = order.value;
    const hasBase = round === 1 || this.held.some(({ checkpoint }) => checkpoint === base.checkpoint);
    if (this.duties.contribute && hasBase && this.#once(order.digest)) await this.contribute(order);
  }

  async #cosignNew(): Promise<void> {
    for (const receipt of this.#records.of('RoundReceipt')) {
      const { round, checkpoint } = receipt.value;
      const newest = this.newestReceipt;
      const fits =
        newest === null || newest.round < round || (newest.round === round && newest.checkpoint === checkpoint);
      if (this.duties.cosign && fits && this.#once(receipt.digest)) await this.cosign(receipt);
    }
  }

  async #storeNew(): Promise<void> {
    for (const sealed of this.#records.of('SealedModel')) {
      const { checkpoint, round, recipients } = sealed.value;
      if (!this.duties.store || this.held.some((entry) => entry.checkpoint === checkpoint)) continue;
      if (!recipients.some(({ site }) => site === this.name)) continue;
      const bytes = await this.open(sealed);
      if (checkpointDigest(bytes) !== checkpoint) throw new Error('the sealed model is not the one of the receipt');
      this.held.push({ round, checkpoint, bytes });
      this.#said += 1;
    }
  }

  #once(what: string): boolean {
    if (this.#done.has(what)) return false;
    this.#done.add(what);
    return true;
  }
}

function ownIntegers(values: Int32Array | BigInt64Array = new Int32Array()): PayloadTensor['values'] {
  return values instanceof Int32Array ? Int32Array.from(values) : BigInt64Array.from(values);
}
