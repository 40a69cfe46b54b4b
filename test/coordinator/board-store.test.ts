// The board's store on both databases: numbers without gaps, each record once, pages, resumption, durability, kills.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstChain, maxPageLength, maxPageRecords, nextChain, recordDigest } from '@wardround/protocol/relay-wire';
import { type OpenStore, openStore } from '../../coordinator/src/store/open-store.ts';
import type { NewRecord } from '../../coordinator/src/store/board-store.ts';
import { storeEngines, type StorePlace } from '../fakes/store-engines.ts';

const now = (): Date => new Date('2026-11-01T00:00:00.000Z');
const record = (jws: string, topic = 'federation'): NewRecord => ({
  topic,
  kind: 'KeyBundle',
  document: recordDigest(jws),
  signer: 'signer',
  jws,
});
const straceWorks = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
if (!straceWorks) console.warn('SKIPPED: no strace here that may trace, so no system call is looked at');
const start = { after: 0, chain: null };
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

describe.each(storeEngines)('the board on $name', ({ present, make }) => {
  let place: StorePlace;
  let store: OpenStore;
  const reopen = async (): Promise<OpenStore> => {
    await store.close();
    store = await openStore({ ...place, now });
    return store;
  };

  beforeEach(async ({ skip }) => {
    if (!present) skip('no PostgreSQL server named');
    place = await make();
    store = await openStore({ ...place, now });
  });
  afterEach(async () => {
    if (!present) return;
    await store.close();
    await place.dispose();
  });

  it('numbers each topic from 1 without gaps, whoever writes at once', async () => {
    const given = await Promise.all(
      numbers(600).map(async (n) => await store.board.append(record(`record ${n}`, n % 2 === 0 ? 'federation' : 'x'))),
    );
    for (const parity of [0, 1]) {
      const own = given.filter((_, index) => index % 2 === parity);
      expect(own.toSorted((a, b) => a - b)).toEqual(numbers(300));
    }
  });

  it('gives a record the number it has, in one batch, in later ones, and after it was opened again', async () => {
    const twice = await Promise.all(['a', 'b', 'a'].map(async (jws) => await store.board.append(record(jws))));
    expect(twice).toEqual([1, 2, 1]);
    expect(await store.board.append(record('b'))).toBe(2);
    expect(await (await reopen()).board.append(record('a'))).toBe(1);
    expect(await store.board.append(record('c'))).toBe(3);
    expect(await store.board.append(record('a', 'x'))).toBe(1);
  });

  it('reads in order, after a place, at most a page', async () => {
    await Promise.all(numbers(maxPageRecords + 3).map(async (n) => await store.board.append(record(`record ${n}`))));
    const first = await store.board.page('federation', start);
    expect(first).toMatchObject({ rewound: false, end: false });
    expect(first.records.map((row) => row.sequence)).toEqual(numbers(maxPageRecords));
    const second = await store.board.page('federation', { after: maxPageRecords, chain: null });
    expect(second.records.map((row) => row.sequence)).toEqual([1, 2, 3].map((n) => n + maxPageRecords));
    expect(second.end).toBe(true);
    expect(await store.board.page('federation', { after: maxPageRecords + 3, chain: null })).toEqual({
      records: [],
      rewound: false,
      end: true,
    });
  });

  it('ends a page before it is too long, but never before its first record', async () => {
    const long = 'x'.repeat(maxPageLength);
    for (const jws of [`${long}1`, `${long}2`, 'short']) await store.board.append(record(jws));
    expect((await store.board.page('federation', start)).records.map((row) => row.sequence)).toEqual([1]);
    expect((await store.board.page('federation', { after: 1, chain: null })).records).toHaveLength(1);
    expect(await store.board.page('federation', { after: 2, chain: null })).toMatchObject({ end: true });
  });

  it('knows a place by its chain, and starts again where the chain is another', async () => {
    for (const jws of ['a', 'b', 'c']) await store.board.append(record(jws));
    const a = nextChain(firstChain('federation'), recordDigest('a'));
    const ab = nextChain(a, recordDigest('b'));
    const after = async (place: { after: number; chain: string | null }): Promise<unknown> => {
      const page = await store.board.page('federation', place);
      return [page.rewound, page.records.map((row) => row.jws).join('')];
    };
    expect(await after({ after: 2, chain: ab })).toEqual([false, 'c']);
    expect(await after({ after: 2, chain: null })).toEqual([false, 'c']);
    expect(await after({ after: 2, chain: a })).toEqual([true, 'abc']);
    expect(await after({ after: 4, chain: null })).toEqual([true, 'abc']);
    expect(await store.board.page('unknown', { after: 1, chain: null })).toEqual({
      records: [],
      rewound: true,
      end: true,
    });
  });

  it('wakes who waits for a topic, and only for that topic', async () => {
    const stop = new AbortController();
    const woken: string[] = [];
    const waits = ['federation', 'x'].map(async (topic) => {
      await store.board.changed(topic, stop.signal);
      woken.push(topic);
    });
    await store.board.append(record('a', 'x'));
    await waits[1];
    expect(woken).toEqual(['x']);
    stop.abort();
    await Promise.all(waits);
    expect(woken).toEqual(['x', 'federation']);
  });

  it('finds studies and records of a kind', async () => {
    await store.board.append({ ...record('plan'), kind: 'StudyPlan', document: 'p' });
    await store.board.append({ ...record('elsewhere', 'x'), kind: 'StudyPlan', document: 'q' });
    await store.board.append(record('bundle'));
    expect(await store.board.hasStudy('p')).toBe(true);
    expect(await store.board.hasStudy('q')).toBe(false);
    expect(await store.board.ofKinds('federation', ['KeyBundle'])).toEqual(['bundle']);
    expect(await store.board.ofKinds('federation', ['KeyBundle', 'StudyPlan'])).toEqual(['plan', 'bundle']);
  });

  it('has every record that a killed process acknowledged', async () => {
    const writer = resolve('test/fakes/store-writer.ts');
    const child = spawn(process.execPath, [writer, place.directory, place.databaseUrl ?? '']);
    await store.close();
    child.stdin.write('go\n');
    const acknowledged: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(line);
      if (acknowledged.length === 150) child.kill('SIGKILL');
    }
    store = await openAgain(place);
    const kept = new Map<string, number>();
    for (let after = 0, end = false; !end;) {
      const page = await store.board.page('federation', { after, chain: null });
      for (const { jws, sequence } of page.records) kept.set(jws, sequence);
      after = page.records.at(-1)?.sequence ?? after;
      end = page.end;
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(150);
    for (const line of acknowledged) {
      const [number, jws] = line.split(' ');
      expect(kept.get(jws ?? '')).toBe(Number(number));
    }
    expect([...kept.values()]).toEqual(numbers(kept.size));
  });

  it('refuses a store that a newer program wrote', async () => {
    await store.close();
    await addUnknownMigration(place);
    await expect(openStore({ ...place, now })).rejects.toMatchObject({ code: 'store-migration' });
    await removeUnknownMigration(place);
    store = await openStore({ ...place, now });
  });
});

/** PostgreSQL frees a killed client's lock when it notices that the client is gone. */
async function openAgain(place: StorePlace): Promise<OpenStore> {
  for (;;) {
    try {
      return await openStore({ ...place, now });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'store-locked')) throw error;
    }
  }
}

const unknownMigration = "INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-from-the-future', '2099')";
const addUnknownMigration = async (place: StorePlace): Promise<void> => await rawly(place, unknownMigration);
const removeUnknownMigration = async (place: StorePlace): Promise<void> =>
  await rawly(place, "DELETE FROM kysely_migration WHERE name = '9999-from-the-future'");

async function rawly({ directory, databaseUrl }: StorePlace, statement: string): Promise<void> {
  if (databaseUrl === undefined) {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(`${directory}/board.sqlite`);
    database.exec(statement);
    database.close();
    return;
  }
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(statement);
  await client.end();
}

describe('durability', () => {
  const [sqlite, postgres] = storeEngines;

  it('is what the live SQLite connection says: write-ahead log, synced at each commit', async () => {
    const place = await sqlite?.make();
    if (place === undefined) throw new Error('no place');
    const store = await openStore({ ...place, now });
    expect(store.durability?.()).toEqual({ journalMode: 'wal', synchronous: 2 });
    await store.close();
    await place.dispose();
  });

  it.skipIf(!straceWorks)('is an fsync of the log before each acknowledgement, as the kernel sees it', async () => {
    const place = await sqlite?.make();
    if (place === undefined) throw new Error('no place');
    const trace = join(place.directory, 'trace');
    const writer = [process.execPath, resolve('test/fakes/store-writer.ts'), place.directory, '', '1', '25'];
    const child = spawn('strace', ['-f', '-y', '-e', 'trace=fsync,fdatasync,write', '-o', trace, ...writer]);
    child.stdin.write('go\n');
    await once(child.stdout.resume(), 'end');
    const events = (await readFile(trace, 'utf8')).split('\n').flatMap((line) => {
      if (/f(?:data)?sync\(\d+<[^>]*board\.sqlite-wal>\) += 0/.test(line)) return ['sync'];
      return line.includes('lane-0-record-') && line.includes('write(1<') ? ['acknowledged'] : [];
    });
    expect(events.filter((event) => event === 'acknowledged')).toHaveLength(25);
    const unsynced = events.filter((event, index) => event === 'acknowledged' && events[index - 1] !== 'sync');
    expect(unsynced).toEqual([]);
    await place.dispose();
  });

  it.skipIf(postgres?.present !== true)('holds one PostgreSQL database for one coordinator', async () => {
    const place = await postgres?.make();
    if (place === undefined) throw new Error('no place');
    const store = await openStore({ ...place, now });
    await expect(openStore({ ...place, now })).rejects.toMatchObject({ code: 'store-locked' });
    await store.close();
    await (await openStore({ ...place, now })).close();
    await place.dispose();
  });

  it.skipIf(postgres?.present !== true)('gives up when the connection that holds the lock breaks', async () => {
    const place = await postgres?.make();
    if (place === undefined) throw new Error('no place');
    const store = await openStore({ ...place, now });
    await rawly(
      place,
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
    );
    expect(await store.lost).toMatchObject({ code: 'store-lock-lost' });
    await store.close();
    await place.dispose();
  });

  it('never quotes the address of a server that does not answer', async () => {
    const databaseUrl = 'postgres://user:hunter2@127.0.0.1:1/none';
    const failure = await openStore({ directory: '/nowhere', databaseUrl, now }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'store-unreachable' });
    expect(String(failure)).not.toContain('hunter2');
  });
});
