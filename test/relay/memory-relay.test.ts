// The in-process relay keeps the contract of relay-port.ts when honest, and breaks it exactly as told when not.
import { describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { chunkDigest } from '@wardround/protocol/manifest';
import type { BoardRecord } from '@wardround/protocol/relay-port';
import { createMemoryRelay, drop, duplicate, type MemoryRelay, mutate, swapPairs } from '../fakes/memory-relay.ts';

const topic = 'federation';

/** The next `count` records that the party is shown. */
async function shown(relay: MemoryRelay, count: number, after = 0): Promise<readonly BoardRecord[]> {
  const stop = new AbortController();
  const got: BoardRecord[] = [];
  for await (const record of relay.connect('b').board.follow(topic, { after, signal: stop.signal })) {
    got.push(record);
    if (got.length === count) stop.abort();
  }
  return got;
}

async function filled(count: number): Promise<MemoryRelay> {
  const relay = createMemoryRelay();
  const { board } = relay.connect('a');
  for (let i = 1; i <= count; i += 1) await board.publish(topic, `jws ${i}`);
  return relay;
}

const sequences = (records: readonly BoardRecord[]): readonly number[] => records.map((record) => record.sequence);

describe('the memory relay', () => {
  it('numbers, keeps once, and shows what came after', async () => {
    const relay = await filled(3);
    await relay.connect('c').board.publish(topic, 'jws 2');
    expect(relay.records).toHaveLength(3);
    expect(sequences(await shown(relay, 2, 1))).toEqual([2, 3]);
  });

  it('shows a follower what is published later', async () => {
    const relay = await filled(0);
    const later = shown(relay, 1);
    await relay.connect('a').board.publish(topic, 'jws 1');
    expect(sequences(await later)).toEqual([1]);
  });

  it('drops, repeats, swaps and rewrites where told', async () => {
    const relay = await filled(4);
    relay.hostile.show = drop((record) => record.sequence === 2);
    expect(sequences(await shown(relay, 3))).toEqual([1, 3, 4]);
    relay.hostile.show = duplicate();
    expect(sequences(await shown(relay, 4))).toEqual([1, 1, 2, 2]);
    relay.hostile.show = swapPairs();
    expect(sequences(await shown(relay, 4))).toEqual([2, 1, 4, 3]);
    relay.hostile.show = mutate((record) => `${record.jws}!`);
    expect((await shown(relay, 1))[0]?.jws).toBe('jws 1!');
  });

  it('starts followers again after it lost its store, and says so', async () => {
    const relay = await filled(2);
    const stop = new AbortController();
    const rewound: string[] = [];
    const got: number[] = [];
    const connection = relay.connect('b', { onRewind: (name) => rewound.push(name) });
    for await (const record of connection.board.follow(topic, { after: 0, signal: stop.signal })) {
      got.push(record.sequence);
      if (got.length === 2) {
        relay.wipe();
        relay.forge(topic, 'again');
      }
      if (got.length === 3) stop.abort();
    }
    expect(got).toEqual([1, 2, 1]);
    expect(rewound).toEqual([topic]);
  });

  it('refuses a chunk under another name, and notices a flipped one', async () => {
    const relay = createMemoryRelay();
    const { chunks } = relay.connect('a');
    const bytes = utf8('ciphertext');
    const digest = chunkDigest(bytes);
    await expect(chunks.put('0'.repeat(64), bytes)).rejects.toMatchObject({ code: 'chunk-digest' });
    expect(await chunks.missing([digest])).toEqual([digest]);
    await expect(chunks.get(digest)).rejects.toMatchObject({ code: 'chunk-missing' });
    await chunks.put(digest, bytes);
    expect(await chunks.get(digest)).toEqual(bytes);
    relay.hostile.serve = (_digest, kept) => kept.with(0, 0);
    await expect(chunks.get(digest)).rejects.toMatchObject({ code: 'chunk-digest' });
  });
});
