// What a hostile coordinator may do with live traffic: one attack changes what parties publish, what they are shown, and what chunks hold.
import type { Bytes } from '@wardround/protocol/bytes';

export interface SeenRecord {
  readonly topic: string;
  readonly jws: string;
}

export interface Party {
  readonly role: string;
  readonly name: string;
}

/** What an attack can do to the board besides rewriting what passes. */
export interface AttackTools {
  /** Shows a record of the attacker's own to every party, or to those that `to` picks. */
  inject(record: SeenRecord, to?: (party: Party) => boolean): void;
  /** Everything that was really published, by anybody, in order. */
  readonly seen: readonly SeenRecord[];
  /** A chunk that passed, by digest. */
  chunk(digest: string): Bytes | undefined;
  /** The attacker reports that it got what it wanted. */
  success(what: string): void;
}

export interface Attack {
  /** Called once for each record that is newly on the real board, before anybody is shown it. */
  readonly onRecord?: (record: SeenRecord, tools: AttackTools) => void | Promise<void>;
  /** What this party is shown in its place; the record itself by default. */
  readonly show?: (record: SeenRecord, party: Party, tools: AttackTools) => readonly SeenRecord[];
  /** What this party is served for a chunk. */
  readonly serve?: (digest: string, bytes: Bytes, party: Party) => Bytes;
}
