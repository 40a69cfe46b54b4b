// How a party sees the coordinator: a board of signed records under topics, and content-addressed chunks. All of it is untrusted:
// records may be missing, late, repeated, reordered or invented, chunks may be anything. The network's implementation is in `relay`,
// the vault's goes through its courier.
import type { Bytes } from './bytes.ts';

/** `federation`, or a study's digest. */
export type Topic = string;

export interface BoardRecord {
  readonly topic: Topic;
  /** The coordinator's own numbering from 1 in each topic; says nothing about truth, serves to resume. */
  readonly sequence: number;
  /** Compact JWS. */
  readonly jws: string;
}

export interface Board {
  /** Stores a record durably; the same record again is the same record (idempotent by the JWS's SHA-256). Resolves when it is durable. */
  publish(topic: Topic, jws: string): Promise<void>;
  /**
   * Every record of the topic with a sequence above `after`, then new ones as they come, until `signal` aborts. Reconnects by itself;
   * after a reconnection records may be repeated, and a coordinator that lost its store may start again from 1.
   */
  follow(topic: Topic, options: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<BoardRecord>;
}

export interface ChunkStore {
  /** Resolves when the coordinator has the chunk durably. `digest` is the hex SHA-256 of `bytes`. */
  put(digest: string, bytes: Bytes): Promise<void>;
  /** Which of these the coordinator does not have. */
  missing(digests: readonly string[]): Promise<readonly string[]>;
  /** The bytes, whose SHA-256 the implementation has checked. @throws WardroundError `chunk-missing`, `chunk-digest` */
  get(digest: string): Promise<Bytes>;
}

export interface Relay {
  readonly board: Board;
  readonly chunks: ChunkStore;
}
