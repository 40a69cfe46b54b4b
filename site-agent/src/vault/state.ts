// What the vault must not forget: verified records, nonces, which integers it sealed for which attempt. SQLite, durable at each commit.
import { DatabaseSync } from 'node:sqlite';
import type { LedgerHead } from '@wardround/privacy/ledger';
import type { LedgerWitness } from '../ledger/ledger-file.ts';

export interface StoredRecord {
  readonly topic: string;
  readonly kind: string;
  readonly digest: string;
  readonly jws: string;
  /** Made by this site: it owes the board this record until the coordinator acknowledged it. */
  readonly own: boolean;
}

export interface StoredNonce {
  readonly nonce: string;
  readonly study: string;
  /** Digest of the SessionChallenge or the SessionOpen that it was made for. */
  readonly purpose: string;
  readonly issuedAt: string;
}

/** Integers and secret bytes of one (round, attempt), in the file `payloads/<round>-<attempt>.bin`. */
export interface StoredPayload {
  readonly study: string;
  readonly round: number;
  readonly attempt: number;
  /** Payload digest, as contributions and receipts carry it. */
  readonly payload: string;
}

/** Written before anything is sealed: from then on this attempt exists, and only with this payload. */
export interface StoredSealing {
  readonly study: string;
  readonly round: number;
  readonly attempt: number;
  readonly order: string;
  readonly session: string;
  readonly payload: string;
}

/** What this site keeps for itself if the integers that it was made with are counted. */
export interface StoredKept extends StoredPayload {
  /** Digest of the file `payloads/<round>-<attempt>.kept`; null where there was nothing to keep, and no file is. */
  readonly state: string | null;
}

export interface StoredCheckpoint {
  readonly study: string;
  readonly round: number;
  readonly checkpoint: string;
}

const schema = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, jws TEXT NOT NULL,
    own INTEGER NOT NULL, published INTEGER NOT NULL, UNIQUE (topic, jws)) STRICT;
  CREATE INDEX IF NOT EXISTS records_by_topic ON records (topic);
  CREATE TABLE IF NOT EXISTS nonces (
    nonce TEXT PRIMARY KEY, study TEXT NOT NULL, purpose TEXT NOT NULL, issued_at TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS payloads (
    study TEXT NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (study, round, attempt)) STRICT;
  CREATE TABLE IF NOT EXISTS kept (
    study TEXT NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL, payload TEXT NOT NULL, state TEXT,
    PRIMARY KEY (study, round, attempt)) STRICT;
  CREATE TABLE IF NOT EXISTS sealings (
    study TEXT NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL, order_digest TEXT NOT NULL, session TEXT NOT NULL,
    payload TEXT NOT NULL, PRIMARY KEY (study, order_digest)) STRICT;
  CREATE TABLE IF NOT EXISTS checkpoints (
    study TEXT NOT NULL, round INTEGER NOT NULL, checkpoint TEXT NOT NULL, PRIMARY KEY (study, round, checkpoint)) STRICT;
  CREATE TABLE IF NOT EXISTS said (study TEXT NOT NULL, what TEXT NOT NULL, PRIMARY KEY (study, what)) STRICT;
`;

/**
 * The durable state. Each method that writes has committed, through to the disk, when it returns. Holding the file locks it: a second vault
 * on the same directory does not start (see lock.ts).
 */
export class VaultState implements LedgerWitness {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    // The vault's root has no directory for temporary files: what SQLite would put there, a large sort above all, failed as an I/O error.
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;');
    this.#db.exec(schema);
  }

  close(): void {
    this.#db.close();
  }

  meta(key: string): string | null {
    const row = this.#db.prepare('SELECT value FROM meta WHERE key = ?').get(key);
    return row === undefined ? null : text(row['value']);
  }

  setMeta(key: string, value: string): void {
    this.#db
      .prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
      .run(key, value);
  }

  acknowledged(): LedgerHead | null {
    const [sequence, hash] = (this.meta('ledger') ?? '').split(' ');
    return sequence === undefined || hash === undefined ? null : { sequence: Number(sequence), hash };
  }

  acknowledge(head: LedgerHead): void {
    this.setMeta('ledger', `${head.sequence} ${head.hash}`);
  }

  /** Keeps a verified record; the same one again changes nothing. */
  keepRecord({ topic, kind, digest, jws, own }: StoredRecord): void {
    this.#db
      .prepare(
        'INSERT INTO records (topic, kind, digest, jws, own, published) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      .run(topic, kind, digest, jws, own ? 1 : 0, own ? 0 : 1);
  }

  /** In the order in which they were kept. */
  records(topic: string): readonly StoredRecord[] {
    return this.#db.prepare('SELECT * FROM records WHERE topic = ? ORDER BY number').all(topic).map(recordOf);
  }

  /** Own records that no coordinator acknowledged yet, and everything of a topic that it lost. */
  unpublished(): readonly StoredRecord[] {
    return this.#db.prepare('SELECT * FROM records WHERE published = 0 ORDER BY number').all().map(recordOf);
  }

  markPublished({ topic, jws }: StoredRecord): void {
    this.#db.prepare('UPDATE records SET published = 1 WHERE topic = ? AND jws = ?').run(topic, jws);
  }

  /** The coordinator lost this topic: everything that this site has of it is owed again, its own and others'. */
  forgetPublished(topic: string): void {
    this.#db.prepare('UPDATE records SET published = 0 WHERE topic = ?').run(topic);
  }

  keepNonce({ nonce, study, purpose, issuedAt }: StoredNonce): void {
    this.#db.prepare('INSERT INTO nonces VALUES (?, ?, ?, ?)').run(nonce, study, purpose, issuedAt);
  }

  /** Nonces made for one challenge or session, oldest first. */
  nonces(purpose: string): readonly StoredNonce[] {
    return this.#db.prepare('SELECT * FROM nonces WHERE purpose = ? ORDER BY rowid').all(purpose).map(nonceOf);
  }

  keepPayload({ study, round, attempt, payload }: StoredPayload): void {
    this.#db
      .prepare(
        'INSERT INTO payloads VALUES (?, ?, ?, ?) ON CONFLICT (study, round, attempt) DO UPDATE SET payload = excluded.payload',
      )
      .run(study, round, attempt, payload);
  }

  payloads(study: string, round: number): readonly StoredPayload[] {
    return this.#db
      .prepare('SELECT * FROM payloads WHERE study = ? AND round = ? ORDER BY attempt')
      .all(study, round)
      .map(payloadOf);
  }

  /** Before the payload of that attempt: an attempt that has a payload has this. */
  keepKept({ study, round, attempt, payload, state }: StoredKept): void {
    this.#db
      .prepare(
        'INSERT INTO kept VALUES (?, ?, ?, ?, ?) ON CONFLICT (study, round, attempt) DO UPDATE SET payload = excluded.payload, state = excluded.state',
      )
      .run(study, round, attempt, payload, state);
  }

  /** Oldest round first. */
  kept(study: string): readonly StoredKept[] {
    return this.#db.prepare('SELECT * FROM kept WHERE study = ? ORDER BY round, attempt').all(study).map(keptOf);
  }

  forgetKept({ study, round, attempt }: Omit<StoredKept, 'payload' | 'state'>): void {
    this.#db.prepare('DELETE FROM kept WHERE study = ? AND round = ? AND attempt = ?').run(study, round, attempt);
  }

  keepSealing({ study, round, attempt, order, session, payload }: StoredSealing): void {
    this.#db
      .prepare('INSERT INTO sealings VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(study, round, attempt, order, session, payload);
  }

  sealings(study: string): readonly StoredSealing[] {
    return this.#db.prepare('SELECT * FROM sealings WHERE study = ? ORDER BY attempt').all(study).map(sealingOf);
  }

  keepCheckpoint({ study, round, checkpoint }: StoredCheckpoint): void {
    this.#db.prepare('INSERT INTO checkpoints VALUES (?, ?, ?) ON CONFLICT DO NOTHING').run(study, round, checkpoint);
  }

  forgetCheckpoint({ study, round, checkpoint }: StoredCheckpoint): void {
    this.#db
      .prepare('DELETE FROM checkpoints WHERE study = ? AND round = ? AND checkpoint = ?')
      .run(study, round, checkpoint);
  }

  checkpoints(study: string): readonly StoredCheckpoint[] {
    return this.#db.prepare('SELECT * FROM checkpoints WHERE study = ? ORDER BY round').all(study).map(checkpointOf);
  }

  hasSaid(study: string, what: string): boolean {
    return this.#db.prepare('SELECT 1 FROM said WHERE study = ? AND what = ?').get(study, what) !== undefined;
  }

  /** A status is said once. Written after the status itself is durable: a kill between the two repeats it, and never loses it. */
  sayOnce(study: string, what: string): void {
    this.#db.prepare('INSERT INTO said VALUES (?, ?) ON CONFLICT DO NOTHING').run(study, what);
  }
}

type Row = Readonly<Record<string, unknown>>;

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function recordOf(row: Row): StoredRecord {
  const { topic, kind, digest, jws, own } = row;
  return { topic: text(topic), kind: text(kind), digest: text(digest), jws: text(jws), own: own === 1 };
}

function nonceOf(row: Row): StoredNonce {
  const { nonce, study, purpose, issued_at: issuedAt } = row;
  return { nonce: text(nonce), study: text(study), purpose: text(purpose), issuedAt: text(issuedAt) };
}

function payloadOf(row: Row): StoredPayload {
  const { study, round, attempt, payload } = row;
  return { study: text(study), round: number(round), attempt: number(attempt), payload: text(payload) };
}

function keptOf(row: Row): StoredKept {
  const { state } = row;
  return { ...payloadOf(row), state: typeof state === 'string' ? state : null };
}

function sealingOf(row: Row): StoredSealing {
  return { ...payloadOf(row), order: text(row['order_digest']), session: text(row['session']) };
}

function checkpointOf(row: Row): StoredCheckpoint {
  const { study, round, checkpoint } = row;
  return { study: text(study), round: number(round), checkpoint: text(checkpoint) };
}
