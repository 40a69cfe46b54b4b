// The courier's end of the pipe: it does for the vault what the vault may ask, and nothing else. It holds no key and sees no data.
import { type Bytes, utf8 } from '@wardround/protocol/bytes';
import { documentKinds, type DocumentKind } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { chunkDigest } from '@wardround/protocol/manifest';
import type { Relay, Topic } from '@wardround/protocol/relay-port';
import { codeSchema } from '@wardround/protocol/documents/primitives';
import { type CourierHeader, followWindow, type Frame, type VaultHeader } from './frames.ts';
import type { FramePipe } from './pipe.ts';

export interface Hello {
  readonly name: string;
  readonly coordinator: string;
  readonly proxy: string | null;
}

type CourierPipe = FramePipe<CourierHeader, VaultHeader>;

/**
 * How the courier meets its vault: first the vault's hello (whom to reach), then proofs for connections, then service over a relay.
 * `serve` runs until the vault closes the pipe.
 */
export class VaultLink {
  readonly #pipe: CourierPipe;
  readonly #hello = Promise.withResolvers<Hello>();
  readonly #proofs = new Map<number, PromiseWithResolvers<string>>();
  readonly #follows = new Map<number, { readonly stop: AbortController; readonly credit: Credit }>();
  readonly #relay = Promise.withResolvers<Relay>();
  #nextId = 1;
  #greeted = false;

  constructor(pipe: CourierPipe) {
    this.#pipe = pipe;
    this.#hello.promise.catch(() => {});
  }

  /** The vault's first frame. @throws WardroundError `channel-closed`, `channel-hello` */
  async hello(): Promise<Hello> {
    return await this.#hello.promise;
  }

  /**
   * Asks the vault for a ConnectionProof (compact JWS). The vault stays silent where the audience is not its own coordinator: the caller's
   * connection attempt then times out like any other.
   */
  async prove(nonce: string, audience: string): Promise<string> {
    const id = this.#nextId;
    this.#nextId += 1;
    const proof = Promise.withResolvers<string>();
    this.#proofs.set(id, proof);
    await this.#pipe.send({ type: 'prove', id, nonce, audience });
    return await proof.promise;
  }

  async rewound(topic: Topic): Promise<void> {
    if (topic === 'federation' || /^[0-9a-f]{64}$/.test(topic)) await this.#pipe.send({ type: 'rewound', topic });
  }

  async online(online: boolean): Promise<void> {
    await this.#pipe.send({ type: online ? 'online' : 'offline' });
  }

  /** From now on the vault's questions are answered by this relay. */
  use(relay: Relay): void {
    this.#relay.resolve(relay);
  }

  /**
   * Reads the pipe until the vault closes it.
   *
   * @throws WardroundError `channel-hello` where the first frame is another, `channel-protocol`, and those of the parser
   */
  async run(): Promise<void> {
    try {
      for await (const frame of this.#pipe.incoming) await this.#receive(frame);
    } finally {
      this.#end();
    }
  }

  async #receive({ header, body }: Frame<VaultHeader>): Promise<void> {
    if ((header.type === 'hello') === this.#greeted) {
      throw new WardroundError('channel-hello', 'the vault says hello first, and once', { got: header.type });
    }
    this.#greeted = true;
    if (header.type === 'hello') {
      const { name, coordinator, proxy } = header;
      this.#hello.resolve({ name, coordinator, proxy });
      return;
    }
    switch (header.type) {
      case 'proof':
        this.#proofs.get(header.id)?.resolve(textOf(body));
        this.#proofs.delete(header.id);
        return;
      case 'follow':
        void this.#follow(header).catch((error: unknown) => {
          // The vault died while a record was on its way to it; the end of its pipe says so to everybody who has to know.
          if (!isClosedPipe(error)) throw error;
        });
        return;
      case 'take':
        this.#follows.get(header.id)?.credit.add(header.count);
        return;
      case 'unfollow':
        this.#follows.get(header.id)?.stop.abort();
        this.#follows.delete(header.id);
        return;
      default:
        void this.#serve(header, body);
    }
  }

  async #serve(
    header: Extract<VaultHeader, { type: 'publish' | 'put' | 'missing' | 'get' }>,
    body: Bytes,
  ): Promise<void> {
    try {
      await this.#answer(header, body);
    } catch (error) {
      const { code, action } = describeError(error);
      const known = codeSchema.safeParse(code).success ? code : 'internal';
      await this.#pipe.send({ type: 'failed', id: header.id, code: known, retry: action === 'retry' }).catch(() => {});
    }
  }

  async #answer(
    header: Extract<VaultHeader, { type: 'publish' | 'put' | 'missing' | 'get' }>,
    body: Bytes,
  ): Promise<void> {
    const { id } = header;
    switch (header.type) {
      case 'publish': {
        const jws = requirePublishable(header.topic, textOf(body));
        await (await this.#relay.promise).board.publish(header.topic, jws);
        await this.#pipe.send({ type: 'done', id });
        return;
      }
      case 'put':
        if (chunkDigest(body) !== header.digest)
          throw new WardroundError('chunk-digest', 'not the chunk that was named');
        await (await this.#relay.promise).chunks.put(header.digest, body);
        await this.#pipe.send({ type: 'done', id });
        return;
      case 'missing': {
        const digests = await (await this.#relay.promise).chunks.missing(header.digests);
        await this.#pipe.send({ type: 'missingIs', id, digests: [...digests] });
        return;
      }
      case 'get':
        await this.#pipe.send({ type: 'chunk', id }, await (await this.#relay.promise).chunks.get(header.digest));
    }
  }

  async #follow({ id, topic, after }: { id: number; topic: Topic; after: number }): Promise<void> {
    const stop = new AbortController();
    const credit = new Credit(followWindow);
    this.#follows.set(id, { stop, credit });
    const relay = await this.#relay.promise;
    for await (const record of relay.board.follow(topic, { after, signal: stop.signal })) {
      await credit.spend(stop.signal);
      if (stop.signal.aborted) return;
      await this.#pipe.send({ type: 'record', id, sequence: record.sequence }, utf8(record.jws));
    }
  }

  #end(): void {
    const closed = new WardroundError('channel-closed', 'the vault is gone', { action: 'retry' });
    this.#hello.reject(closed);
    for (const proof of this.#proofs.values()) proof.reject(closed);
    for (const { stop } of this.#follows.values()) stop.abort();
  }
}

/**
 * The courier's whole work: waits for the vault's hello, connects to the coordinator that it names, and serves until the vault closes the pipe.
 *
 * @param connect makes the relay; it may use the link's `prove`, `online` and `rewound`
 * @throws as {@link VaultLink.run}, and what `connect` throws
 */
export async function serveVault({
  pipe,
  connect,
}: {
  pipe: CourierPipe;
  connect: (hello: Hello, link: VaultLink) => Relay | Promise<Relay>;
}): Promise<void> {
  const link = new VaultLink(pipe);
  const connected = link.hello().then(async (hello) => link.use(await connect(hello, link)));
  const running = link.run();
  // `hello` is refused when the pipe closes first; `running` then says why.
  await Promise.race([running, connected.then(async () => await running)]);
}

/** Kinds that never go on a board. */
const neverPublished: ReadonlySet<DocumentKind> = new Set<DocumentKind>(['ConnectionProof']);

/**
 * A record as the vault may publish it: a well-formed document of a known kind, under the topic that is its own.
 *
 * @throws WardroundError `publish-kind`, `publish-topic`, and those of the reader of documents
 */
export function requirePublishable(topic: Topic, jws: string): string {
  const { kind, value } = UNVERIFIED_kindOf(jws);
  if (neverPublished.has(kind))
    throw new WardroundError('publish-kind', 'this kind is not for the board', { got: kind });
  if (!documentKinds[kind].schema.safeParse(value).success) {
    throw new WardroundError('publish-kind', 'not a well-formed document of its kind', { got: kind });
  }
  const study = typeof value === 'object' && value !== null && 'study' in value ? value.study : undefined;
  const own = documentKinds[kind].topic === 'study' ? study : 'federation';
  if (own !== topic) throw new WardroundError('publish-topic', 'not the topic of this document', { got: topic });
  return jws;
}

function textOf(body: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
}

/** How many records the vault still wants. */
class Credit {
  #left: number;
  #wake: (() => void) | null = null;

  constructor(left: number) {
    this.#left = left;
  }

  add(count: number): void {
    this.#left += count;
    this.#wake?.();
  }

  async spend(signal: AbortSignal): Promise<void> {
    while (this.#left === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.#left -= 1;
  }
}

function isClosedPipe(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return ['ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'EPIPE'].includes(String(error.code));
}
