// The vault thrown away after each durable write and each message in turn, and started again from its disk: nothing twice, nothing lost.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLedger } from '@wardround/privacy/ledger';
import { VaultFiles } from '../../site-agent/src/vault/files.ts';
import { Killed, Reaper, survive } from './reaper.ts';
import { VaultWorld } from './vault-world.ts';

let first: VaultWorld;
beforeAll(async () => {
  first = await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) });
});
afterAll(async () => await first.dispose());

/** From a person's approval to the end of a study of one round. */
async function study(reaper: Reaper): Promise<VaultWorld> {
  const world = await VaultWorld.create({ like: first });
  await world.approved();
  await world.startVault(reaper.wrap).catch(async (error: unknown) => {
    if (!(error instanceof Killed)) throw error;
    await world.startVault();
  });
  const enclave = world.enclave();
  await enclave.challenge();
  await survive(world, async () => await world.pumpAll());
  await enclave.open();
  for (const site of ['a', 'b', 'c', 'd']) await enclave.offer(site);
  await survive(world, async () => await world.pumpAll());
  const order = await enclave.order();
  await survive(world, async () => await world.pumpAll());
  const receipt = await enclave.receipt(order);
  await survive(world, async () => await world.pumpAll());
  await enclave.sealModel(receipt);
  await survive(world, async () => await world.pumpAll());
  return world;
}

async function requireWhole(world: VaultWorld): Promise<void> {
  expect(world.said('Approval')).toHaveLength(1);
  expect(world.said('ResumeStatement')).toHaveLength(1);
  expect(world.said('Contribution')).toHaveLength(1);
  expect(world.said('Cosignature')).toHaveLength(1);
  expect(new Set(world.checks())).toEqual(new Set(['study-complete null']));
  const ledger = readLedger(await readFile(join(world.paths.vault, 'ledger.jsonl')));
  expect(ledger.entries.map(({ entry }) => entry.budget.kind)).toEqual(['unbounded']);
  const payloads = new Set(world.state?.sealings(world.study).map(({ payload }) => payload));
  expect([...payloads]).toEqual([world.said('Contribution')[0]?.['payload']]);
  expect(await new VaultFiles(world.paths).readResults(world.study)).toMatchObject({
    roundsContributed: 1,
    patients: 12,
  });
  expect(world.state?.unpublished()).toEqual([]);
}

describe('a vault that is killed', () => {
  it('after any durable write or message goes on from its disk', async () => {
    const calm = new Reaper(Infinity);
    const whole = await study(calm);
    await requireWhole(whole);
    await whole.dispose();
    expect(calm.names.length).toBeGreaterThan(25);
    for (const name of [
      'ledger.reserve',
      'files.writePayload',
      'state.keepSealing',
      'outlet.upload',
      'files.writeCheckpoint',
    ]) {
      expect(calm.names).toContain(name);
    }
    for (let boundary = 1; boundary <= calm.names.length; boundary += 1) {
      const world = await study(new Reaper(boundary));
      await requireWhole(world).catch((error: unknown) => {
        throw new Error(`killed after boundary ${boundary}, ${calm.names[boundary - 1] ?? ''}`, { cause: error });
      });
      await world.dispose();
    }
  }, 240_000);

  it('between training and sealing seals the very integers that it had trained', async () => {
    const world = await VaultWorld.create({ like: first });
    await world.approved();
    await world.startVault();
    const enclave = world.enclave();
    await world.session(enclave);
    const reaper = new Reaper('state.keepPayload');
    await world.startVault(reaper.wrap);
    await enclave.order();
    await survive(world, async () => await world.pumpAll());
    expect(world.said('Contribution')).toHaveLength(1);
    expect(world.trainings).toBe(1);
    await world.dispose();
  });
});

describe('a coordinator that lost its store', () => {
  it('gets back what this site signed, and the records that prove why', async () => {
    const world = await VaultWorld.create({ like: first });
    await world.approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const order = await enclave.order();
    await world.pumpAll();
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    const kept = world.relay.records.length;
    world.relay.wipe();
    world.vault?.rewound(world.study);
    world.vault?.rewound('federation');
    await world.pump();
    expect(world.said('Cosignature').map((cosignature) => cosignature['receipt'])).toEqual([receipt.digest]);
    expect(world.said('Contribution')).toHaveLength(1);
    // All but the evidence for the other three sites, and the signed geneses, which the commands that found a federation keep.
    expect(world.relay.records.length).toBe(kept - 3 - 4);
    await world.dispose();
  });
});

describe('a disk that is an old copy of itself', () => {
  it('signs nothing once the board shows what it forgot', async () => {
    const world = await VaultWorld.create({ like: first });
    await world.approved();
    await world.pumpAll();
    const enclave = world.enclave();
    await enclave.challenge();
    await world.pumpAll();
    // The disk forgets what it signed for this challenge, as a restored backup does.
    world.state?.close();
    const { DatabaseSync } = await import('node:sqlite');
    const disk = new DatabaseSync(join(world.paths.vault, 'state.sqlite'));
    disk.exec("DELETE FROM records WHERE kind = 'ResumeStatement' AND own = 1; DELETE FROM nonces;");
    disk.close();
    world.state = null;
    await world.startVault();
    await enclave.open();
    await enclave.offer('a');
    await enclave.order();
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.status?.studies[0]?.check?.code).toBe('state-restored');
    // Nor after another start; and it says so once each.
    await world.startVault();
    for (const _pass of [1, 2, 3]) await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.status?.studies[0]?.check?.code).toBe('state-restored');
    expect(world.logs.filter(({ code }) => code === 'state-restored')).toHaveLength(2);
    await world.dispose();
  });
});
