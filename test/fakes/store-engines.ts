// The two databases that every store test runs on: SQLite in a new directory, PostgreSQL in a new database where a server is named.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export interface StorePlace {
  readonly directory: string;
  readonly databaseUrl: string | undefined;
  readonly dispose: () => Promise<void>;
}

export interface StoreEngine {
  readonly name: string;
  readonly present: boolean;
  readonly make: () => Promise<StorePlace>;
}

const server = process.env['WARDROUND_TEST_DATABASE_URL'];
if (server === undefined) console.warn('SKIPPED on PostgreSQL: WARDROUND_TEST_DATABASE_URL names no server');

async function sqlitePlace(): Promise<StorePlace> {
  const directory = await mkdtemp(join(tmpdir(), 'wardround-store-'));
  return {
    directory,
    databaseUrl: undefined,
    dispose: async () => await rm(directory, { recursive: true, force: true }),
  };
}

async function postgresPlace(): Promise<StorePlace> {
  const place = await sqlitePlace();
  const name = `wardround_test_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(server ?? '');
  url.pathname = `/${name}`;
  const dispose = async (): Promise<void> => {
    await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
    await place.dispose();
  };
  return { directory: place.directory, databaseUrl: url.href, dispose };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}

export const storeEngines: readonly StoreEngine[] = [
  { name: 'SQLite', present: true, make: sqlitePlace },
  { name: 'PostgreSQL', present: server !== undefined, make: postgresPlace },
];
