// The real client against the real coordinator process: publishing, following, killing it, losing its store.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BoardRecord } from '@wardround/protocol/relay-port';
import { connectRelay, type RelayConnection } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { all, connectSite, found, type Founded, makeFounded, siteOf, statusRecord, take } from '../fakes/board.ts';
import { type CoordinatorDirectory, type CoordinatorProcess, makeCoordinator } from '../fakes/coordinator-process.ts';

let founded: Founded;
let directory: CoordinatorDirectory;
let coordinator: CoordinatorProcess;
const open = new Set<RelayConnection>();

async function connect(index = 0, options: { onRewind?: (topic: string) => void } = {}): Promise<RelayConnection> {
  const connection = await connectSite(coordinator, { site: siteOf(founded, index), directory, ...options });
  open.add(connection);
  return connection;
}

beforeAll(async () => {
  founded = await makeFounded();
  directory = await makeCoordinator();
  coordinator = await directory.start();
  await found((await connect()).board, founded);
});

afterAll(async () => {
  for (const connection of open) await connection.close();
  await directory.dispose();
});

describe('the board over the network', () => {
  it('lets a founder return the genesis, and knows its key from then on without the invitation', async () => {
    const site = siteOf(founded, 1);
    const connection = await connectRelay({
      url: coordinator.url,
      prove: proveWith({ role: 'site', name: site.name, key: site.agent }),
      proxyUrl: null,
    });
    const kept = await all(connection.snapshot('federation'));
    expect(kept.map((record) => record.jws)).toEqual([...founded.federation.records, founded.plan.jws]);
    expect(kept.map((record) => record.sequence)).toEqual([1, 2, 3, 4, 5]);
    await connection.close();
  });

  it('keeps a record once, and shows it to a follower that was waiting', async () => {
    const [author, reader] = [await connect(0), await connect(1)];
    const jws = await statusRecord(founded, { index: 0, site: siteOf(founded) });
    const waiting = take(reader.board, { topic: founded.plan.digest, count: 1 });
    await Promise.all([author.board.publish(founded.plan.digest, jws), author.board.publish(founded.plan.digest, jws)]);
    await reader.board.publish(founded.plan.digest, jws);
    expect(await waiting).toEqual([{ topic: founded.plan.digest, sequence: 1, jws }]);
    expect(await all(reader.snapshot(founded.plan.digest))).toHaveLength(1);
  });

  it('goes on where it was after the coordinator was killed', async () => {
    const [author, reader] = [await connect(0), await connect(2)];
    const rewound: string[] = [];
    const stop = new AbortController();
    const got: number[] = [];
    for await (const { sequence } of reader.board.follow(founded.plan.digest, { after: 0, signal: stop.signal })) {
      got.push(sequence);
      if (sequence === 1) {
        expect(await coordinator.end('SIGKILL')).toBe('SIGKILL');
        const late = statusRecord(founded, { index: 1, site: siteOf(founded) });
        const published = late.then(async (jws) => await author.board.publish(founded.plan.digest, jws));
        coordinator = await directory.start();
        await published;
      }
      if (sequence === 2) stop.abort();
    }
    expect(got).toEqual([1, 2]);
    expect(rewound).toEqual([]);
  });

  it('gets back from its sites what it lost with its store', async () => {
    const topics = { federation: 'federation', study: founded.plan.digest };
    const before = await all((await connect()).snapshot(topics.study));
    const stop = new AbortController();
    const rewound = { federation: Promise.withResolvers<void>(), study: Promise.withResolvers<void>() };
    const keeper = await connect(3, {
      onRewind: (topic) => rewound[topic === topics.federation ? 'federation' : 'study'].resolve(),
    });
    const read = (topic: string): AsyncIterator<BoardRecord> =>
      keeper.board.follow(topic, { after: 0, signal: stop.signal })[Symbol.asyncIterator]();
    const [federation, study] = [read(topics.federation), read(topics.study)];
    for (let i = 0; i < 5; i += 1) await federation.next();
    for (const { sequence } of before) expect((await study.next()).value).toMatchObject({ sequence });
    const [nextFederation, nextStudy] = [federation.next(), study.next()];
    await coordinator.end('SIGKILL');
    for (const name of ['board.sqlite', 'board.sqlite-wal', 'board.sqlite-shm']) {
      await rm(join(directory.path, name), { force: true });
    }
    coordinator = await directory.start();
    await rewound.federation.promise;
    await found(keeper.board, founded);
    await rewound.study.promise;
    for (const { jws } of before.toReversed()) await keeper.board.publish(topics.study, jws);
    expect((await nextFederation).value).toMatchObject({ sequence: 1 });
    expect((await nextStudy).value).toMatchObject({ sequence: 1, jws: before.at(-1)?.jws });
    expect(await all((await connect()).snapshot(topics.study))).toHaveLength(before.length);
    stop.abort();
  });
});
