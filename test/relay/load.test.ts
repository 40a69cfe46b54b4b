// Many records, many followers, one that is slow: everybody gets everything, in order, once. On both stores.
import { describe, expect, it } from 'vitest';
import type { BoardRecord } from '@wardround/protocol/relay-port';
import type { RelayConnection } from '@wardround/relay/connect';
import { connectSite, found, makeFounded, siteOf, statusRecord } from '../fakes/board.ts';
import { makeCoordinator } from '../fakes/coordinator-process.ts';
import { storeEngines } from '../fakes/store-engines.ts';

const records = 2000;
const followers = 100;

describe.each(storeEngines)('a busy board on $name', ({ present, make }) => {
  it.skipIf(!present)(`shows ${records} records to ${followers} followers`, { timeout: 240_000 }, async () => {
    const place = await make();
    const directory = await makeCoordinator(place.databaseUrl === undefined ? {} : { databaseUrl: place.databaseUrl });
    const coordinator = await directory.start();
    const founded = await makeFounded();
    const study = founded.plan.digest;
    const connect = async (index: number): Promise<RelayConnection> =>
      await connectSite(coordinator, { site: siteOf(founded, index % 4) });
    const author = await connectSite(coordinator, { site: siteOf(founded), invitedTo: directory });
    await found(author.board, founded);
    const site = siteOf(founded);
    const written = await Promise.all(
      Array.from({ length: records }, async (_, index) => await statusRecord(founded, { index, site })),
    );
    const stop = new AbortController();
    const counts = Array.from({ length: followers }, async (_, index) => {
      const connection = await connect(index);
      let last = 0;
      for await (const { sequence } of connection.board.follow(study, { after: 0, signal: stop.signal })) {
        if (sequence !== last + 1) throw new Error(`follower ${index}: ${sequence} after ${last}`);
        last = sequence;
        if (last === records) break;
      }
      await connection.close();
      return last;
    });
    const slow = (await connect(1)).board.follow(study, { after: 0, signal: stop.signal })[Symbol.asyncIterator]();
    const slowFirst = slow.next();
    await Promise.all(written.map(async (jws) => await author.board.publish(study, jws)));
    expect(new Set(await Promise.all(counts))).toEqual(new Set([records]));
    const got: BoardRecord[] = [(await slowFirst).value];
    while (got.length < records) got.push((await slow.next()).value);
    expect(got.map((record) => record.sequence)).toEqual(written.map((_, index) => index + 1));
    expect(new Set(got.map((record) => record.jws))).toEqual(new Set(written));
    stop.abort();
    await author.close();
    expect(await coordinator.end('SIGTERM')).toBe('0');
    await directory.dispose();
    await place.dispose();
  });
});
