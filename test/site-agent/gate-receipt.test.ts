// Receipts and models: what this site cosigns, what it never cosigns, and which models it opens.
import { afterEach, describe, expect, it } from 'vitest';
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { encodeCheckpoint, decodeCheckpoint } from '@wardround/learning/checkpoint';
import type { FakeEnclave } from '../fakes/fake-enclave.ts';
import { hex, VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

async function begin(): Promise<{ enclave: FakeEnclave; order: Verified<'RoundOrder'> }> {
  world = await (await VaultWorld.create()).approved();
  const enclave = world.enclave();
  await world.session(enclave);
  const order = await enclave.order();
  await world.pumpAll();
  return { enclave, order };
}

interface Attack {
  readonly name: string;
  readonly check: string;
  readonly receipt: (honest: {
    contributors: RoundReceipt['contributors'];
    enclave: FakeEnclave;
  }) => Partial<RoundReceipt>;
}

const attacks: readonly Attack[] = [
  { name: 'an order that nobody gave', check: 'receipt-order', receipt: () => ({ order: hex('order') }) },
  { name: 'another attempt than the order’s', check: 'receipt-order', receipt: () => ({ attempt: 7 }) },
  { name: 'a round that is not next', check: 'receipt-order', receipt: () => ({ round: 2 }) },
  {
    name: 'a predecessor in the first round',
    check: 'receipt-previous',
    receipt: () => ({ previous: hex('previous') }),
  },
  { name: 'another base', check: 'receipt-base', receipt: () => ({ base: hex('base') }) },
  { name: 'no checkpoint', check: 'receipt-result', receipt: () => ({ checkpoint: null }) },
  { name: 'a released result', check: 'receipt-result', receipt: () => ({ result: hex('result') }) },
  { name: 'a survivor set', check: 'receipt-noise', receipt: () => ({ survivors: hex('survivors') }) },
  {
    name: 'a receipt rolled forward without such an order',
    check: 'receipt-roll-forward',
    receipt: () => ({ rollsForward: hex('r') }),
  },
  {
    name: 'another weight',
    check: 'receipt-contributors',
    receipt: ({ contributors }) => ({
      contributors: contributors.map((c) => (c.site === 'b' ? { ...c, weight: 4 } : c)),
    }),
  },
  {
    name: 'a contribution that nobody sees',
    check: 'receipt-contribution',
    receipt: ({ contributors }) => ({
      contributors: contributors.map((c) => (c.site === 'b' ? { ...c, contribution: hex('hidden') } : c)),
    }),
  },
  {
    name: 'another payload for this site',
    check: 'receipt-contribution',
    receipt: ({ contributors }) => ({
      contributors: contributors.map((c) => (c.site === 'a' ? { ...c, payload: hex('other integers') } : c)),
    }),
  },
  {
    name: 'a total that is no sum',
    check: 'receipt-total',
    receipt: () => ({ totalWeight: 4_000_000 }),
  },
  {
    name: 'this site silently left out',
    check: 'receipt-absentees',
    receipt: ({ contributors }) => without(contributors, ['a']),
  },
  {
    name: 'an absentee for no known reason',
    check: 'receipt-absentees',
    receipt: ({ contributors }) => ({
      ...without(contributors, ['d']),
      absentees: [{ site: 'd', code: 'bad-data' }],
    }),
  },
  {
    name: 'fewer contributors than the plan’s minimum',
    check: 'receipt-contributors',
    receipt: ({ contributors }) => ({
      ...without(contributors, ['c', 'd']),
      absentees: [
        { site: 'c', code: 'no-contribution' },
        { site: 'd', code: 'no-contribution' },
      ],
    }),
  },
];

function without(
  contributors: RoundReceipt['contributors'],
  sites: readonly string[],
): Pick<RoundReceipt, 'contributors' | 'totalWeight'> {
  const kept = contributors.filter(({ site }) => !sites.includes(site));
  return { contributors: kept, totalWeight: kept.reduce((sum, { weight }) => sum + weight, 0) };
}

describe('a receipt', () => {
  it.each(attacks)('with $name is not cosigned', async ({ receipt, check }) => {
    const { enclave, order } = await begin();
    await enclave.sync();
    const contributors = enclave.contributionsTo(order).map(({ value, digest }) => ({
      site: value.site,
      contribution: digest,
      payload: value.payload,
      weight: value.weight,
      approval: value.approval,
    }));
    await enclave.receipt(order, receipt({ contributors, enclave }));
    await world.pump();
    expect(world.checks()).toEqual([`receipt-refused ${check}`]);
    expect(world.said('Cosignature')).toEqual([]);
  });

  it('is cosigned once; a second result of the same round never is', async () => {
    const { enclave, order } = await begin();
    const first = await enclave.receipt(order);
    await world.pump();
    await enclave.receipt(order, { checkpoint: hex('another result') });
    await world.pump();
    expect(world.said('Cosignature').map(({ receipt }) => receipt)).toEqual([first.digest]);
    expect(world.checks()).toEqual(['receipt-refused receipt-fork']);
  });

  it('that counts others without this site, and says why, is cosigned: it checks chain and uniqueness for the others', async () => {
    const { enclave, order } = await begin();
    await enclave.sync();
    const contributors = enclave.contributionsTo(order).map(({ value, digest }) => ({
      site: value.site,
      contribution: digest,
      payload: value.payload,
      weight: value.weight,
      approval: value.approval,
    }));
    await enclave.receipt(order, {
      ...without(contributors, ['a']),
      absentees: [{ site: 'a', code: 'contribution-refused' }],
    });
    await world.pump();
    expect(world.said('Cosignature')).toHaveLength(1);
  });

  it('of a session that this site did not verify is not cosigned', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await enclave.challenge();
    await world.pumpAll();
    await enclave.open();
    const order = await enclave.order();
    await world.pumpAll();
    await enclave.receipt(order);
    await world.pump();
    expect(world.said('Cosignature')).toEqual([]);
  });
});

describe('a model', () => {
  it('is not opened before a quorum cosigned its receipt', async () => {
    const { enclave, order } = await begin();
    const receipt = await enclave.receipt(order);
    await enclave.sealModel(receipt);
    await world.pump();
    expect(world.state?.checkpoints(world.study)).toEqual([]);
    for (const peer of world.peers) await peer.act();
    await world.pump();
    expect(world.state?.checkpoints(world.study).map(({ round }) => round)).toEqual([1]);
  });

  it('of other bytes than the receipt’s is refused', async () => {
    const { enclave, order } = await begin();
    const receipt = await enclave.receipt(order);
    for (const peer of world.peers) peer.duties.store = false;
    await world.pumpAll();
    const real = decodeCheckpoint(enclave.checkpoints.get(1) ?? new Uint8Array());
    const crafted = encodeCheckpoint({
      ...real,
      model: real.model.map(({ name, shape, data }) => ({
        name,
        shape,
        dtype: 'F32',
        data: new Float32Array(data.length).fill(1),
      })),
    });
    await enclave.sealModel(receipt, crafted);
    await world.pump();
    expect(world.status?.studies[0]?.check?.code).toBe('model-digest');
    await enclave.sealModel(receipt);
    await world.pump();
    expect(world.state?.checkpoints(world.study).map(({ checkpoint }) => checkpoint)).toEqual([
      receipt.value.checkpoint,
    ]);
  });

  it('whose ciphertext the coordinator flips is refused, and opened when it comes whole', async () => {
    const { enclave, order } = await begin();
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    const before = new Set(world.relay.chunks.keys());
    await enclave.sealModel(receipt);
    world.relay.hostile.serve = (digest, bytes, party) => (party === 'a' && !before.has(digest) ? undefined : bytes);
    await world.pump();
    expect(world.state?.checkpoints(world.study)).toEqual([]);
    world.relay.hostile.serve = (_digest, bytes) => bytes;
    // What was refused is tried again after a while, not at once.
    world.now = new Date(world.now.getTime() + 120_000);
    await world.pump();
    expect(world.state?.checkpoints(world.study)).toHaveLength(1);
  });
});

describe('a checkpoint', () => {
  it('is handed back to a new session that must go on from it', async () => {
    const { enclave, order } = await begin();
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    await enclave.sealModel(receipt);
    await world.pumpAll();
    const next = world.enclave();
    next.receipts = [receipt];
    await world.session(next, receipt);
    const checkpoint = enclave.checkpoints.get(1) ?? new Uint8Array();
    const back = await next.order({
      task: 'checkpointReturn',
      round: 1,
      base: { checkpoint: receipt.value.checkpoint ?? '', model: receipt.value.model ?? '' },
    });
    await world.pump();
    expect(toHex(sha256(await next.returned(back, 'a')))).toBe(toHex(sha256(checkpoint)));
  });

  it('that was never closed is handed to nobody', async () => {
    const { enclave } = await begin();
    await enclave.order({ task: 'checkpointReturn', round: 1, base: { checkpoint: hex('c'), model: hex('m') } });
    await world.pump();
    expect(world.said('Contribution').map(({ task }) => task)).toEqual(['update']);
  });
});

describe('a cosigned round whose model was sealed to nobody', () => {
  it('is rolled forward with the same integers and secret bytes', async () => {
    const { enclave, order } = await begin();
    const before = await enclave.openAll(order);
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    const next = world.enclave();
    next.receipts = [receipt];
    await world.session(next, receipt);
    const again = await next.order({ round: 1, rollsForward: receipt.digest });
    await world.pumpAll();
    const after = await next.openAll(again);
    expect(after).toEqual(before);
    expect(world.trainings).toBe(1);
    const rolled = await next.receipt(again);
    expect(rolled.value.checkpoint).toBe(receipt.value.checkpoint);
    await world.pumpAll();
    await next.sealModel(rolled);
    await world.pumpAll();
    await world.round(next);
    expect(world.checks()).toEqual(['study-complete null']);
  });

  it('is not rolled forward to another result', async () => {
    const { enclave, order } = await begin();
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    const next = world.enclave();
    next.receipts = [receipt];
    await world.session(next, receipt);
    const again = await next.order({ round: 1, rollsForward: receipt.digest });
    await world.pumpAll();
    await next.receipt(again, { checkpoint: hex('another') });
    await world.pump();
    expect(world.checks()).toEqual(['receipt-refused receipt-fork']);
  });
});

describe('a round that only this site cosigned', () => {
  it('may be tried again, and gets the same integers again', async () => {
    const { enclave, order } = await begin();
    const before = await enclave.openAll(order);
    await enclave.receipt(order);
    await world.pump();
    expect(world.said('Cosignature')).toHaveLength(1);
    // The peers never saw the receipt; a new session starts where they stand.
    for (const peer of world.peers) peer.duties.cosign = false;
    const next = world.enclave();
    await world.session(next);
    expect(world.checks()).toEqual([]);
    const again = await next.order({ round: 1 });
    await world.pumpAll();
    const after = (await next.openAll(again)).find(({ site }) => site === 'a');
    expect(after?.payload).toBe(before.find(({ site }) => site === 'a')?.payload);
    expect(world.trainings).toBe(1);
  });
});

/** The receipt of a study's first round, which is for statistics, with one thing changed. */
async function statisticsReceipt(change: Partial<RoundReceipt>): Promise<void> {
  world = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, statistics: ['counts'] }) })).approved();
  const enclave = world.enclave();
  await world.session(enclave);
  const order = await enclave.order();
  await world.pumpAll();
  await enclave.receipt(order, change);
  await world.pumpAll();
}

describe('a receipt of statistics', () => {
  it('is cosigned where it names a result and the base’s own model', async () => {
    await statisticsReceipt({});
    expect(world.said('Cosignature')).toHaveLength(1);
    expect(world.said('Contribution')[0]).toMatchObject({ task: 'statistics' });
  });

  it.each<[string, string, Partial<RoundReceipt>]>([
    ['no result', 'receipt-result', { result: null }],
    ['another model than the base’s', 'receipt-result', { model: hex('trained') }],
    ['no checkpoint', 'receipt-result', { checkpoint: null }],
    ['no model', 'receipt-result', { model: null }],
    ['the task of training', 'receipt-order', { task: 'update' }],
    ['the task of an evaluation', 'receipt-order', { task: 'evaluation' }],
  ])('with %s is not cosigned', async (_, check, change) => {
    await statisticsReceipt(change);
    expect(world.said('Cosignature')).toEqual([]);
    expect(world.checks()).toEqual([`receipt-refused ${check}`]);
  });

  it('is cosigned once: a second with the same checkpoint and another result is refused', async () => {
    world = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, statistics: ['counts'] }) })).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const order = await enclave.order();
    await world.pumpAll();
    for (const peer of world.peers) peer.duties.cosign = false;
    await enclave.receipt(order);
    await world.pumpAll();
    await enclave.receipt(order, { result: hex('another') });
    await world.pumpAll();
    expect(world.said('Cosignature')).toHaveLength(1);
    expect(world.checks()).toEqual(['receipt-refused receipt-fork']);
  });

  it('whose result is not what its checkpoint says gives this site no model', async () => {
    world = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, statistics: ['counts'] }) })).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const order = await enclave.order();
    await world.pumpAll();
    const receipt = await enclave.receipt(order, { result: hex('invented') });
    await world.pumpAll();
    expect(world.said('Cosignature')).toHaveLength(1);
    await enclave.sealModel(receipt);
    await world.pumpAll();
    expect(world.status?.studies[0]?.check?.code).toBe('result-digest');
    expect(world.state?.checkpoints(world.study)).toEqual([]);
    await enclave.order();
    await world.pumpAll();
    expect(world.said('Contribution')).toHaveLength(1);
  });
});
