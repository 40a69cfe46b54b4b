// One authenticated connection to the coordinator, from its challenge until it breaks. It is never repaired: a new one is opened.
import { io, type Socket } from 'socket.io-client';
import { WardroundError } from '@wardround/protocol/errors';
import {
  type Admitted,
  admittedSchema,
  challengeSchema,
  maxMessageBytes,
  refusalOf,
} from '@wardround/protocol/relay-wire';
import { certificateRefusal } from './certificate.ts';
import type { Prove } from './prove.ts';
import type { Route } from './route.ts';
import { orAborted } from './waiting.ts';

/** Longer than a coordinator holds back an empty page (25 s), so that silence means a dead connection. */
const answerMilliseconds = 60_000;

/** A zod schema, as far as this needs one. */
export interface Schema<T> {
  readonly safeParse: (value: unknown) => { success: true; data: T } | { success: false };
}

export class Session {
  readonly #socket: Socket;
  readonly #broken = Promise.withResolvers<never>();
  #accessToken = '';
  #open = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#broken.promise.catch(() => undefined);
    const end = (error: WardroundError): void => {
      this.#open = false;
      this.#broken.reject(error);
    };
    const ended = (reason: string): WardroundError => unreachable('the connection ended', reason);
    socket.on('disconnect', (reason) => end(ended(reason)));
    socket.on('connect_error', (error: Error) => end(certificateRefusal(error) ?? ended(error.message)));
  }

  /**
   * Connects and authenticates.
   *
   * @throws WardroundError `relay-unreachable`, `relay-protocol`, `relay-timeout` (all to be retried), `relay-certificate`, the coordinator's `auth-*`,
   * `relay-aborted`, and
   * what `prove` throws
   */
  static async open({ route, prove, signal }: { route: Route; prove: Prove; signal: AbortSignal }): Promise<Session> {
    const socket = io(route.origin, {
      autoConnect: false,
      forceNew: true,
      reconnection: false,
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      timeout: 20_000,
      transportOptions: {
        websocket: { ...route.transport, maxPayload: maxMessageBytes },
        polling: route.transport,
      },
    });
    const session = new Session(socket);
    try {
      await session.#authenticate({ prove, audience: route.origin, signal });
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get accessToken(): string {
    return this.#accessToken;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Resolves when the connection ended, by whichever side. */
  async ended(): Promise<void> {
    await this.#broken.promise.catch(() => undefined);
  }

  /**
   * One event and its answer, parsed.
   *
   * @throws WardroundError the coordinator's own refusal; `relay-unreachable`, `relay-timeout`, `relay-protocol` (to be retried); `relay-aborted`
   */
  async request<T>({
    event,
    body,
    answer,
    signal,
  }: {
    event: string;
    body: object;
    answer: Schema<T>;
    signal: AbortSignal;
  }): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#socket.emit(event, body, resolve);
    const got = await orAborted(this.#inTime(promise), signal);
    const refusal = refusalOf(got);
    if (refusal !== null) throw refusal;
    return parse(answer, got, event);
  }

  /** Asks for a new bearer token. */
  async renew(signal: AbortSignal): Promise<void> {
    this.#admit(await this.request({ event: 'renew', body: {}, answer: admittedSchema, signal }));
  }

  /** Tells the coordinator something that needs no answer. */
  tell(event: string, body: object): void {
    this.#socket.emit(event, body, () => undefined);
  }

  close(): void {
    this.#open = false;
    this.#broken.reject(unreachable('the connection was closed'));
    this.#socket.disconnect();
  }

  async #authenticate({
    prove,
    audience,
    signal,
  }: {
    prove: Prove;
    audience: string;
    signal: AbortSignal;
  }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#socket.once('challenge', resolve);
    this.#socket.connect();
    const { nonce } = parse(challengeSchema, await orAborted(this.#inTime(promise), signal), 'challenge');
    const proof = await orAborted(this.#inTime(prove({ nonce, audience })), signal);
    this.#admit(await this.request({ event: 'prove', body: { proof }, answer: admittedSchema, signal }));
  }

  #admit({ accessToken }: Admitted): void {
    this.#accessToken = accessToken;
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new WardroundError('relay-timeout', 'the coordinator did not answer', { action: 'retry' }));
      this.close();
    }, answerMilliseconds);
    try {
      return await Promise.race([work, this.#broken.promise, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function parse<T>(schema: Schema<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new WardroundError('relay-protocol', 'the coordinator answered with something else', {
    where,
    action: 'retry',
  });
}

function unreachable(message: string, got?: string): WardroundError {
  return new WardroundError('relay-unreachable', message, { action: 'retry', ...(got === undefined ? {} : { got }) });
}
