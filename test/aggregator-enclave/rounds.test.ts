// The enclave over a relay, with fake sites: rounds that close, and why some wait.
import { afterEach, describe, expect, it } from 'vitest';
import { fromFixed } from '@wardround/protocol/fixed-point';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { founded } from '../fakes/fake-federation.ts';
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

/** Rounds with what the tests change of the plan. */
async function study(change: Partial<StudyPlan> = {}, sites: Partial<StudyPlan['sites']> = {}): Promise<World> {
  world = await World.approved({
    plan: (plan) => ({ ...plan, rounds: 1, ...change, sites: { ...plan.sites, ...sites } }),
  });
  return world;
}

const contributors = (world: World): readonly (readonly string[])[] =>
  world.published('RoundReceipt').map(({ value }) => value.contributors.map(({ site }) => site));
const absentees = (world: World): readonly unknown[] =>
  world.published('RoundReceipt').map(({ value }) => value.absentees);

describe('a round closes', () => {
  it('at the deadline without who is away, and says so', async () => {
    const world = await study();
    world.site('c').duties.contribute = false;
    await world.play();
    expect(contributors(world)).toEqual([]);
    await world.advance(600_000);
    await world.sync();
    expect(contributors(world)).toEqual([['a', 'b', 'd']]);
    expect(absentees(world)).toEqual([[{ site: 'c', code: 'no-contribution' }]]);
  });

  it.each(['not-taking-part', 'evidence-refused', 'session-refused', 'order-refused'] as const)(
    'at once where the only one missing said %s',
    async (code) => {
      const world = await study();
      world.site('c').duties.contribute = false;
      await world.play();
      await world.site('c').say(code);
      await world.sync();
      expect(absentees(world)).toEqual([[{ site: 'c', code }]]);
    },
  );

  it('counting a site that first declined and then contributed', async () => {
    const world = await study();
    for (const site of world.sites) site.duties.contribute = false;
    await world.play();
    const order = world.published('RoundOrder')[0];
    if (order === undefined) throw new Error('no order');
    await world.site('c').say('evidence-refused');
    for (const name of ['c', 'a', 'b', 'd']) await world.site(name).contribute(order);
    await world.sync();
    expect(contributors(world)).toEqual([['a', 'b', 'c', 'd']]);
  });

  it('deaf to what a site said of another attempt or session', async () => {
    const world = await study();
    world.site('c').duties.contribute = false;
    await world.play();
    await world.site('c').say('not-taking-part', { round: 1, attempt: 99 });
    await world.site('c').say('not-taking-part', { session: null });
    await world.sync();
    expect(contributors(world)).toEqual([]);
  });

  it('without a site that never approved, from a quorum of statements, after a pause for the others', async () => {
    world = await World.create({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    for (const name of ['a', 'b', 'c']) await world.site(name).approve();
    await world.play();
    // Site d may still decide: it is waited for as long as a round would wait for it.
    expect(world.published('SessionChallenge')).toEqual([]);
    world.clock.advance(1000 * world.plan.value.sites.deadlineSeconds);
    await world.play();
    expect(absentees(world)).toEqual([[{ site: 'd', code: 'not-approved' }]]);
  });

  it('at once where the site that is missing has refused', async () => {
    world = await World.create({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    for (const name of ['a', 'b', 'c']) await world.site(name).approve();
    await world.site('d').refuse();
    await world.play();
    expect(absentees(world)).toEqual([[{ site: 'd', code: 'not-approved' }]]);
  });

  it('with who stays when conditions fail, equal to the bit to a round without who left', async () => {
    const shy = await study();
    await shy.site('d').approve({ minimumContributors: 5, approvedAt: '2026-11-23T09:30:00.000Z' });
    shy.clock.advance(3_600_000);
    await shy.play();
    expect(absentees(shy)).toEqual([[{ site: 'd', code: 'conditions-not-met' }]]);
    const checkpoint = shy.published('RoundReceipt')[0]?.value.checkpoint;
    await shy.end();
    const without = await study();
    await without.site('d').withdraw();
    await without.play();
    expect(absentees(without)).toEqual([[{ site: 'd', code: 'not-approved' }]]);
    expect(without.published('RoundReceipt')[0]?.value.checkpoint).toBe(checkpoint);
  });

  it('without a site that outweighs the plan’s largest share', async () => {
    world = await World.create({ plan: (plan) => ({ ...plan, rounds: 1, sites: { ...plan.sites, maxShare: '0.5' } }) });
    world.site('d').weight = 1_000_000;
    for (const site of world.sites) await site.approve();
    await world.play();
    expect(absentees(world)).toEqual([[{ site: 'd', code: 'weight-left-out' }]]);
  });

  it('without the heaviest where all weights together would wrap the sums', async () => {
    world = await World.create({ plan: (plan) => ({ ...plan, rounds: 1, sites: { ...plan.sites, maxShare: '1' } }) });
    for (const name of ['a', 'c', 'd']) world.site(name).weight = 2 ** 31 - 1 - (name === 'd' ? 0 : 200);
    for (const site of world.sites) await site.approve({ maxShare: '1' });
    await world.play();
    expect(absentees(world)).toEqual([[{ site: 'd', code: 'weight-left-out' }]]);
  });
});

describe('a shortfall', () => {
  it('waits out the deadline, then tries again under the next attempt number', async () => {
    const world = await study();
    for (const name of ['b', 'c']) world.site(name).duties.contribute = false;
    await world.play();
    for (const name of ['b', 'c']) await world.site(name).say('not-taking-part', { round: 1, attempt: 1 });
    await world.sync();
    expect(world.published('RoundOrder')).toHaveLength(1);
    for (const name of ['b', 'c']) world.site(name).duties.contribute = true;
    await world.advance(600_000);
    await world.play();
    expect(world.published('RoundOrder').map(({ value }) => value.attempt)).toEqual([1, 2]);
    expect(contributors(world)).toEqual([['a', 'b', 'c', 'd']]);
  });

  it.each([
    ['stop', 1],
    ['wait', 3],
  ] as const)('ends the study where the plan says %s, after %i attempts', async (onShortfall, attempts) => {
    const world = await study({}, { onShortfall });
    for (const name of ['b', 'c']) world.site(name).duties.contribute = false;
    for (let i = 0; i < 4; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    await world.sync();
    expect(world.published('RoundOrder')).toHaveLength(attempts);
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['shortfall']);
    expect(contributors(world)).toEqual([]);
  });

  it('of approvals waits for people', async () => {
    const world = await study();
    await world.playToOrder();
    for (const name of ['c', 'd']) await world.site(name).withdraw();
    await world.settle();
    await world.advance(600_000);
    await world.play();
    expect(world.enclave.codes.filter((code) => code === 'approvals-missing')).toHaveLength(1);
    world.clock.advance(1000);
    await world.site('c').approve();
    await world.play();
    await world.advance(1000);
    await world.play();
    expect(contributors(world)).toEqual([['a', 'b', 'c']]);
  });

  it('of the plan’s own time ends it', async () => {
    const world = await study({ expires: '2026-11-23T09:05:00.000Z' });
    for (const name of ['b', 'c']) world.site(name).duties.contribute = false;
    await world.play();
    await world.advance(600_000);
    await world.sync();
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['plan-expired']);
  });
});

describe('nothing is sealed', () => {
  it('before a quorum of the roster cosigned; one site’s cosignature counts once', async () => {
    const world = await study();
    for (const name of ['b', 'c', 'd']) world.site(name).duties.cosign = false;
    await world.play();
    const receipt = world.published('RoundReceipt')[0];
    if (receipt === undefined) throw new Error('no receipt');
    for (let i = 1; i < 4; i += 1) await world.site('a').cosign(receipt, { cosignedAt: `2026-11-23T09:00:0${i}.000Z` });
    await world.site('b').cosign(receipt, { round: 2 });
    await world.site('c').cosign(receipt, { receipt: 'f0'.repeat(32) });
    await world.site('d').cosign(receipt);
    await world.sync();
    expect(world.published('SealedModel')).toEqual([]);
    await world.site('c').cosign(receipt);
    await world.sync();
    expect(world.published('SealedModel')).toHaveLength(1);
    expect(world.published('SealedModel')[0]?.value.recipients.map(({ site }) => site)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('where the witnesses stay away: a new session asks where they stand', async () => {
    const world = await study();
    for (const name of ['c', 'd']) world.site(name).duties.cosign = false;
    await world.play();
    await world.advance(600_000);
    await world.sync();
    expect(world.published('SealedModel')).toEqual([]);
    expect(world.published('SessionChallenge')).toHaveLength(2);
    for (const name of ['c', 'd']) world.site(name).duties.cosign = true;
    await world.play();
    expect(world.published('RoundReceipt').at(-1)?.value.rollsForward).toBe(world.published('RoundReceipt')[0]?.digest);
    expect(world.enclave.codes).toContain('study-complete');
  });
});

describe('what cannot be taken back', () => {
  it('voids the attempt; the next one begins with empty sums', async () => {
    const world = await study();
    const order = await world.playToOrder();
    // Two chunks: the second is spoiled, and by the time that shows, nobody has the first any more.
    for (const name of ['a', 'b', 'd']) await world.site(name).contribute(order);
    await world.settle();
    world.enclave.spool.put = async () => await Promise.resolve();
    const served = new Set<string>();
    world.relay.hostile.serve = (digest, bytes, party) => {
      if (party !== 'enclave' || served.has(digest)) return undefined;
      served.add(digest);
      return bytes;
    };
    const payload = world.site('c').payloadFor(1);
    const values = payload.tensors.map((tensor) => ({
      ...tensor,
      values: new Int32Array(tensor.values.length).fill(2 ** 30),
    }));
    await world.site('c').contribute(order, { payload: { ...payload, tensors: values } });
    await world.sync();
    expect(world.enclave.codes).toContain('attempt-void');
    world.relay.hostile.serve = (_digest, bytes) => bytes;
    world.site('c').payloads.clear();
    await world.play();
    expect(world.published('RoundReceipt').map(({ value }) => value.attempt)).toEqual([2]);
    const checkpoint = world.published('RoundReceipt')[0]?.value.checkpoint;
    await world.end();
    const clean = await study();
    await clean.play();
    expect(clean.published('RoundReceipt')[0]?.value.checkpoint).toBe(checkpoint);
  });
});

describe('evidence', () => {
  it('is given for every site’s own nonce, late ones and later ones included, once each', async () => {
    const world = await study();
    world.site('d').duties.state = false;
    await world.play();
    await world.advance(1000);
    await world.sync();
    const session = world.published('SessionOpen')[0];
    expect(world.published('EvidenceOffer').map(({ value }) => value.site)).toEqual(['a', 'b', 'c']);
    await world.site('d').state(session?.value.challenge ?? '');
    const request = {
      kind: 'EvidenceRequest',
      version: 1,
      ...world.site('a').names,
      session: session?.digest ?? '',
      nonce: '77'.repeat(32),
      requestedAt: founded,
    } as const;
    await world.site('a').publish('EvidenceRequest', request, world.site('a').keys.agent);
    await world
      .site('a')
      .publish('EvidenceRequest', { ...request, requestedAt: '2026-11-02T00:00:00.000Z' }, world.site('a').keys.agent);
    await world.sync();
    const offers = world.published('EvidenceOffer').map(({ value }) => `${value.site} ${value.nonce}`);
    expect(offers.slice(3).toSorted()).toEqual([
      `a ${'77'.repeat(32)}`,
      `d ${world.published('ResumeStatement').at(-1)?.value.nonce}`,
    ]);
  });
});

describe('approvals that come later', () => {
  it('are counted from the next round on, in a new session', async () => {
    world = await World.create();
    for (const name of ['a', 'b', 'c']) await world.site(name).approve();
    await world.play();
    world.clock.advance(1000 * world.plan.value.sites.deadlineSeconds);
    const order = await world.playToOrder();
    for (const name of ['a', 'b', 'c']) await world.site(name).contribute(order);
    await world.site('d').approve();
    await world.play();
    expect(contributors(world)).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c', 'd'],
    ]);
    expect(world.published('SessionOpen')).toHaveLength(2);
  });

  it.each([
    ['that name no weakness', { acceptedWeaknesses: [] }],
    ['that leave out one weakness', { acceptedWeaknesses: ['noDifferentialPrivacy' as const, 'unmasked' as const] }],
    ['that have expired', { validUntil: '2026-11-23T09:00:00.000Z' }],
    [
      'under a standing rule, in a plan without differential privacy',
      { under: { authority: 'standingRule' as const, rule: 'f0'.repeat(32) } },
    ],
  ])('do not count: approvals %s', async (_, change) => {
    world = await World.create();
    for (const name of ['a', 'b']) await world.site(name).approve();
    for (const name of ['c', 'd']) {
      const { keys } = world.site(name);
      await world.site(name).approve(change, 'under' in change ? keys.agent : keys.approval);
    }
    await world.play();
    expect(world.published('SessionChallenge')).toEqual([]);
    world.clock.advance(1000);
    await world.site('c').approve();
    await world.play();
    expect(world.published('SessionChallenge')).toHaveLength(1);
  });

  it('do not count where the plan weights all alike and one claims more', async () => {
    world = await World.create({ plan: (plan) => ({ ...plan, rounds: 1, weighting: 'equal' }) });
    for (const site of world.sites) site.weight = site.name === 'd' ? 2 : 1;
    for (const site of world.sites) await site.approve();
    await world.play();
    expect(absentees(world)).toEqual([[{ site: 'd', code: 'not-approved' }]]);
  });
});
