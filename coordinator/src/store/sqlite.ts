// SQLite through node:sqlite, for kysely: one connection, write-ahead log, and a commit that returns only after fsync.
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { type Dialect, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import { WardroundError } from '@wardround/protocol/errors';

/** What the connection itself says of its durability: asked, not assumed. */
export interface Durability {
  readonly journalMode: string;
  /** 2 is FULL: the log is synced at every commit. https://sqlite.org/pragma.html#pragma_synchronous */
  readonly synchronous: number;
}

/**
 * Opens (or makes, mode 0600) the database file.
 *
 * @throws WardroundError `store-unreadable`, `store-not-durable` where the file system does not take the settings
 */
export function openSqlite(path: string): { dialect: Dialect; durability: () => Durability } {
  const database = open(path);
  const durability = (): Durability => readDurability(database);
  const { journalMode, synchronous } = durability();
  if (journalMode !== 'wal' || synchronous !== 2) {
    throw new WardroundError('store-not-durable', 'the store cannot promise that what it acknowledged stays', {
      expected: 'journal_mode wal, synchronous 2',
      got: `${journalMode}, ${synchronous}`,
      action: 'stop',
    });
  }
  return { dialect: new SqliteDialect({ database: new ForKysely(database) }), durability };
}

function open(path: string): DatabaseSync {
  try {
    // Made before SQLite would make it readable for all; its -wal and -shm files take the mode of the main file.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const database = new DatabaseSync(path, { timeout: 10_000 });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    return database;
  } catch (cause) {
    throw new WardroundError('store-unreadable', 'the store cannot be opened', { where: path, action: 'stop', cause });
  }
}

function readDurability(database: DatabaseSync): Durability {
  const journal = database.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  const synchronous = database.prepare('PRAGMA synchronous').get()?.['synchronous'];
  return { journalMode: String(journal), synchronous: Number(synchronous) };
}

/** kysely's SQLite dialect speaks better-sqlite3; this is the part of it that it uses. */
class ForKysely implements SqliteDatabase {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  close(): void {
    this.#database.close();
  }

  prepare(text: string): SqliteStatement {
    const statement = this.#database.prepare(text);
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...parameters.map(inputValue)),
      run: (parameters) => statement.run(...parameters.map(inputValue)),
      iterate: (parameters) => statement.iterate(...parameters.map(inputValue)),
    };
  }
}

function inputValue(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value;
  throw new WardroundError('store-value', 'not a value of the store', { got: typeof value, action: 'stop' });
}
