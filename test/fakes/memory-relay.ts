// A coordinator inside the test's own process: the same board and chunk store, and every lie that a coordinator could tell.
import { chunkDigest } from '@wardround/protocol/manifest';
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { BoardRecord, Relay, Topic } from '@wardround/protocol/relay-port';

/** What a hostile coordinator does instead of what it should. Replace any member at any time. */
export interface HostileHooks {
  /** What this party is shown instead of the record: nothing, something else, several. */
  show: (record: BoardRecord, party: string) => readonly BoardRecord[];
  /** Whether a publication is kept at all; it is acknowledged either way. */
  keep: (record: { topic: Topic; jws: string }, party: string) => boolean;
  /** What is served for a chunk. `get` still checks the digest, as the real client does. */
  serve: (digest: string, bytes: Bytes, party: string) => Bytes | undefined;
}

/** One party's connection, with what the real client has beyond `Relay`. */
export interface MemoryConnection extends Relay {
  readonly party: string;
  /** The topic as it is now, then the end. */
  readonly snapshot: (topic: Topic) => AsyncIterable<BoardRecord>;
  /** Ends nothing here; the real connection has it. */
  readonly close: () => Promise<void>;
}

export interface MemoryRelay {
  readonly hostile: HostileHooks;
  /** Everything kept, in the order in which it came, over all topics. */
  readonly records: readonly BoardRecord[];
  readonly chunks: ReadonlyMap<string, Bytes>;
  connect(party: string, options?: { readonly onRewind?: (topic: Topic) => void }): MemoryConnection;
  /** Puts a record on the board that nobody published. */
  forge(topic: Topic, jws: string): BoardRecord;
  /** Loses a chunk. */
  loseChunk(digest: string): void;
  /** Loses the whole store, as a disk does: followers start again from 1. */
  wipe(): void;
}

/** An honest relay, until its `hostile` hooks say otherwise. */
export function createMemoryRelay(): MemoryRelay {
  const state = new State();
  return {
    hostile: state.hostile,
    get records() {
      return state.records;
    },
    chunks: state.chunks,
    connect: (party, options = {}) => connection(state, { party, onRewind: options.onRewind ?? ((): void => {}) }),
    forge: (topic, jws) => state.append(topic, jws),
    loseChunk: (digest) => void state.chunks.delete(digest),
    wipe: () => state.wipe(),
  };
}

/** Hook: the records that match are never shown. */
export function drop(matches: (record: BoardRecord, party: string) => boolean): HostileHooks['show'] {
  return (record, party) => (matches(record, party) ? [] : [record]);
}

/** Hook: every record twice. */
export function duplicate(): HostileHooks['show'] {
  return (record) => [record, record];
}

/** Hook: each party is shown the second of every two records first; a last odd one is held back. */
export function swapPairs(): HostileHooks['show'] {
  const held = new Map<string, BoardRecord>();
  return (record, party) => {
    const place = `${party} ${record.topic}`;
    const earlier = held.get(place);
    if (earlier === undefined) {
      held.set(place, record);
      return [];
    }
    held.delete(place);
    return [record, earlier];
  };
}

/** Hook: records whose JWS `change` rewrites. */
export function mutate(change: (record: BoardRecord, party: string) => string): HostileHooks['show'] {
  return (record, party) => [{ ...record, jws: change(record, party) }];
}

class State {
  readonly hostile: HostileHooks = { show: (record) => [record], keep: () => true, serve: (_digest, bytes) => bytes };
  readonly chunks = new Map<string, Bytes>();
  records: readonly BoardRecord[] = [];
  /** Changes when the store is lost. */
  epoch = 0;
  readonly #sleepers = new Set<() => void>();

  append(topic: Topic, jws: string): BoardRecord {
    const known = this.topic(topic);
    const same = known.find((record) => record.jws === jws);
    if (same !== undefined) return same;
    const record = { topic, sequence: known.length + 1, jws };
    this.records = [...this.records, record];
    this.#wake();
    return record;
  }

  topic(topic: Topic): readonly BoardRecord[] {
    return this.records.filter((record) => record.topic === topic);
  }

  wipe(): void {
    this.records = [];
    this.chunks.clear();
    this.epoch += 1;
    this.#wake();
  }

  /** Resolves at the next change of the board, or when `signal` aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of this.#sleepers) wake();
  }
}

interface Party {
  readonly party: string;
  readonly onRewind: (topic: Topic) => void;
}

function connection(state: State, who: Party): MemoryConnection {
  const { party } = who;
  return {
    party,
    board: {
      publish: async (topic, jws) => {
        await Promise.resolve();
        if (state.hostile.keep({ topic, jws }, party)) state.append(topic, jws);
      },
      follow: (topic, options) => follow(state, who, { topic, ...options }),
    },
    chunks: {
      put: async (digest, bytes) => {
        await Promise.resolve();
        if (chunkDigest(bytes) !== digest) throw new WardroundError('chunk-digest', 'not the chunk that was named');
        state.chunks.set(digest, copyBytes(bytes));
      },
      missing: async (digests) => {
        await Promise.resolve();
        return digests.filter((digest) => !state.chunks.has(digest));
      },
      get: async (digest) => {
        await Promise.resolve();
        return serve(state, digest, party);
      },
    },
    snapshot: (topic) => snapshot(state, party, topic),
    close: async () => await Promise.resolve(),
  };
}

async function* follow(
  state: State,
  { party, onRewind }: Party,
  { topic, after, signal }: { topic: Topic; after: number; signal: AbortSignal },
): AsyncGenerator<BoardRecord> {
  let position = after;
  let epoch = state.epoch;
  while (!signal.aborted) {
    if (epoch !== state.epoch) {
      epoch = state.epoch;
      position = 0;
      onRewind(topic);
    }
    const next = state.topic(topic)[position];
    if (next === undefined) {
      await state.changed(signal);
      continue;
    }
    position += 1;
    yield* state.hostile.show(next, party);
  }
}

async function* snapshot(state: State, party: string, topic: Topic): AsyncGenerator<BoardRecord> {
  await Promise.resolve();
  for (const record of state.topic(topic)) yield* state.hostile.show(record, party);
}

function serve(state: State, digest: string, party: string): Bytes {
  const kept = state.chunks.get(digest);
  const served = kept === undefined ? undefined : state.hostile.serve(digest, copyBytes(kept), party);
  if (served === undefined)
    throw new WardroundError('chunk-missing', 'no such chunk', { got: digest, action: 'retry' });
  if (chunkDigest(served) !== digest) {
    throw new WardroundError('chunk-digest', 'not the chunk that was asked for', { expected: digest, action: 'retry' });
  }
  return served;
}
