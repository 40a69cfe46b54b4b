// One store for both databases: which one it is shows nowhere else.
import { join } from 'node:path';
import { Kysely } from 'kysely';
import type { WardroundError } from '@wardround/protocol/errors';
import { BoardStore } from './board-store.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';
import { type Durability, openSqlite } from './sqlite.ts';
import type { Tables } from './tables.ts';

export interface OpenStore {
  readonly board: BoardStore;
  readonly engine: 'sqlite' | 'postgresql';
  /** SQLite's own word for it; null on PostgreSQL, whose server was asked when it was opened. */
  readonly durability: (() => Durability) | null;
  /** Resolves, never rejects, if the store may no longer be written. */
  readonly lost: Promise<WardroundError>;
  readonly close: () => Promise<void>;
}

/**
 * The board in `databaseUrl` where there is one (PostgreSQL), else in `board.sqlite` in the directory.
 *
 * @throws WardroundError those of {@link openSqlite}, {@link openPostgres} and {@link migrate}
 */
export async function openStore({
  directory,
  databaseUrl,
  now,
}: {
  directory: string;
  databaseUrl: string | undefined;
  now: () => Date;
}): Promise<OpenStore> {
  if (databaseUrl === undefined) {
    const { dialect, durability } = openSqlite(join(directory, 'board.sqlite'));
    const db = new Kysely<Tables>({ dialect });
    const lost = Promise.withResolvers<WardroundError>().promise;
    return await ready({
      db,
      now,
      rest: { engine: 'sqlite', durability, lost, unlock: async () => await Promise.resolve() },
    });
  }
  const { dialect, lockLost, unlock } = await openPostgres(databaseUrl);
  const db = new Kysely<Tables>({ dialect });
  return await ready({ db, now, rest: { engine: 'postgresql', durability: null, lost: lockLost, unlock } });
}

type Rest = Pick<OpenStore, 'engine' | 'durability' | 'lost'> & { readonly unlock: () => Promise<void> };

async function ready({ db, now, rest }: { db: Kysely<Tables>; now: () => Date; rest: Rest }): Promise<OpenStore> {
  const { unlock, ...store } = rest;
  const close = async (): Promise<void> => {
    await db.destroy();
    await unlock();
  };
  try {
    await migrate(db);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...store, board: new BoardStore({ db, now }), close };
}
