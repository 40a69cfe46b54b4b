// Keeps one session open for all who need it, and tries again what failed only because a connection did.
import type { RelayLog } from './log.ts';
import type { Session } from './session.ts';
import { backoffMilliseconds, type Timing } from './timing.ts';
import { aborted, isTransient, orAborted } from './waiting.ts';

export interface KeeperParts {
  readonly open: (signal: AbortSignal) => Promise<Session>;
  readonly timing: Timing;
  readonly log: RelayLog;
  /** Told at each change whether there is a connection. */
  readonly onOnline?: ((online: boolean) => void) | undefined;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

export interface Attempt<T> {
  readonly operation: (session: Session) => Promise<T>;
  /** Ends this operation; to be aborted with the keeper's own as well. The keeper's own by default. */
  readonly signal?: AbortSignal;
  /** Which errors are worth another try; by default those that say so. */
  readonly retryable?: (error: unknown) => boolean;
}

export class Keeper {
  readonly #parts: KeeperParts;
  /** The newest session, open or not; null before the first. */
  #open: Session | null = null;
  #connecting: Promise<Session> | null = null;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    parts.signal.addEventListener('abort', () => this.#open?.close(), { once: true });
  }

  /**
   * Runs an operation over a session until it succeeds, fails for good, or is given up.
   *
   * @throws WardroundError `relay-aborted` (its cause: the last failure), or what the operation or the coordinator's refusal throws
   */
  async perform<T>({ operation, signal = this.#parts.signal, retryable = isTransient }: Attempt<T>): Promise<T> {
    const { timing, log } = this.#parts;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await operation(await orAborted(this.#session(), signal));
      } catch (error) {
        if (!retryable(error)) throw error;
        log.debug({ err: error, attempt }, 'trying again');
        await timing.sleep(backoffMilliseconds(attempt, timing.random), signal);
        if (signal.aborted) throw aborted(error);
      }
    }
  }

  /** The open session, or the one that is being opened. */
  async #session(): Promise<Session> {
    if (this.#open?.isOpen === true) return this.#open;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
  }

  async #connect(): Promise<Session> {
    const { open, timing, log, signal } = this.#parts;
    for (let attempt = 0; ; attempt += 1) {
      if (signal.aborted) throw aborted(signal.reason);
      try {
        const session = await open(signal);
        this.#open = session;
        this.#tell(session);
        return session;
      } catch (error) {
        // A coordinator that lost its store knows nobody until its federation is returned to it: whoever was in stays at the door.
        if (signal.aborted || !(isTransient(error) || this.#open !== null)) throw error;
        const say = attempt === 0 ? log.warn.bind(log) : log.debug.bind(log);
        say({ err: error, attempt }, 'cannot connect to the coordinator (yet); trying on');
        await timing.sleep(backoffMilliseconds(attempt, timing.random), signal);
        if (signal.aborted) throw aborted(error);
      }
    }
  }

  #tell(session: Session): void {
    const { onOnline, signal } = this.#parts;
    if (onOnline === undefined) return;
    onOnline(true);
    void session.ended().then(() => {
      if (this.#open === session && !signal.aborted) onOnline(false);
    });
  }
}
