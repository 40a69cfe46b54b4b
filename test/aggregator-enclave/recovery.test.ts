// Enclaves that die: a new process with an empty disk and new keys goes on from what the sites and the board hold.
import { afterEach, describe, expect, it } from 'vitest';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { BoardRecord } from '@wardround/protocol/relay-port';
import { World } from './world.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

async function study(change: (plan: StudyPlan) => StudyPlan = (plan) => plan): Promise<World> {
  const world = await World.approved({ plan: change });
  worlds.push(world);
  return world;
}

/** A strategy whose state must survive. */
const withState = (plan: StudyPlan): StudyPlan => ({
  ...plan,
  rounds: 3,
  strategy: { name: 'fedAdam', serverLearningRate: '0.1', beta1: '0.9', beta2: '0.99', tau: '0.001' },
});

function hide(kind: string): (record: BoardRecord, party: string) => readonly BoardRecord[] {
  return (record, party) => (party === 'enclave' && UNVERIFIED_kindOf(record.jws).kind === kind ? [] : [record]);
}

const show = (record: BoardRecord): readonly BoardRecord[] => [record];
const checkpoints = (world: World): readonly (string | null)[] => {
  const byRound = new Map(world.published('RoundReceipt').map(({ value }) => [value.round, value.checkpoint]));
  return [...byRound.values()];
};

/** The first model is sealed; site d is away from then on; the second round closes but the enclave never sees its cosignatures. */
async function dieBetweenCosigningAndSealing(world: World): Promise<void> {
  const [a, b, c, d] = world.sites;
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four sites');
  const order = await world.playToOrder();
  for (const site of world.sites) await site.contribute(order);
  await world.settle();
  for (const site of world.sites) await site.act();
  await world.settle();
  d.online = false;
  await d.sync();
  world.relay.hostile.show = hide('Cosignature');
  await world.play();
  await world.advance(600_000);
  await world.play();
  expect(world.published('RoundReceipt').map(({ value }) => value.round)).toEqual([1, 2]);
  expect(world.published('SealedModel').map(({ value }) => value.round)).toEqual([1]);
}

describe('a fresh process', () => {
  it('does nothing for a complete study', async () => {
    const world = await study();
    await world.play();
    const before = world.relay.records.length;
    await world.restart();
    await world.play();
    expect(world.relay.records).toHaveLength(before);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('takes the checkpoint back from the sites and goes on, to the same model', async () => {
    const whole = await study(withState);
    await whole.play();
    const broken = await study(withState);
    const order = await broken.playToOrder();
    for (const site of broken.sites) await site.contribute(order);
    await broken.settle();
    for (const site of broken.sites) await site.act();
    await broken.settle();
    for (const site of broken.sites) await site.act();
    await broken.restart();
    await broken.play();
    const orders = broken.published('RoundOrder').map(({ value }) => [value.task, value.round]);
    expect(orders).toContainEqual(['checkpointReturn', 1]);
    expect(checkpoints(broken)).toEqual(checkpoints(whole));
    expect(broken.published('RoundReceipt').at(-1)?.value.round).toBe(3);
  });

  it('tries an uncosigned round again under a higher attempt number', async () => {
    const world = await study();
    const receipts = new Set<string>();
    world.relay.hostile.show = (record, party) => {
      if (UNVERIFIED_kindOf(record.jws).kind === 'RoundReceipt') receipts.add(record.jws);
      return party !== 'enclave' && record.jws === [...receipts][0] ? [] : [record];
    };
    await world.play();
    const [first] = world.published('RoundOrder');
    await world.restart();
    await world.play();
    const open = world.published('SessionOpen').at(-1);
    expect(open?.value.resumesFrom).toBeNull();
    expect(open?.value.attemptFloor).toBe((first?.value.attempt ?? 0) + 1);
    expect(world.published('RoundReceipt').at(-1)?.value.round).toBe(2);
    const attempts = world.published('RoundOrder').map(({ value }) => value.attempt);
    expect(new Set(attempts).size).toBe(attempts.length);
  });

  it('rolls a cosigned round forward with one site absent and server state, to the very checkpoint', async () => {
    const world = await study(withState);
    await dieBetweenCosigningAndSealing(world);
    const [, cosigned] = world.published('RoundReceipt');
    world.relay.hostile.show = show;
    await world.restart();
    // The pause for further statements, then round 3 without d.
    for (let i = 0; i < 2; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    await world.play();
    const receipts = world.published('RoundReceipt').filter(({ value }) => value.round === 2);
    const rolled = receipts.find(({ value }) => value.rollsForward !== null);
    expect(rolled?.value.rollsForward).toBe(cosigned?.digest);
    expect(rolled?.value.checkpoint).toBe(cosigned?.value.checkpoint);
    expect(rolled?.value.previous).toBe(cosigned?.value.previous);
    expect(rolled?.value.contributors.map(({ site }) => site)).toEqual(['a', 'b', 'c']);
    const last = world.published('RoundReceipt').at(-1);
    expect([last?.value.round, last?.value.previous]).toEqual([3, rolled?.digest]);
    expect(world.enclave.codes).toContain('study-complete');
    expect(world.site('a').held.map(({ round }) => round)).toEqual([1, 2, 3]);
  });

  it('rolls the first round forward from the initial checkpoint', async () => {
    const world = await study((plan) => ({ ...plan, rounds: 1 }));
    world.relay.hostile.show = hide('Cosignature');
    await world.play();
    world.relay.hostile.show = show;
    await world.restart();
    await world.play();
    const [first, second] = world.published('RoundReceipt');
    expect(second?.value.rollsForward).toBe(first?.digest);
    expect(second?.value.checkpoint).toBe(first?.value.checkpoint);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('refuses other integers than the cosigned ones', async () => {
    const world = await study((plan) => ({ ...plan, rounds: 1 }));
    world.relay.hostile.show = hide('Cosignature');
    await world.play();
    world.relay.hostile.show = show;
    const a = world.site('a');
    a.payloads.clear();
    a.training = (_, tensors) => tensors.map(({ shape }) => new Int32Array(shape.reduce((x, y) => x * y, 1)).fill(5));
    await world.restart();
    await world.play();
    expect(world.published('ContributionRefusal').map(({ value }) => [value.site, value.code])).toEqual([
      ['a', 'contribution-payload'],
    ]);
    expect(world.published('RoundReceipt')).toHaveLength(1);
  });

  it.each([
    ['stop', 1],
    ['wait', 3],
  ] as const)('stops the study where a contributor is gone for good (%s)', async (onShortfall, attempts) => {
    const world = await study((plan) => ({ ...plan, rounds: 1, sites: { ...plan.sites, onShortfall } }));
    world.relay.hostile.show = hide('Cosignature');
    await world.play();
    world.relay.hostile.show = show;
    world.site('a').duties.contribute = false;
    await world.restart();
    for (let i = 0; i < 4; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    await world.sync();
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['roll-forward-impossible']);
    const orders = world.published('RoundOrder').filter(({ value }) => value.rollsForward !== null);
    expect(orders).toHaveLength(attempts);
    expect(world.enclave.loops).toBe(1);
    await world.restart();
    await world.play();
    expect(world.enclave.codes).toContain('study-stopped');
  });

  it('stops where a contributor of the cosigned round withdrew', async () => {
    const world = await study((plan) => ({ ...plan, rounds: 1 }));
    world.relay.hostile.show = hide('Cosignature');
    await world.play();
    world.relay.hostile.show = show;
    await world.site('d').withdraw();
    await world.restart();
    await world.play();
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['roll-forward-impossible']);
  });

  it('passes over checkpoints that are not the cosigned one, until a true one comes', async () => {
    const world = await study();
    const order = await world.playToOrder();
    for (const site of world.sites) await site.contribute(order);
    await world.settle();
    for (let i = 0; i < 2; i += 1) {
      for (const site of world.sites) await site.act();
      await world.settle();
    }
    const a = world.site('a');
    for (const site of world.sites) site.duties.returnCheckpoint = false;
    await world.restart();
    await world.play();
    const recall = world.published('RoundOrder').at(-1);
    if (recall === undefined) throw new Error('no order');
    expect(recall.value.task).toBe('checkpointReturn');
    const bytes = world.site('b').held[0]?.bytes ?? new Uint8Array();
    await a.returnCheckpoint(recall, { bytes: new Uint8Array(bytes).fill(1) });
    await world.site('b').returnCheckpoint(recall, { change: (value) => ({ ...value, payload: 'f0'.repeat(32) }) });
    await world.sync();
    expect(world.published('ContributionRefusal').map(({ value }) => value.code)).toEqual([
      'contribution-checkpoint',
      'contribution-payload',
    ]);
    await world.site('c').returnCheckpoint(recall);
    await world.play();
    expect(world.published('RoundReceipt').at(-1)?.value.round).toBe(2);
  });

  it('stops where nobody returns the checkpoint', async () => {
    const world = await study();
    const order = await world.playToOrder();
    for (const site of world.sites) await site.contribute(order);
    await world.settle();
    for (let i = 0; i < 2; i += 1) {
      for (const site of world.sites) await site.act();
      await world.settle();
    }
    for (const site of world.sites) site.duties.returnCheckpoint = false;
    await world.restart();
    for (let i = 0; i < 4; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    await world.sync();
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['checkpoint-lost']);
  });

  it('waits for a model that was sealed but that no site has fetched, rather than asking all contributors again', async () => {
    const world = await study();
    const order = await world.playToOrder();
    for (const site of world.sites) {
      site.duties.store = false;
      await site.contribute(order);
    }
    await world.play();
    expect(world.published('SealedModel')).toHaveLength(1);
    await world.restart();
    await world.play();
    const recall = world.published('RoundOrder').at(-1);
    expect([recall?.value.task, recall?.value.round, recall?.value.rollsForward]).toEqual([
      'checkpointReturn',
      1,
      null,
    ]);
    for (const site of world.sites) site.duties.store = true;
    await world.play();
    expect(world.published('RoundReceipt').map(({ value }) => value.rollsForward)).toEqual([null, null]);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('rolls forward after all where nobody ever fetches it', async () => {
    const world = await study();
    const order = await world.playToOrder();
    for (const site of world.sites) {
      site.duties.store = false;
      await site.contribute(order);
    }
    await world.play();
    await world.restart();
    await world.play();
    await world.advance(600_000);
    for (const site of world.sites) site.duties.store = true;
    await world.play();
    const [first] = world.published('RoundReceipt');
    const updates = world.published('RoundOrder').filter(({ value }) => value.task === 'update');
    expect(updates.map(({ value }) => value.rollsForward)).toContain(first?.digest);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('goes on from the one receipt there is, though a liar gives it another name', async () => {
    const world = await study();
    for (const site of world.sites) site.duties.cosign = site.name === 'a';
    await world.play();
    const [receipt] = world.published('RoundReceipt');
    if (receipt === undefined) throw new Error('no receipt');
    for (const site of world.sites) site.duties.state = false;
    await world.restart();
    await world.play();
    const challenge = world.published('SessionChallenge').at(-1)?.digest ?? '';
    const { round, checkpoint } = receipt.value;
    const liar = { receipt: '0'.repeat(64), round, checkpoint: checkpoint ?? '' };
    await world.site('a').state(challenge, { newestReceipt: { ...liar, receipt: receipt.digest } });
    await world.site('d').state(challenge, { newestReceipt: liar });
    for (const name of ['b', 'c']) await world.site(name).state(challenge);
    for (const site of world.sites) Object.assign(site.duties, { state: true, cosign: true });
    await world.play();
    expect(world.published('SessionOpen').at(-1)?.value.resumesFrom?.receipt).toBe(receipt.digest);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('counts attempts on above what any site sealed for, whatever one liar says', async () => {
    const world = await study();
    for (const site of world.sites) site.duties.state = false;
    await world.play();
    const challenge = world.published('SessionChallenge')[0]?.digest ?? '';
    await world.site('a').state(challenge, { lastSealed: { round: 1, attempt: Number.MAX_SAFE_INTEGER } });
    await world.site('b').state(challenge, { lastSealed: { round: 1, attempt: 7 } });
    await world.site('c').state(challenge);
    await world.site('d').state(challenge);
    await world.sync();
    expect(world.published('SessionOpen')[0]?.value.attemptFloor).toBe(8);
    expect(world.published('RoundOrder')[0]?.value.attempt).toBe(8);
  });
});
