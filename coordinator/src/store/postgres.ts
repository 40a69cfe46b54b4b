// PostgreSQL by DATABASE_URL: a pool for the queries, and one connection of its own that holds the lock as long as the program lives.
import { type Dialect, PostgresDialect } from 'kysely';
import pg from 'pg';
import { WardroundError } from '@wardround/protocol/errors';

/** Session lock of one coordinator per database; the two numbers are arbitrary and must never change. */
const lockKey = [0x77617264, 0x726f756e] as const;

export interface PostgresStore {
  readonly dialect: Dialect;
  /** Called once if the lock's connection breaks: another coordinator may start then, so this one must stop. */
  readonly lockLost: Promise<WardroundError>;
  readonly unlock: () => Promise<void>;
}

/**
 * Connects, takes the lock, and asks whether the server syncs its commits.
 *
 * @throws WardroundError `store-unreachable` (never quoting the address, which may hold a password), `store-locked`, `store-not-durable`
 */
export async function openPostgres(url: string): Promise<PostgresStore> {
  const client = await connect(url);
  const lockLost = brokenLock(client);
  try {
    await requireDurable(client);
    await takeLock(client);
  } catch (error) {
    await client.end();
    throw error;
  }
  const pool = new pg.Pool({ connectionString: url, max: 8, options: '-c synchronous_commit=on' });
  // A connection that breaks while idle is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => undefined);
  return { dialect: new PostgresDialect({ pool }), lockLost, unlock: async () => await client.end() };
}

async function connect(url: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({ connectionString: url, keepAlive: true });
    await client.connect();
    return client;
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no connection';
    throw new WardroundError('store-unreachable', 'DATABASE_URL names a server that does not answer as PostgreSQL', {
      got: reason,
      action: 'retry',
    });
  }
}

async function brokenLock(client: pg.Client): Promise<WardroundError> {
  return await new Promise((resolve) => {
    const lost = (): void => {
      resolve(new WardroundError('store-lock-lost', 'the connection that held the store broke', { action: 'retry' }));
    };
    client.on('error', lost);
    client.on('end', lost);
  });
}

async function requireDurable(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ fsync: string }>('SHOW fsync');
  if (rows[0]?.fsync !== 'on') {
    throw new WardroundError('store-not-durable', 'the PostgreSQL server does not sync what it commits', {
      expected: 'fsync = on',
      got: `fsync = ${rows[0]?.fsync ?? 'unknown'}`,
    });
  }
}

async function takeLock(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS taken', [...lockKey]);
  if (rows[0]?.taken !== true) {
    throw new WardroundError('store-locked', 'another coordinator holds this database', { action: 'stop' });
  }
}
