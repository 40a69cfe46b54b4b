// A coordinator that lies to the enclave about one hospital's blobs: that hospital is not branded a forger, the others go on, and the sums hold.
import { afterEach, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { Verified } from '@wardround/protocol/documents/signed';
import { flipBit } from '../fakes/bytes.ts';
import { World, type WorldOptions } from './world.ts';

let worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds) await world.end();
  worlds = [];
});

/** Two sealed chunks and a manifest. */
const options: WorldOptions = {
  plan: (plan) => ({ ...plan, rounds: 1, encoding: { ...plan.encoding, paddingBytes: 1024 * 1024 + 4096 } }),
};

async function begin(): Promise<{ world: World; order: Verified<'RoundOrder'> }> {
  const world = await World.approved(options);
  worlds.push(world);
  return { world, order: await world.playToOrder() };
}

/** All contribute; the enclave is lied to about the chunks of site `b`. */
async function withLies(lie: (bytes: Bytes, others: readonly Bytes[]) => Bytes | undefined): Promise<{
  world: World;
  stop: () => void;
}> {
  const { world, order } = await begin();
  for (const name of ['a', 'c', 'd']) await world.site(name).contribute(order);
  await world.settle();
  const before = new Set(world.relay.chunks.keys());
  let lying = true;
  world.relay.hostile.serve = (digest, bytes, party) => {
    if (!lying || party !== 'enclave' || before.has(digest)) return bytes;
    const others = [...world.relay.chunks].filter(([name]) => !before.has(name) && name !== digest);
    return lie(
      bytes,
      others.map(([, other]) => other),
    );
  };
  await world.site('b').contribute(order);
  await world.settle();
  return { world, stop: () => void (lying = false) };
}

const lies: readonly (readonly [string, Parameters<typeof withLies>[0]])[] = [
  ['drops', () => undefined],
  ['flips a bit of', (bytes) => flipBit(bytes, 1234)],
  ['truncates', (bytes) => bytes.slice(0, -1)],
  ['reorders', (_bytes, others) => others[0]],
];

describe('a coordinator that', () => {
  it.each(lies)(
    '%s one hospital’s chunks for good: contribution-chunks at the deadline, and the others’ sum',
    async (_, lie) => {
      const { world } = await withLies(lie);
      expect(world.published('RoundReceipt')).toEqual([]);
      expect(world.published('ContributionRefusal')).toEqual([]);
      await world.advance(600_000);
      await world.play();
      const refusals = world.published('ContributionRefusal').map(({ value }) => [value.site, value.code]);
      expect(refusals).toEqual([['b', 'contribution-chunks']]);
      const [receipt] = world.published('RoundReceipt');
      expect(receipt?.value.contributors.map(({ site }) => site)).toEqual(['a', 'c', 'd']);
      expect(receipt?.value.absentees).toEqual([{ site: 'b', code: 'contribution-refused' }]);
      const alone = await begin();
      for (const name of ['a', 'c', 'd']) await alone.world.site(name).contribute(alone.order);
      await alone.world.settle();
      await alone.world.advance(600_000);
      await alone.world.sync();
      expect(receipt?.value.checkpoint).toBe(alone.world.published('RoundReceipt')[0]?.value.checkpoint);
      expect(world.enclave.codes).toContain('study-complete');
    },
  );

  it.each(lies)('%s them for a while: delayed, counted, nobody refused', async (_, lie) => {
    const { world, stop } = await withLies(lie);
    stop();
    await world.advance(5000);
    await world.play();
    expect(world.published('ContributionRefusal')).toEqual([]);
    expect(world.published('RoundReceipt')[0]?.value.contributors.map(({ site }) => site)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });
});

describe('a coordinator that shows the sites to two enclaves, half to each', () => {
  it('gets a session from neither: no half is a quorum', async () => {
    const world = await World.create(options);
    worlds.push(world);
    const half = (party: string, jws: string): boolean => {
      const { value } = UNVERIFIED_kindOf(jws);
      const site: unknown = Object(value)['site'];
      if (party !== 'enclave' || typeof site !== 'string') return true;
      return ['a', 'b'].includes(site) === first;
    };
    let first = true;
    world.relay.hostile.show = (record, party) => (half(party, record.jws) ? [record] : []);
    for (const site of world.sites) await site.approve();
    await world.play();
    await world.advance(1_200_000);
    await world.play();
    first = false;
    await world.restart();
    await world.play();
    await world.advance(1_200_000);
    await world.play();
    for (const kind of ['SessionOpen', 'RoundOrder', 'RoundReceipt'] as const)
      expect(world.published(kind)).toEqual([]);
    // Shown everything, it goes on: nothing was lost.
    world.relay.hostile.show = (record) => [record];
    await world.restart();
    await world.play();
    expect(world.published('RoundReceipt')).toHaveLength(1);
  });
});
