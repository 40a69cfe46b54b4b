// The control side: socket.io connections, each challenged first, then served a closed list of events. Anything else is ignored.
import type { Server as HttpServer } from 'node:http';
import type { Logger } from 'pino';
import { Server, type Socket } from 'socket.io';
import type * as z from 'zod';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import {
  followSchema,
  maxMessageBytes,
  proveSchema,
  publishSchema,
  type RefusalAnswer,
  unfollowSchema,
} from '@wardround/protocol/relay-wire';
import type { AccessTokens } from './access-token.ts';
import { type Admission, Challenge } from './admission.ts';
import type { Config } from './config.ts';
import { Followers } from './followers.ts';
import type { Identity } from './identity.ts';
import type { Publication } from './publication.ts';
import { Rate } from './rate.ts';
import type { BoardStore } from './store/board-store.ts';

export interface SocketParts {
  readonly board: BoardStore;
  readonly admission: Admission;
  readonly publication: Publication;
  readonly tokens: AccessTokens;
  readonly limits: Config['limits'];
  readonly randomBytes: (length: number) => Uint8Array;
  readonly milliseconds: () => number;
  readonly log: Logger;
}

/** Attaches to the HTTP server. The caller closes what is returned. */
export function serveSockets(http: HttpServer, parts: SocketParts): Server {
  const io = new Server(http, {
    serveClient: false,
    maxHttpBufferSize: maxMessageBytes,
    connectTimeout: 10_000,
    // Parties are programs, not pages: no origin is allowed to script them.
    cors: { origin: false },
  });
  io.use((_socket, next) => {
    const full = io.engine.clientsCount > parts.limits.connections;
    next(full ? new Error('too-many-connections') : undefined);
  });
  io.on('connection', (socket) => new Connection(socket, parts).start());
  return io;
}

/** One connection from its challenge to its end. */
class Connection {
  readonly #socket: Socket;
  readonly #parts: SocketParts;
  readonly #challenge: Challenge;
  readonly #followers: Followers;
  readonly #records: Rate;
  readonly #bytes: Rate;
  readonly #log: Logger;
  #identity: Identity | null = null;

  constructor(socket: Socket, parts: SocketParts) {
    const { limits, milliseconds } = parts;
    this.#socket = socket;
    this.#parts = parts;
    this.#challenge = new Challenge(parts.randomBytes(32));
    this.#followers = new Followers({ board: parts.board, limit: limits.followsPerConnection });
    this.#records = new Rate({ perMinute: limits.publishesPerMinute, milliseconds });
    this.#bytes = new Rate({ perMinute: limits.publishedBytesPerMinute, milliseconds });
    this.#log = parts.log.child({ connection: socket.id });
  }

  start(): void {
    const impatience = setTimeout(() => {
      if (this.#identity === null) this.#socket.disconnect(true);
    }, this.#parts.limits.authenticationSeconds * 1000);
    this.#socket.on('disconnect', (reason) => {
      clearTimeout(impatience);
      this.#followers.close();
      this.#log.info({ reason }, 'connection ended');
    });
    this.#on('prove', proveSchema, async ({ proof }) => await this.#prove(proof));
    this.#on('renew', null, async () => await this.#parts.tokens.issue(this.#requireIdentity()));
    this.#on('publish', publishSchema, async (request) => await this.#publish(request));
    this.#on('follow', followSchema, async (request) => {
      await this.#requireTopic(request.topic);
      return await this.#followers.page(request);
    });
    this.#on('unfollow', unfollowSchema, async ({ id }) => {
      this.#followers.stop(id);
      return await Promise.resolve({});
    });
    this.#socket.emit('challenge', { nonce: this.#challenge.nonce });
  }

  /** One event: its body parsed strictly, its answer or its refusal given to the client's acknowledgement. */
  #on<T>(event: string, schema: z.ZodType<T>, handle: (body: T) => Promise<object>): void;
  #on(event: string, schema: null, handle: () => Promise<object>): void;
  #on(event: string, schema: z.ZodType | null, handle: (body: unknown) => Promise<object>): void {
    this.#socket.on(event, (body: unknown, acknowledge: unknown) => {
      if (typeof acknowledge !== 'function') return;
      const answer = async (): Promise<object> => await handle(schema === null ? null : parseBody(event, schema, body));
      void answer()
        .catch((error: unknown) => this.#refusal(event, error))
        .then((result) => {
          Reflect.apply(acknowledge, null, [result]);
        });
    });
  }

  async #prove(proof: string): Promise<object> {
    // A second answer is refused and changes nothing for the first, whose signature may still be at the verifier.
    const nonce = this.#challenge.take();
    try {
      const identity = await this.#parts.admission.admit(proof, nonce);
      const admitted = await this.#parts.tokens.issue(identity);
      this.#identity = identity;
      this.#log.info({ role: identity.role, name: identity.name, key: identity.key }, 'authenticated');
      return admitted;
    } catch (error) {
      // The refusal is still delivered: acknowledgements written before it leave first.
      setImmediate(() => this.#socket.disconnect(true));
      throw error;
    }
  }

  async #publish({ topic, jws }: z.infer<typeof publishSchema>): Promise<object> {
    const identity = this.#requireIdentity();
    this.#records.take(1);
    this.#bytes.take(jws.length);
    return { sequence: await this.#parts.publication.publish({ identity, topic, jws }) };
  }

  async #requireTopic(topic: string): Promise<void> {
    const { topics } = await this.#parts.publication.rights(this.#requireIdentity());
    if (topics === 'federation' && topic !== 'federation') {
      throw new WardroundError('follow-topic', 'only the federation is open to a party that is not in it (yet)', {
        action: 'retry',
      });
    }
  }

  #requireIdentity(): Identity {
    if (this.#identity !== null) return this.#identity;
    throw new WardroundError('auth-required', 'this connection has not answered its challenge');
  }

  #refusal(event: string, error: unknown): RefusalAnswer {
    if (!(error instanceof WardroundError)) {
      this.#log.error({ event, err: error }, 'failed');
      return { error: { code: 'internal', message: 'the coordinator failed', action: 'retry' } };
    }
    const { code, message, action } = describeError(error);
    this.#log.warn({ event, code, cause: error.code === 'store-failed' ? error.cause : undefined }, 'refused');
    return { error: { code, message: message.slice(0, 1000), action } };
  }
}

function parseBody(event: string, schema: z.ZodType, body: unknown): unknown {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new WardroundError('message-invalid', issue?.message ?? 'not such a message', {
    where: [event, ...(issue?.path ?? []).map(String)].join('.'),
  });
}
