// A coordinator that repeats, reorders, hides, forges and forgets: it can delay, and nothing else.
import { afterEach, describe, expect, it } from 'vitest';
import { sign, UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { generateEphemeralHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { signFakePlan, signFakeRelease } from '../fakes/fake-federation.ts';
import { duplicate, swapPairs } from '../fakes/memory-relay.ts';
import { measurement, World, type WorldOptions } from './world.ts';

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

async function study(options: WorldOptions = {}): Promise<World> {
  world = await World.approved(options);
  return world;
}

const checkpoints = (world: World): readonly unknown[] =>
  world.published('RoundReceipt').map(({ value }) => value.checkpoint);

describe('a board that', () => {
  it('shows every record twice changes nothing', async () => {
    const honest = await study();
    await honest.play();
    const expected = checkpoints(honest);
    await honest.end();
    const world = await study();
    world.relay.hostile.show = duplicate();
    await world.play();
    expect(checkpoints(world)).toEqual(expected);
  });

  it('shows records in another order changes nothing', async () => {
    const honest = await study();
    await honest.play();
    const expected = checkpoints(honest);
    await honest.end();
    const world = await study();
    const shown = swapPairs();
    world.relay.hostile.show = (record, party) =>
      party === 'enclave' && record.topic !== 'federation' ? shown(record, party) : [record];
    await world.play();
    world.relay.hostile.show = (record) => [record];
    for (let i = 0; i < 3; i += 1) {
      await world.advance(600_000);
      await world.play();
    }
    expect(new Set(checkpoints(world)).size).toBe(2);
    expect(checkpoints(world)).toEqual(expected);
  });

  it('loses its whole store in the middle of a round gets everything again', async () => {
    const world = await study({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    const order = await world.playToOrder();
    const kept = world.relay.records;
    world.relay.wipe();
    // The sites give back what they signed; the enclave what it said.
    for (const { topic, jws } of kept) if (topic === 'federation') world.relay.forge(topic, jws);
    for (const site of world.sites) await site.approve();
    await world.settle();
    const kinds = world.relay.records.map(({ jws }) => UNVERIFIED_kindOf(jws).kind);
    for (const kind of ['SessionChallenge', 'SessionOpen', 'EvidenceOffer', 'RoundOrder'])
      expect(kinds).toContain(kind);
    for (const site of world.sites) await site.contribute(order);
    await world.play();
    expect(world.published('RoundReceipt')).toHaveLength(1);
  });

  it('forges a session of its own is not believed: nothing of it enters the enclave’s work', async () => {
    const world = await study();
    const order = await world.playToOrder();
    const false_ = { receipt: generateSigningKey(), session: await generateEphemeralHpkeKey() };
    const { federation, study: topic } = { federation: world.federation.view.federation, study: world.plan.digest };
    const challenge = await sign(
      'SessionChallenge',
      {
        kind: 'SessionChallenge',
        version: 1,
        federation,
        study: topic,
        receiptKey: false_.receipt.publicKey,
        nonce: '11'.repeat(32),
        challengedAt: order.value.issuedAt,
      },
      false_.receipt,
    );
    const open = world.published('SessionOpen')[0];
    if (open === undefined) throw new Error('no session');
    const opened = await sign(
      'SessionOpen',
      {
        ...open.value,
        challenge: challenge.digest,
        receiptKey: false_.receipt.publicKey,
        sessionKey: false_.session.publicKey,
      },
      false_.receipt,
    );
    const forgedOrder = await sign(
      'RoundOrder',
      { ...order.value, session: opened.digest, attempt: 77 },
      false_.receipt,
    );
    const stop = await sign(
      'StudyStop',
      {
        kind: 'StudyStop',
        version: 1,
        federation,
        study: topic,
        session: opened.digest,
        round: 1,
        code: 'shortfall',
        detail: 'forged',
        stoppedAt: order.value.issuedAt,
      },
      false_.receipt,
    );
    for (const { jws } of [challenge, opened, forgedOrder, stop]) world.relay.forge(topic, jws);
    await world.settle();
    expect(world.enclave.loops).toBe(2);
    for (const site of world.sites) {
      site.duties = { ...site.duties, state: false };
      await site.contribute(order);
    }
    for (let i = 0; i < 6; i += 1) {
      await world.settle();
      for (const site of world.sites) {
        await site.sync();
        for (const receipt of site.records.of('RoundReceipt')) await site.cosign(receipt);
      }
    }
    await world.sync();
    expect(world.published('RoundReceipt')[0]?.value.order).toBe(order.digest);
    expect(world.published('SealedModel')).toHaveLength(1);
  });
});

describe('a forged end of a study', () => {
  it('a stop: does not keep a restarted enclave from its work', async () => {
    const world = await study({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    const order = await world.playToOrder();
    const receiptKey = generateSigningKey();
    const names = { federation: world.federation.view.federation, study: world.plan.digest };
    const challenge = await sign(
      'SessionChallenge',
      {
        kind: 'SessionChallenge',
        version: 1,
        ...names,
        receiptKey: receiptKey.publicKey,
        nonce: '11'.repeat(32),
        challengedAt: order.value.issuedAt,
      },
      receiptKey,
    );
    const open = world.published('SessionOpen')[0];
    if (open === undefined) throw new Error('no session');
    const opened = await sign(
      'SessionOpen',
      { ...open.value, challenge: challenge.digest, receiptKey: receiptKey.publicKey },
      receiptKey,
    );
    const stop = await sign(
      'StudyStop',
      {
        kind: 'StudyStop',
        version: 1,
        ...names,
        session: opened.digest,
        round: 1,
        code: 'shortfall',
        detail: 'forged',
        stoppedAt: order.value.issuedAt,
      },
      receiptKey,
    );
    for (const { jws } of [challenge, opened, stop]) world.relay.forge(names.study, jws);
    await world.restart();
    await world.play();
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('a sealed model: does not make a restarted enclave believe that the true one was sealed', async () => {
    const world = await study({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    // Everybody cosigned, but the enclave died before it sealed; somebody puts another "sealed model" of that receipt on the board.
    world.relay.hostile.keep = ({ jws }, party) => party !== 'enclave' || UNVERIFIED_kindOf(jws).kind !== 'SealedModel';
    await world.play();
    const [receipt] = world.published('RoundReceipt');
    const open = world.published('SessionOpen')[0];
    const challenged = world.published('SessionChallenge')[0];
    if (receipt === undefined || open === undefined || challenged === undefined) throw new Error('no receipt');
    world.relay.hostile.keep = () => true;
    const receiptKey = generateSigningKey();
    const challenge = await sign(
      'SessionChallenge',
      { ...challenged.value, receiptKey: receiptKey.publicKey },
      receiptKey,
    );
    const opened = await sign(
      'SessionOpen',
      { ...open.value, challenge: challenge.digest, receiptKey: receiptKey.publicKey },
      receiptKey,
    );
    const sealed = await sign(
      'SealedModel',
      {
        kind: 'SealedModel',
        version: 1,
        federation: world.federation.view.federation,
        study: world.plan.digest,
        session: opened.digest,
        receipt: receipt.digest,
        round: 1,
        checkpoint: receipt.value.checkpoint ?? '',
        ciphertext: { manifest: 'f0'.repeat(32), size: 1 },
        recipients: [{ site: 'a', encapsulation: 'A'.repeat(1494), wrappedKey: 'AAAA' }],
      },
      receiptKey,
    );
    for (const { jws } of [challenge, opened, sealed]) world.relay.forge(world.plan.digest, jws);
    for (const site of world.sites) site.duties.store = false;
    await world.restart();
    await world.play();
    await world.advance(600_000);
    for (const site of world.sites) await site.sync();
    await world.play();
    expect(world.published('SealedModel').length).toBeGreaterThan(1);
    expect(world.enclave.codes).toContain('study-complete');
  });
});

describe('the enclave works only', () => {
  it.each([
    ['of another measurement', { measurements: [{ platform: 'sevSnp' as const, measurement: 'cd'.repeat(48) }] }],
    ['of another name', { name: 'test-2' }],
    ['that has expired', { expires: '2026-11-20T00:00:00.000Z' }],
  ])('not under a release %s', async (_, change) => {
    const other = await World.create({ release: change });
    for (const site of other.sites) await site.approve();
    await other.sync();
    expect(other.published('SessionChallenge')).toEqual([]);
    expect(other.enclave.codes).toContain('waiting');
    const good = await signFakeRelease(other.federation, measurement);
    other.relay.forge('federation', good.jws);
    await other.sync();
    expect(other.published('SessionChallenge')).toHaveLength(1);
    await other.end();
  });

  it('not under a release that a stranger signed, or that was revoked', async () => {
    const world = await World.create({ release: { name: 'test-2' } });
    for (const site of world.sites) await site.approve();
    const stranger = await signFakeRelease({ ...world.federation, releaser: generateSigningKey() }, measurement);
    const revoked = await signFakeRelease(world.federation, measurement, { sourceCommit: '1'.repeat(40) });
    const revocation = await sign(
      'ReleaseRevocation',
      {
        kind: 'ReleaseRevocation',
        version: 1,
        release: revoked.digest,
        releaser: 'builder',
        revokedAt: '2026-11-20T00:00:00.000Z',
        reason: 'broken',
      },
      world.federation.releaser,
    );
    for (const { jws } of [revocation, revoked, stranger]) world.relay.forge('federation', jws);
    await world.sync();
    expect(world.published('SessionChallenge')).toEqual([]);
    await world.end();
  });

  it('on plans that a researcher of the federation signed', async () => {
    const world = await World.create();
    const researcher = { ...world.federation.researcher, signing: generateSigningKey() };
    const forged = await signFakePlan({ ...world.federation, researcher }, (plan) => ({ ...plan, title: 'Forged' }));
    world.relay.forge('federation', forged.jws);
    await world.settle();
    expect(world.enclave.log.filter(({ code }) => code === 'plan-ignored').map(({ cause }) => cause)).toContain(
      'jws-signer',
    );
    expect(world.enclave.loops).toBe(2);
    await world.end();
  });

  it.each([
    ['masking', 'plan-unsupported', { masking: { mode: 'masked' as const, threshold: 3 } }],
    [
      'a required GPU',
      'plan-unsupported',
      {
        attestation: {
          platforms: ['sevSnp' as const],
          gpu: 'required' as const,
          release: 'test-1',
          maxEvidenceAgeSeconds: 3600,
        },
      },
    ],
    [
      'sums that so fine a step could take beyond 64 bits',
      'newton-range',
      {
        training: { method: 'newton' as const, tolerance: '0.001' },
        strategy: { name: 'newton' as const },
        encoding: {
          update: { ring: 'int32' as const, stepLog2: -24, normBound: '10' },
          sums: { ring: 'int64' as const, stepLog2: -60 },
          paddingBytes: 4096,
        },
      },
    ],
    ['too few contributors', 'plan-minimum', { sites: { minimum: 2 } }],
    [
      'Multi-Krum among too few contributors',
      'plan-minimum',
      { strategy: { name: 'selectingRule' as const, rule: { kind: 'multiKrum' as const, select: 1 } } },
    ],
    ['a roster with foreign keys', 'plan-roster', { sites: { roster: [{ name: 'a', agent: 'f0'.repeat(32) }] } }],
  ])('not on a plan that asks for %s: %s', async (_, code, change) => {
    const world = await World.create({
      plan: (plan) => ({
        ...plan,
        ...change,
        sites: { ...plan.sites, ...('sites' in change ? merge(plan.sites, change.sites) : {}) },
      }),
    });
    await world.settle();
    expect(world.enclave.codes).toContain(code);
    expect(world.enclave.loops).toBe(1);
    await world.end();
  });
});

function merge<T extends { roster: readonly { name: string }[] }>(
  sites: T,
  change: Partial<Record<string, unknown>>,
): Partial<T> {
  const { roster, ...rest } = change;
  if (!Array.isArray(roster)) return { ...sites, ...rest };
  return {
    ...sites,
    ...rest,
    roster: sites.roster.map((entry) => roster.find(({ name }) => name === entry.name) ?? entry),
  };
}
