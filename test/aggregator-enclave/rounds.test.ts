// The enclave over a relay, with fake sites: rounds that go well.
import { afterEach, describe, expect, it } from 'vitest';
import { fromFixed } from '@wardround/protocol/fixed-point';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { World } from './world.ts';

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

describe('a study over the board', () => {
  it('runs its rounds, seals each model after a quorum cosigned, and leaves', async () => {
    world = await World.approved();
    await world.play();
    const receipts = world.published('RoundReceipt');
    expect(receipts.map(({ value }) => value.round)).toEqual([1, 2]);
    expect(receipts[1]?.value.previous).toBe(receipts[0]?.digest);
    expect(receipts.map(({ value }) => value.contributors.map(({ site }) => site))).toEqual([
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd'],
    ]);
    expect(receipts[0]?.value.absentees).toEqual([]);
    expect(receipts[0]?.value.evidence.map(({ site }) => site)).toEqual(['a', 'b', 'c', 'd']);
    for (const site of world.sites) expect(site.held.map(({ round }) => round)).toEqual([1, 2]);
    expect(world.enclave.codes).toContain('study-complete');
    expect(world.enclave.loops).toBe(1);
  });

  it('computes the weighted mean of the sites’ integers', async () => {
    world = await World.approved({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    await world.play();
    const [a] = world.sites;
    const model = decodeCheckpoint(a?.held[0]?.bytes ?? new Uint8Array()).model;
    const total = world.sites.reduce((sum, site) => sum + site.weight, 0);
    const sums = [0, 1, 2].map((i) =>
      (world?.sites ?? []).reduce(
        (sum, site) => sum + site.weight * Number(site.payloadFor(1).tensors[0]?.values[i]),
        0,
      ),
    );
    const step = fromFixed(Int32Array.of(1), -24)[0] ?? 0;
    expect([...(model[0]?.data ?? [])]).toEqual(sums.map((sum) => Math.fround((sum * step) / total)));
  });
});
