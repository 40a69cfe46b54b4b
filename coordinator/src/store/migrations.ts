// How the tables came to be, in order. A migration that was released is never changed; a new one is added at the end.
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tables } from './tables.ts';

const migrations: Record<string, Migration> = {
  // SQLite's schema changes are applied one by one, so each is written such that it may be met half done.
  '0001-board': {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('topics')
        .ifNotExists()
        .addColumn('topic', 'text', (column) => column.primaryKey())
        .addColumn('last_sequence', 'integer', (column) => column.notNull())
        .addColumn('chain', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('records')
        .ifNotExists()
        .addColumn('topic', 'text', (column) => column.notNull())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('document', 'text', (column) => column.notNull())
        .addColumn('signer', 'text', (column) => column.notNull())
        .addColumn('length', 'integer', (column) => column.notNull())
        .addColumn('chain', 'text', (column) => column.notNull())
        .addColumn('received_at', 'text', (column) => column.notNull())
        .addColumn('jws', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('records_pk', ['topic', 'sequence'])
        .addUniqueConstraint('records_once', ['topic', 'digest'])
        .addCheckConstraint('records_from_one', sql`sequence >= 1`)
        .execute();
      await db.schema
        .createIndex('records_by_kind')
        .ifNotExists()
        .on('records')
        .columns(['topic', 'kind', 'document'])
        .execute();
    },
  },
};

/**
 * Brings the store to this program's schema.
 *
 * @throws WardroundError `store-migration` when a step fails, or the store was written by a newer program
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => await Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new WardroundError('store-migration', 'the store cannot be brought to the schema of this program', {
      expected: `at most ${Object.keys(migrations).at(-1) ?? 'nothing'}`,
      action: 'stop',
      cause: error,
    });
  }
}
