// The real client against the real coordinator process: publishing, following, killing it, losing its store.
import { randomBytes } from 'node:crypto';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, copyBytes } from '@wardround/protocol/bytes';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { chunkDigest } from '@wardround/protocol/manifest';
import type { BoardRecord } from '@wardround/protocol/relay-port';
import { downloadBlob, uploadBlob } from '@wardround/relay/blobs';
import { connectRelay, type RelayConnection } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { openStore } from '../../coordinator/src/store/open-store.ts';
import { all, connectSite, found, type Founded, makeFounded, siteOf, statusRecord, take } from '../fakes/board.ts';
import { type CoordinatorDirectory, type CoordinatorProcess, makeCoordinator } from '../fakes/coordinator-process.ts';

let founded: Founded;
let directory: CoordinatorDirectory;
let coordinator: CoordinatorProcess;
const open = new Set<RelayConnection>();

async function connect(
  index = 0,
  options: Omit<Parameters<typeof connectSite>[1], 'site'> = {},
): Promise<RelayConnection> {
  const connection = await connectSite(coordinator, { site: siteOf(founded, index), ...options });
  open.add(connection);
  return connection;
}

/** Puts a record of its own into the study, whatever lies there already; returns its place. */
async function publishAnother({ board, snapshot }: RelayConnection, index: number): Promise<number> {
  const jws = await statusRecord(founded, { index, site: siteOf(founded) });
  await board.publish(founded.plan.digest, jws);
  return (await all(snapshot(founded.plan.digest))).find((record) => record.jws === jws)?.sequence ?? 0;
}

beforeAll(async () => {
  founded = await makeFounded();
  directory = await makeCoordinator();
  coordinator = await directory.start();
  await found((await connect(0, { invitedTo: directory })).board, founded);
});

afterAll(async () => {
  for (const connection of open) await connection.close();
  await directory.dispose();
});

describe('the board over the network', () => {
  it('lets a founder return the genesis, and knows its key from then on', async () => {
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
    const online: boolean[] = [];
    const rewound: string[] = [];
    const author = await connect(0);
    const reader = await connect(2, {
      onOnline: (is) => void online.push(is),
      onRewind: (topic) => rewound.push(topic),
    });
    const place = await publishAnother(author, 10);
    const stop = new AbortController();
    const got: number[] = [];
    for await (const { sequence } of reader.board.follow(founded.plan.digest, {
      after: place - 1,
      signal: stop.signal,
    })) {
      got.push(sequence);
      if (sequence === place) {
        expect(await coordinator.end('SIGKILL')).toBe('SIGKILL');
        const late = statusRecord(founded, { index: 11, site: siteOf(founded) });
        const published = late.then(async (jws) => await author.board.publish(founded.plan.digest, jws));
        coordinator = await directory.start();
        await published;
      } else stop.abort();
    }
    expect(got).toEqual([place, place + 1]);
    expect(rewound).toEqual([]);
    expect(online).toEqual([true, false, true]);
  });

  it('notices that a backup was restored: the same numbers, but other records', async () => {
    const study = founded.plan.digest;
    const reader = await connect(2, { onRewind: (topic) => rewound.push(topic) });
    const rewound: string[] = [];
    await publishAnother(reader, 20);
    const before = await all(reader.snapshot(study));
    await coordinator.end('SIGTERM');
    await copyFile(join(directory.path, 'board.sqlite'), join(directory.path, 'backup'));
    coordinator = await directory.start();
    const lost = await statusRecord(founded, { index: 100, site: siteOf(founded) });
    await reader.board.publish(study, lost);
    const stop = new AbortController();
    const follower = reader.board.follow(study, { after: 0, signal: stop.signal })[Symbol.asyncIterator]();
    for (let i = 0; i <= before.length; i += 1)
      expect((await follower.next()).value).toMatchObject({ sequence: i + 1 });
    const next = follower.next();
    await coordinator.end('SIGKILL');
    for (const name of ['board.sqlite-wal', 'board.sqlite-shm']) await rm(join(directory.path, name), { force: true });
    await copyFile(join(directory.path, 'backup'), join(directory.path, 'board.sqlite'));
    const restored = await openStore({ directory: directory.path, databaseUrl: undefined, now: () => new Date() });
    const other = await statusRecord(founded, { index: 101, site: siteOf(founded) });
    const { kind, digest, signer } = UNVERIFIED_kindOf(other);
    const place = await restored.board.append({ topic: study, kind, document: digest, signer, jws: other });
    expect(place).toBe(before.length + 1);
    await restored.close();
    coordinator = await directory.start();
    expect((await next).value).toEqual({ ...before[0], sequence: 1 });
    expect(rewound).toEqual([study]);
    await reader.board.publish(study, lost);
    expect((await all(reader.snapshot(study))).map((record) => record.jws)).toEqual([
      ...before.map((record) => record.jws),
      other,
      lost,
    ]);
    stop.abort();
  });

  it('uploads again what the disk of the coordinator spoiled', async () => {
    const [site, enclave] = [await connect(0), await connect(1)];
    const bytes = copyBytes(randomBytes(300_000));
    const ref = await uploadBlob(site.chunks, [bytes], { chunkSize: 65_536 });
    const read = async (): Promise<Uint8Array> => {
      const parts: Uint8Array[] = [];
      for await (const part of downloadBlob(enclave.chunks, ref)) parts.push(part);
      return concatBytes(...parts);
    };
    expect(await read()).toEqual(bytes);
    const name = chunkDigest(bytes.subarray(65_536, 131_072));
    const file = join(directory.path, 'chunks', name.slice(0, 2), name);
    await writeFile(file, (await readFile(file)).fill(0, 10, 11));
    await expect(read()).rejects.toMatchObject({ code: 'chunk-missing' });
    expect(await site.chunks.missing([name, ref.manifest])).toEqual([name]);
    await uploadBlob(site.chunks, [bytes], { chunkSize: 65_536 });
    expect(await read()).toEqual(bytes);
  });

  it('gets back from its sites what it lost with its store', async () => {
    const topics = { federation: 'federation', study: founded.plan.digest };
    const author = await connect();
    await publishAnother(author, 30);
    const before = await all(author.snapshot(topics.study));
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
