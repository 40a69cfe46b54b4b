// The vault's view of the coordinator: `Relay` over the pipe to the courier. The courier is untrusted like the coordinator behind it.
import { type Bytes, utf8 } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { chunkDigest } from '@wardround/protocol/manifest';
import type { BoardRecord, Relay, Topic } from '@wardround/protocol/relay-port';
import { type CourierHeader, followWindow, type Frame, maxDigests, type VaultHeader } from './frames.ts';
import type { FramePipe } from './pipe.ts';
import { RecordQueue } from './record-queue.ts';

interface Pending {
  readonly resolve: (frame: Frame<CourierHeader>) => void;
  readonly reject: (error: unknown) => void;
}

/** What the vault does when the courier tells it something by itself. */
export interface VaultRelayEvents {
  /** Signs a ConnectionProof for the coordinator's challenge; must refuse another audience than the site's own coordinator. */
  readonly prove: (challenge: { nonce: string; audience: string }) => Promise<string>;
  readonly rewound: (topic: Topic) => void;
  readonly online: (online: boolean) => void;
}

export class VaultRelay implements Relay {
  readonly #pipe: FramePipe<VaultHeader, CourierHeader>;
  readonly #events: VaultRelayEvents;
  readonly #pending = new Map<number, Pending>();
  readonly #queues = new Map<number, RecordQueue>();
  #nextId = 1;
  #closed: WardroundError | null = null;

  constructor(pipe: FramePipe<VaultHeader, CourierHeader>, events: VaultRelayEvents) {
    this.#pipe = pipe;
    this.#events = events;
  }

  readonly board = {
    publish: async (topic: Topic, jws: string): Promise<void> => {
      await this.#ask((id) => ({ type: 'publish', id, topic }), { body: utf8(jws), expect: 'done' });
    },
    follow: (
      topic: Topic,
      options: { readonly after: number; readonly signal: AbortSignal },
    ): AsyncIterable<BoardRecord> => this.#follow(topic, options),
  };

  readonly chunks = {
    put: async (digest: string, bytes: Bytes): Promise<void> => {
      await this.#ask((id) => ({ type: 'put', id, digest }), { body: bytes, expect: 'done' });
    },
    missing: async (digests: readonly string[]): Promise<readonly string[]> => {
      const missing: string[] = [];
      for (let at = 0; at < digests.length; at += maxDigests) {
        missing.push(...(await this.#missing(digests.slice(at, at + maxDigests))));
      }
      return missing;
    },
    get: async (digest: string): Promise<Bytes> => {
      const { body } = await this.#ask((id) => ({ type: 'get', id, digest }), { expect: 'chunk' });
      if (chunkDigest(body) !== digest) {
        throw new WardroundError('chunk-digest', 'not the chunk that was asked for', {
          expected: digest,
          action: 'retry',
        });
      }
      return body;
    },
  };

  /**
   * Reads the pipe until it ends; everything that still waits is then refused with `channel-closed`.
   *
   * @throws WardroundError `channel-protocol` for an answer that nobody asked for, and those of the parser
   */
  async run(): Promise<void> {
    try {
      for await (const frame of this.#pipe.incoming) this.#receive(frame);
      this.#close(new WardroundError('channel-closed', 'the courier is gone', { action: 'retry' }));
    } catch (error) {
      this.#close(
        new WardroundError('channel-closed', 'the courier spoke nonsense', { action: 'retry', cause: error }),
      );
      throw error;
    }
  }

  #receive(frame: Frame<CourierHeader>): void {
    const { header } = frame;
    switch (header.type) {
      case 'prove':
        void this.#prove(header);
        return;
      case 'rewound':
        this.#events.rewound(header.topic);
        return;
      case 'online':
      case 'offline':
        this.#events.online(header.type === 'online');
        return;
      case 'record':
        this.#queues.get(header.id)?.push(header.sequence, frame.body);
        return;
      case 'done':
      case 'failed':
      case 'missingIs':
      case 'chunk':
        this.#answer(header.id, frame);
    }
  }

  #answer(id: number, frame: Frame<CourierHeader>): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) throw protocolError(frame.header.type);
    this.#pending.delete(id);
    pending.resolve(frame);
  }

  /** A refusal to prove is silence: the courier learns nothing but that no proof came. */
  async #prove({ id, nonce, audience }: { id: number; nonce: string; audience: string }): Promise<void> {
    const jws = await this.#events.prove({ nonce, audience }).catch(() => null);
    if (jws !== null) await this.#pipe.send({ type: 'proof', id }, utf8(jws));
  }

  async #missing(digests: readonly string[]): Promise<readonly string[]> {
    const { header } = await this.#ask((id) => ({ type: 'missing', id, digests: [...digests] }), {
      expect: 'missingIs',
    });
    const asked = new Set(digests);
    const answered = header.type === 'missingIs' ? header.digests : [];
    return answered.filter((digest) => asked.has(digest));
  }

  async #ask(
    header: (id: number) => VaultHeader,
    { body, expect }: { body?: Uint8Array; expect: CourierHeader['type'] },
  ): Promise<Frame<CourierHeader>> {
    if (this.#closed !== null) throw this.#closed;
    const id = this.#newId();
    const answer = new Promise<Frame<CourierHeader>>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    // The answer may be refused (pipe closed) while the question is still being written: that must not count as unhandled.
    answer.catch(() => {});
    await this.#pipe.send(header(id), body);
    const frame = await answer;
    if (frame.header.type === 'failed') {
      const { code, retry } = frame.header;
      // The code is the coordinator's own word. That the pipe has closed, which ends the vault, is only ours to say.
      const named = code === 'channel-closed' ? 'relay-refused' : code;
      throw new WardroundError(named, 'the coordinator did not take it', { action: retry ? 'retry' : 'stop' });
    }
    if (frame.header.type !== expect) throw protocolError(frame.header.type);
    return frame;
  }

  async *#follow(
    topic: Topic,
    { after, signal }: { readonly after: number; readonly signal: AbortSignal },
  ): AsyncGenerator<BoardRecord> {
    const id = this.#newId();
    const queue = new RecordQueue(signal);
    this.#queues.set(id, queue);
    try {
      await this.#pipe.send({ type: 'follow', id, topic, after });
      let untaken = 0;
      for (let next = await queue.take(); next !== null; next = await queue.take()) {
        yield { topic, sequence: next.sequence, jws: next.jws };
        untaken += 1;
        if (untaken < followWindow / 2) continue;
        await this.#pipe.send({ type: 'take', id, count: untaken });
        untaken = 0;
      }
      if (this.#closed !== null && !signal.aborted) throw this.#closed;
    } finally {
      this.#queues.delete(id);
      if (this.#closed === null) await this.#pipe.send({ type: 'unfollow', id });
    }
  }

  #newId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  #close(error: WardroundError): void {
    this.#closed = error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    for (const queue of this.#queues.values()) queue.close();
  }
}

function protocolError(got: string): WardroundError {
  return new WardroundError('channel-protocol', 'an answer to nothing that was asked', { got, action: 'stop' });
}
