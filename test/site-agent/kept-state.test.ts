// What a site keeps for itself: durable with the integers it was made with, its own only where a closed round counts those, never sent.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { FakeEnclave } from '../fakes/fake-enclave.ts';
import { Killed, Reaper, survive } from './reaper.ts';
import { VaultWorld } from './vault-world.ts';

let first: VaultWorld;
beforeAll(async () => {
  first = await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 4 }) });
});
afterAll(async () => await first.dispose());

let world: VaultWorld;
afterEach(async () => await world.dispose());

/** For each training, by its number: the number of the training whose state it was given; 0 where it was given none. */
let given: number[] = [];

/** Each training keeps its own number, so that the next tells whose state it was given. */
function keepNumbers(of: VaultWorld): VaultWorld {
  given = [];
  of.keep = ({ kept }) => {
    given.push(numberIn(kept));
    return [{ name: 'training', shape: [1], dtype: 'F64', data: Float64Array.of(of.trainings) }];
  };
  return of;
}

function numberIn([tensor]: readonly Tensor[]): number {
  return tensor?.dtype === 'F64' ? (tensor.data[0] ?? NaN) : 0;
}

async function begin(): Promise<FakeEnclave> {
  world = keepNumbers(await (await VaultWorld.create({ like: first })).approved());
  const enclave = world.enclave();
  await world.session(enclave);
  return enclave;
}

/** The files under `payloads/`, sorted. */
async function files(): Promise<readonly string[]> {
  return (await readdir(directory())).toSorted();
}

function directory(): string {
  return join(world.paths.studies, world.study, 'payloads');
}

/** A round that closes without site `a`: `asked` says whether it contributed all the same. */
async function roundWithout(enclave: FakeEnclave, { asked }: { asked: boolean }): Promise<void> {
  const roster = world.plan.value.sites.roster.map(({ name, agent }) => ({
    name,
    agent,
    weight: enclave.records.of('Approval').find(({ value }) => value.site === name)?.value.weight ?? 1,
  }));
  const order = await enclave.order(asked ? {} : { roster: roster.filter(({ name }) => name !== 'a') });
  await world.pumpAll();
  await enclave.sync();
  const contributors = enclave
    .contributionsTo(order)
    .filter(({ value }) => value.site !== 'a')
    .map(({ value, digest }) => ({
      site: value.site,
      contribution: digest,
      payload: value.payload,
      weight: value.weight,
      approval: value.approval,
    }));
  const change: Partial<RoundReceipt> = {
    contributors,
    totalWeight: contributors.reduce((sum, { weight }) => sum + weight, 0),
    absentees: [{ site: 'a', code: asked ? 'conditions-not-met' : 'not-approved' }],
  };
  const receipt = await enclave.receipt(order, change);
  await world.pumpAll();
  await enclave.sealModel(receipt);
  await world.pumpAll();
}

describe("a site's own state", () => {
  it('is given to the next round when a receipt counts what it was made with', async () => {
    const enclave = await begin();
    await world.round(enclave);
    await world.round(enclave);
    await world.round(enclave);
    expect(given).toEqual([0, 1, 2]);
  });

  it('is not that of an attempt which no receipt counts', async () => {
    const enclave = await begin();
    await enclave.order();
    await world.pumpAll();
    await enclave.order();
    await world.pumpAll();
    await world.round(enclave);
    await world.round(enclave);
    expect(given).toEqual([0, 0, 0, 3]);
  });

  it.each([
    ['was not asked in', false],
    ['contributed to in vain', true],
  ])('remains the earlier one after a round that the site %s', async (_, asked) => {
    const enclave = await begin();
    await world.round(enclave);
    await roundWithout(enclave, { asked });
    await world.round(enclave);
    expect(given).toEqual(asked ? [0, 1, 1] : [0, 1]);
  });

  it('survives a new process, and is not worked out again for a round that was begun', async () => {
    const enclave = await begin();
    await world.round(enclave);
    await world.startVault();
    await world.pumpAll();
    const order = await enclave.order();
    await world.pumpAll();
    await world.startVault();
    await world.pumpAll();
    expect(given).toEqual([0, 1]);
    await enclave.sync();
    expect(enclave.contributionsTo(order).map(({ value }) => value.site)).toContain('a');
  });

  it('lies in files of its own beside the integers, and goes when neither can be asked for again', async () => {
    const enclave = await begin();
    await world.round(enclave);
    expect(await files()).toEqual(['1-1.bin', '1-1.kept']);
    await roundWithout(enclave, { asked: false });
    await writeFile(join(directory(), '2-9.kept.0123456789abcdef.part'), 'left by a process that was killed');
    await writeFile(join(directory(), '2-8.kept'), 'of an attempt that nobody knows');
    await world.round(enclave);
    expect(await files()).toEqual(['1-1.kept', '3-3.bin', '3-3.kept']);
    await world.round(enclave);
    expect(await files()).toEqual(['3-3.bin', '3-3.kept', '4-4.bin', '4-4.kept']);
    expect(world.state?.kept(world.study).map(({ round }) => round)).toEqual([3, 4]);
  });

  it('takes no place where there is none', async () => {
    const enclave = await begin();
    world.keep = null;
    await world.round(enclave);
    await world.round(enclave);
    expect(await files()).toEqual(['1-1.bin', '2-2.bin']);
  });

  it('is gone for good when a later round counts integers that left none', async () => {
    const enclave = await begin();
    await world.round(enclave);
    const { keep } = world;
    world.keep = () => [];
    await world.round(enclave);
    world.keep = keep;
    await world.round(enclave);
    expect(given).toEqual([0, 0]);
  });

  it('never leaves: contributions have the tensors of the plan, and what is in them', async () => {
    const enclave = await begin();
    const order = await enclave.order();
    await world.pumpAll();
    const [opened] = await enclave.openAll(order);
    expect(opened?.values.map((values) => values.length)).toEqual([3, 1]);
    expect(world.said('Contribution')[0]?.['tensors']).toMatchObject([{ name: 'weight' }, { name: 'bias' }]);
    const record = JSON.stringify(world.relay.records);
    const kept = await readFile(join(directory(), '1-1.kept'));
    expect(record).not.toContain(kept.toString('base64url').slice(16, 64));
    for (const chunk of world.relay.chunks.values()) expect(Buffer.from(chunk).includes(kept)).toBe(false);
  });

  it.each([
    ['has another bit', async (file: string) => await writeFile(file, flipped(await readFile(file)))],
    ['is not there', async (file: string) => await writeFile(file, '')],
  ])('stops the site where its file %s', async (_, spoil) => {
    const enclave = await begin();
    await world.round(enclave);
    await spoil(join(directory(), '1-1.kept'));
    await enclave.order();
    await world.pumpAll();
    expect(world.status?.studies[0]?.check?.code).toBe('kept-state-lost');
    expect(world.said('Contribution')).toHaveLength(1);
  });
});

function flipped(bytes: Buffer): Uint8Array {
  const last = bytes.length - 1;
  return bytes.map((byte, i) => (i === last ? byte ^ 1 : byte));
}

/** Two rounds, the first with an attempt that is never closed; a new process wherever one was killed. */
async function twoRounds(reaper: Reaper): Promise<{ readonly counted: Verified<'RoundOrder'>; enclave: FakeEnclave }> {
  const enclave = await begin();
  await world.startVault(reaper.wrap).catch(async (error: unknown) => {
    if (!(error instanceof Killed)) throw error;
    await world.startVault();
  });
  const go = async (): Promise<void> => await survive(world, async () => await world.pumpAll());
  await go();
  await enclave.order();
  await go();
  const counted = await enclave.order();
  await go();
  const receipt = await enclave.receipt(counted);
  await go();
  await enclave.sealModel(receipt);
  await go();
  await enclave.order();
  await go();
  return { counted, enclave };
}

/** The number of the training whose integers site `a` contributed: they are 1000 times it, and some. */
async function trainingOf(enclave: FakeEnclave, order: Verified<'RoundOrder'>): Promise<number> {
  const opened = (await enclave.openAll(order)).find(({ site }) => site === 'a');
  return Math.floor(Number(opened?.values[0]?.[0] ?? NaN) / 1000);
}

describe('a vault that is killed', () => {
  it('after any durable write is given the state of the very integers that were counted', async () => {
    const calm = new Reaper(Infinity);
    await twoRounds(calm);
    for (const name of ['files.writeKept', 'state.keepKept', 'files.removePayloadFiles', 'state.forgetKept'])
      expect(calm.names).toContain(name);
    const boundaries = calm.names.flatMap((name, i) =>
      /^files\.|\.(?:keep|forget)(?:Kept|Payload|Sealing|Checkpoint)$/.test(name) ? [i + 1] : [],
    );
    for (const boundary of boundaries) {
      const where = `killed after boundary ${boundary}, ${calm.names[boundary - 1] ?? ''}`;
      await world.dispose();
      const { counted, enclave } = await twoRounds(new Reaper(boundary));
      expect(given.at(-1), where).toBe(await trainingOf(enclave, counted));
      expect(world.said('Contribution'), where).toHaveLength(3);
    }
  }, 240_000);
});
