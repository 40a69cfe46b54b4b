// The coordinator as a party sees it over the network: the relay port, kept alive across everything that breaks.
import type { BoardRecord, Relay, Topic } from '@wardround/protocol/relay-port';
import { BoardClient } from './board-client.ts';
import { ChunkClient } from './chunk-client.ts';
import { Keeper } from './keeper.ts';
import { type RelayLog, silent } from './log.ts';
import type { Prove } from './prove.ts';
import { openRoute } from './route.ts';
import { Session } from './session.ts';
import { systemTiming, type Timing } from './timing.ts';

export interface ConnectOptions {
  /** The coordinator's URL, from this party's own configuration; its origin is what the proof names. */
  readonly url: string;
  /** Answers challenges: {@link proveWith}, or whoever holds the key. Called at every reconnection. */
  readonly prove: Prove;
  /** A proxy's URL; null for none; left out for what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say. */
  readonly proxyUrl?: string | null | undefined;
  /** PEM certificates that are trusted instead of the built-in ones. */
  readonly ca?: string | undefined;
  readonly log?: RelayLog | undefined;
  /** Ends the connection and everything that waits for it. */
  readonly signal?: AbortSignal | undefined;
  /**
   * A topic's numbering began anew: the coordinator lost records. Publish again what you hold of it, the `federation` topic first.
   * The follower itself goes on with what there is.
   */
  readonly onRewind?: ((topic: Topic) => void) | undefined;
  /** Told when the connection is there, when it breaks, and when it is there again. */
  readonly onOnline?: ((online: boolean) => void) | undefined;
  readonly timing?: Timing | undefined;
}

export interface RelayConnection extends Relay {
  /** The topic as it is now, then the end: for commands that look once. */
  readonly snapshot: (topic: Topic) => AsyncIterable<BoardRecord>;
  readonly close: () => Promise<void>;
}

/**
 * Connects and authenticates; resolves when the coordinator let this party in. While it cannot be reached, this waits (`signal` ends that);
 * once connected, every interruption is bridged, refusals of authentication included, because a coordinator that lost its store knows
 * nobody until the federation is returned to it.
 *
 * @throws WardroundError `auth-audience`, `auth-token`, `auth-unknown` and what `prove` throws, at the first connection; `relay-certificate`;
 * `relay-url`, `relay-proxy`; `relay-aborted`
 */
export async function connectRelay(options: ConnectOptions): Promise<RelayConnection> {
  const { prove, timing = systemTiming, log = silent, onRewind = (): void => undefined } = options;
  const route = openRoute({ url: options.url, proxyUrl: options.proxyUrl, ca: options.ca });
  const stop = new AbortController();
  const giveUp = (): void => stop.abort(options.signal?.reason);
  if (options.signal?.aborted === true) giveUp();
  options.signal?.addEventListener('abort', giveUp, { once: true });
  const { signal } = stop;
  const keeper = new Keeper({
    open: async (ending) => await Session.open({ route, prove, signal: ending }),
    timing,
    log,
    onOnline: options.onOnline,
    signal,
  });
  const board = new BoardClient({ keeper, signal, onRewind });
  const chunks = new ChunkClient({ keeper, route, signal });
  const close = async (): Promise<void> => {
    options.signal?.removeEventListener('abort', giveUp);
    stop.abort();
    await route.close();
  };
  try {
    await keeper.perform({ operation: async () => await Promise.resolve() });
  } catch (error) {
    await close();
    throw error;
  }
  return { board, chunks, snapshot: (topic) => board.snapshot(topic), close };
}
