// Sessions that nobody vouches for yet. Anybody with a connection can make keys, challenge and open sessions in a study: what they fill is
// bounded here, and what is given up first is what the fewest sites answered.
import type { DocumentKind } from './documents/registry.ts';
import type { Verified } from './documents/signed.ts';
import { WardroundError } from './errors.ts';

/** For all sessions that nobody vouches for together, and for one: its challenge, its openings and all that was signed with its key. */
export const shelfLimits = {
  sessions: 256,
  records: 8192,
  characters: 64 * 1024 * 1024,
  recordsOfOne: 2048,
  charactersOfOne: 32 * 1024 * 1024,
  /** An enclave opens once for each challenge. */
  openingsOfOne: 4,
} as const;

/** What the sites said of a session, each with its own key. */
export interface Support {
  /** How many sites cosigned the most cosigned of its receipts. A site cosigns only what an enclave made that it verified. */
  readonly cosigned: number;
  /** How many sites answered its challenge. */
  readonly answered: number;
}

interface Session {
  readonly challenge: string;
  readonly records: Verified<DocumentKind>[];
  characters: number;
  openings: number;
}

/** Sessions by the digest of their challenge, which comes first in each. */
export class SessionShelf {
  readonly #support: (challenge: string, records: readonly Verified<DocumentKind>[]) => Support;
  /** In the order in which they came. */
  readonly #sessions = new Map<string, Session>();
  readonly #proven = new Set<string>();
  #records = 0;
  #characters = 0;

  constructor(support: (challenge: string, records: readonly Verified<DocumentKind>[]) => Support) {
    this.#support = support;
  }

  isProven(challenge: string): boolean {
    return this.#proven.has(challenge);
  }

  /** @throws WardroundError `session-flood` where this session alone has more than any honest one before somebody vouches for it */
  requirePlace(challenge: string, kind: DocumentKind, characters: number): void {
    if (this.#proven.has(challenge)) return;
    const session = this.#sessions.get(challenge);
    if (session === undefined) return;
    const { recordsOfOne, charactersOfOne, openingsOfOne } = shelfLimits;
    if (kind === 'SessionOpen' && session.openings >= openingsOfOne) {
      throw flood('too many openings of one session', openingsOfOne, session.openings + 1);
    }
    if (session.records.length >= recordsOfOne) {
      throw flood('too many records of a session that nobody vouches for', recordsOfOne, session.records.length + 1);
    }
    const together = session.characters + characters;
    if (together > charactersOfOne) {
      throw flood('too many characters of a session that nobody vouches for', charactersOfOne, together);
    }
  }

  /** Puts a record with its session; a proven one's is not kept here. @returns the records that had to be given up for it, its own included */
  put(challenge: string, record: Verified<DocumentKind>): readonly Verified<DocumentKind>[] {
    if (this.#proven.has(challenge)) return [];
    const session = this.#sessions.get(challenge) ?? { challenge, records: [], characters: 0, openings: 0 };
    this.#sessions.set(challenge, session);
    session.records.push(record);
    session.characters += record.jws.length;
    if (record.kind === 'SessionOpen') session.openings += 1;
    this.#records += 1;
    this.#characters += record.jws.length;
    const givenUp: Verified<DocumentKind>[] = [];
    while (this.#isFull()) givenUp.push(...this.#giveUpOne());
    return givenUp;
  }

  /** From now on the session takes no place. @returns its records so far, in the order in which they came */
  prove(challenge: string): readonly Verified<DocumentKind>[] {
    this.#proven.add(challenge);
    const session = this.#sessions.get(challenge);
    return session === undefined ? [] : this.#remove(session);
  }

  #isFull(): boolean {
    const { sessions, records, characters } = shelfLimits;
    return this.#sessions.size > sessions || this.#records > records || this.#characters > characters;
  }

  /** The one that the fewest sites stand behind; of several, the oldest: a new one had no time yet. */
  #giveUpOne(): readonly Verified<DocumentKind>[] {
    let least: { readonly session: Session; readonly support: Support } | null = null;
    for (const session of this.#sessions.values()) {
      const support = this.#support(session.challenge, session.records);
      if (least === null || isLess(support, least.support)) least = { session, support };
      if (least.support.cosigned === 0 && least.support.answered === 0) break;
    }
    return least === null ? [] : this.#remove(least.session);
  }

  #remove(session: Session): readonly Verified<DocumentKind>[] {
    this.#sessions.delete(session.challenge);
    this.#records -= session.records.length;
    this.#characters -= session.characters;
    return session.records;
  }
}

function isLess(a: Support, b: Support): boolean {
  return a.cosigned === b.cosigned ? a.answered < b.answered : a.cosigned < b.cosigned;
}

function flood(message: string, most: number, got: number): WardroundError {
  return new WardroundError('session-flood', message, { expected: `at most ${most}`, got: String(got) });
}
