// Where an enclave goes on when sites lie about what they cosigned, cosign late, or are away: nothing closed is lost, nothing stops for a lie.
import { afterEach, describe, expect, it } from 'vitest';
import { generateSigningKey } from '@wardround/protocol/keys';
import { UNVERIFIED_kindOf, type Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { World } from './world.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

type Receipt = Verified<'RoundReceipt'>;

async function study(change: (plan: StudyPlan) => StudyPlan = (plan) => ({ ...plan, rounds: 1 })): Promise<World> {
  const world = await World.approved({ plan: change });
  worlds.push(world);
  return world;
}

function receiptOf(world: World, index: number): Receipt {
  const receipt = world.published('RoundReceipt')[index];
  if (receipt === undefined) throw new Error('no receipt');
  return receipt;
}

/** A first receipt that nobody cosigned yet and that b, c and d never see; who cosigns it all the same is told by the test. */
async function hiddenReceipt(world: World): Promise<Receipt> {
  let first: string | null = null;
  world.site('a').duties.cosign = false;
  world.relay.hostile.show = (record, party) => {
    if (UNVERIFIED_kindOf(record.jws).kind !== 'RoundReceipt' || ['a', 'enclave'].includes(party)) return [record];
    first ??= record.jws;
    return record.jws === first ? [] : [record];
  };
  await world.play();
  return receiptOf(world, 0);
}

/** Site a trains anew in each round that is run again, so that its results differ. */
function trainsDifferently(world: World): void {
  const a = world.site('a');
  a.payloads.clear();
  a.training = (_, tensors) => tensors.map(({ shape }) => new Int32Array(shape.reduce((x, y) => x * y, 1)).fill(5));
}

const states = (world: World, duty: boolean): void => {
  for (const site of world.sites) site.duties.state = duty;
};

/** The sites named say where they stand; nobody else is heard. */
async function restartWith(world: World, said: (challenge: string) => Promise<void>): Promise<void> {
  states(world, false);
  await world.restart();
  await world.play();
  await said(world.published('SessionChallenge').at(-1)?.digest ?? '');
  await world.play();
  await world.advance(1000);
  await world.play();
}

describe('a new session', () => {
  it('goes on from a closed round, though a cosigner denies it, another is away and the cosignatures are hidden', async () => {
    const world = await study();
    const receipt = await hiddenReceipt(world);
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => world.site(name));
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four sites');
    const cosignatures: string[] = [];
    for (const site of [a, b, d]) {
      await site.cosign(receipt);
      cosignatures.push(world.relay.records.at(-1)?.jws ?? '');
    }
    world.relay.hostile.show = ((shown) => (record, party) =>
      cosignatures.includes(record.jws) ? [] : shown(record, party))(world.relay.hostile.show);
    d.online = false;
    await restartWith(world, async (challenge) => {
      await a.state(challenge);
      await b.state(challenge, { newestReceipt: null });
      await c.state(challenge);
    });
    const open = world.published('SessionOpen').at(-1);
    expect(open?.value.resumesFrom?.receipt).toBe(receipt.digest);
    const orders = world.published('RoundOrder').filter(({ value }) => value.session === open?.digest);
    expect(orders.map(({ value }) => value.rollsForward)).toEqual([receipt.digest]);
  });

  it('is not led on by a receipt that a site issued itself over what others contributed to a true order', async () => {
    const world = await study();
    const receipt = await hiddenReceipt(world);
    // Honest sites cosign nothing of a session that they did not verify; these verify none.
    for (const site of world.sites) site.duties.cosign = false;
    const d = world.site('d');
    const key = generateSigningKey();
    const [challenge] = world.published('SessionChallenge');
    const [open] = world.published('SessionOpen');
    if (challenge === undefined || open === undefined) throw new Error('no session');
    const own = await d.publish('SessionChallenge', { ...challenge.value, receiptKey: key.publicKey }, key);
    const session = await d.publish(
      'SessionOpen',
      { ...open.value, challenge: own.digest, receiptKey: key.publicKey },
      key,
    );
    const checkpoint = 'ab'.repeat(32);
    const forged = await d.publish('RoundReceipt', { ...receipt.value, session: session.digest, checkpoint }, key);
    const sessions = world.published('SessionOpen').length;
    await restartWith(world, async (challenged) => {
      for (const name of ['a', 'b']) await world.site(name).state(challenged);
      await d.state(challenged, { newestReceipt: { receipt: forged.digest, round: 1, checkpoint } });
    });
    expect(world.enclave.codes).toContain('receipt-unknown');
    await world.sync();
    expect(world.published('SessionOpen').slice(sessions)).toHaveLength(1);
    await world.site('c').state(world.published('SessionChallenge').at(-1)?.digest ?? '');
    await world.sync();
    expect(world.published('SessionOpen').at(-1)?.value.resumesFrom).toBeNull();
    expect(world.published('RoundOrder').at(-1)?.value.rollsForward).toBeNull();
  });

  it('waits, and stops nothing, where statements vouch for two results without proof', async () => {
    const world = await study();
    states(world, false);
    await world.play();
    const challenge = world.published('SessionChallenge')[0]?.digest ?? '';
    for (const [i, site] of world.sites.entries()) {
      const variant = (i < 2 ? 'ab' : 'cd').repeat(32);
      await site.state(challenge, { newestReceipt: { receipt: variant, round: 1, checkpoint: variant } });
    }
    await world.sync();
    expect(world.enclave.codes.filter((code) => code === 'receipt-undecided')).toHaveLength(1);
    expect([...world.published('SessionOpen'), ...world.published('StudyStop')]).toEqual([]);
  });

  it('sees no fork where a liar and one honest site vouch for an uncosigned result beside the closed one', async () => {
    const world = await study();
    const other = await hiddenReceipt(world);
    trainsDifferently(world);
    await world.restart();
    await world.play();
    const closed = receiptOf(world, 1);
    expect(closed.value.checkpoint).not.toBe(other.value.checkpoint);
    const vouch = (receipt: Receipt): { receipt: string; round: number; checkpoint: string } => ({
      receipt: receipt.digest,
      round: 1,
      checkpoint: receipt.value.checkpoint ?? '',
    });
    await restartWith(world, async (challenge) => {
      for (const site of world.sites) {
        const said = ['a', 'b'].includes(site.name) ? closed : other;
        await site.state(challenge, { newestReceipt: vouch(said), held: [] });
      }
    });
    expect(world.published('StudyStop')).toEqual([]);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('stops where quorums cosigned two results of one round', async () => {
    const world = await study((plan) => plan);
    const first = await hiddenReceipt(world);
    trainsDifferently(world);
    for (const site of world.sites) site.duties.store = false;
    await world.restart();
    await world.play();
    expect(receiptOf(world, 1).value.checkpoint).not.toBe(first.value.checkpoint);
    for (const name of ['b', 'c', 'd']) await world.site(name).cosign(first);
    await world.restart();
    await world.play();
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['receipt-fork']);
  });

  it('is followed by another where an older result gets its quorum after the statements', async () => {
    const world = await study();
    const receipt = await hiddenReceipt(world);
    for (const site of world.sites) site.duties.contribute = false;
    await world.restart();
    await world.play();
    expect(world.published('SessionOpen').at(-1)?.value.resumesFrom).toBeNull();
    for (const name of ['a', 'b', 'c']) await world.site(name).cosign(receipt);
    await world.settle();
    for (const site of world.sites) site.duties.contribute = true;
    await world.advance(600_000);
    await world.play();
    await world.advance(600_000);
    await world.play();
    expect(world.published('SessionOpen').at(-1)?.value.resumesFrom?.receipt).toBe(receipt.digest);
    const receipts = world.published('RoundReceipt').map(({ value }) => value.checkpoint);
    expect(new Set(receipts)).toEqual(new Set([receipt.value.checkpoint]));
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('asks again where a round that no quorum is known to have cosigned cannot be rolled forward, and passes it over when all are heard', async () => {
    const world = await study();
    const receipt = await hiddenReceipt(world);
    trainsDifferently(world);
    world.site('d').online = false;
    await world.site('a').cosign(receipt);
    await world.restart();
    for (let i = 0; i < 5; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    expect(world.published('SessionOpen').at(-1)?.value.resumesFrom?.receipt).toBe(receipt.digest);
    expect(world.enclave.codes).toContain('roll-forward-impossible');
    world.site('d').online = true;
    for (let i = 0; i < 5; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    expect(world.published('StudyStop')).toEqual([]);
    expect(world.published('SessionOpen').at(-1)?.value.resumesFrom).toBeNull();
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('stops where such a round has so many cosigners that q others cannot be found', async () => {
    const world = await study();
    const receipt = await hiddenReceipt(world);
    for (const name of ['a', 'b']) await world.site(name).cosign(receipt);
    world.site('d').duties.contribute = false;
    await world.restart();
    for (let i = 0; i < 4; i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    await world.sync();
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual(['roll-forward-impossible']);
  });

  it('makes a round again that f liars say they hold and return to nobody', async () => {
    const world = await study();
    const receipt = await hiddenReceipt(world);
    for (const site of world.sites) await site.cosign(receipt);
    const d = world.site('d');
    await restartWith(world, async (challenge) => {
      for (const site of world.sites.filter((one) => one !== d)) await site.state(challenge);
      await d.state(challenge, { held: [{ round: 1, checkpoint: receipt.value.checkpoint ?? '' }] });
    });
    for (let i = 0; i < 4; i += 1) {
      await world.advance(600_000);
      await world.play();
    }
    expect(world.published('StudyStop')).toEqual([]);
    expect(world.enclave.codes).toContain('study-complete');
  });
});
