// A vault and rounds that were cosigned by some and closed by nobody: it contributes to them the same integers and no others.
import { afterEach, describe, expect, it } from 'vitest';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { FakeEnclave } from '../fakes/fake-enclave.ts';
import { hex, VaultWorld, type Wrap } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

type Receipt = Verified<'RoundReceipt'>;

async function begin(): Promise<{ enclave: FakeEnclave; order: Verified<'RoundOrder'> }> {
  world = await (await VaultWorld.create()).approved();
  const enclave = world.enclave();
  await world.session(enclave);
  const order = await enclave.order();
  await world.pumpAll();
  return { enclave, order };
}

const cosigning = (names: readonly string[]): void => {
  for (const peer of world.peers) peer.duties.cosign = names.includes(peer.name);
};

function hideFromVault({ jws }: Pick<Receipt, 'jws'>): void {
  world.relay.hostile.show = (record, party) => (party === 'a' && record.jws === jws ? [] : [record]);
}

const showAll = (): void => {
  world.relay.hostile.show = (record) => [record];
};

async function payloadOfA(enclave: FakeEnclave, order: Verified<'RoundOrder'>): Promise<string | undefined> {
  return (await enclave.openAll(order)).find(({ site }) => site === 'a')?.payload;
}

describe('a receipt that one site cosigned and others may have', () => {
  it('is rolled forward with the same integers by a site that never cosigned it', async () => {
    const { enclave, order } = await begin();
    const before = await payloadOfA(enclave, order);
    cosigning(['b']);
    const receipt = await enclave.receipt(order);
    hideFromVault(receipt);
    await world.pumpAll();
    // Back after hours: the first session's evidence is too old to cosign in it.
    showAll();
    world.now = new Date(world.now.getTime() + 2 * 3_600_000);
    await world.startVault();
    for (const peer of world.peers) peer.duties.state = peer.name !== 'd';
    const next = world.enclave();
    next.receipts = [receipt];
    await world.session(next, receipt);
    expect(world.said('Cosignature')).toEqual([]);
    const again = await next.order({ round: 1, rollsForward: receipt.digest });
    await world.pumpAll();
    expect(await payloadOfA(next, again)).toBe(before);
    expect(world.trainings).toBe(1);
    cosigning(['b', 'c', 'd']);
    const rolled = await next.receipt(again);
    await world.pumpAll();
    expect(world.said('Cosignature').map(({ receipt: cosigned }) => cosigned)).toEqual([rolled.digest]);
  });

  it('is not rolled forward where the session resumes elsewhere', async () => {
    const { enclave, order } = await begin();
    cosigning([]);
    const receipt = await enclave.receipt(order);
    hideFromVault(receipt);
    const next = world.enclave();
    next.receipts = [receipt];
    await world.session(next);
    await next.order({ round: 1, rollsForward: receipt.digest });
    await world.pumpAll();
    expect(world.checks()).toEqual(['order-refused order-roll-forward']);
    expect(world.said('Contribution')).toHaveLength(1);
  });

  it('beside another that this site cosigned gets the same integers, and never its cosignature', async () => {
    const { enclave, order } = await begin();
    const before = await payloadOfA(enclave, order);
    cosigning([]);
    const own = await enclave.receipt(order);
    await world.pump();
    hideFromPeers(own);
    // Three of four name nothing: the round is run again, to another result, which b and c cosign.
    const second = world.enclave();
    await world.session(second);
    const retried = await second.order({ round: 1 });
    await world.pumpAll();
    cosigning(['b', 'c']);
    const other = await second.receipt(retried, { checkpoint: hex('other result') });
    await world.pumpAll();
    const third = world.enclave();
    third.receipts = [other];
    await world.session(third, other);
    const again = await third.order({ round: 1, rollsForward: other.digest });
    await world.pumpAll();
    expect(await payloadOfA(third, again)).toBe(before);
    await third.receipt(again, { checkpoint: hex('other result') });
    await world.pumpAll();
    expect(world.said('Cosignature').map(({ receipt }) => receipt)).toEqual([own.digest]);
  });
});

function hideFromPeers({ jws }: Pick<Receipt, 'jws'>): void {
  world.relay.hostile.show = (record, party) =>
    party !== 'a' && party !== 'enclave' && record.jws === jws ? [] : [record];
}

/** Uploads that arrive, and of which the vault is told that they did not. */
class Lossy {
  lost = false;

  readonly wrap: Wrap = (port, target) =>
    new Proxy(target, {
      get: (object, key) => {
        const member: unknown = Reflect.get(object, key, object);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          const result: unknown = Reflect.apply(member, object, args);
          return this.lost && port === 'outlet' && key === 'upload' ? this.#lose(result) : result;
        };
      },
    });

  async #lose(result: unknown): Promise<never> {
    await result;
    throw new WardroundError('connection-lost', 'the connection is lost', { action: 'retry' });
  }
}

describe('an order', () => {
  it('gets one payload, though an older receipt of the round comes between sealing and saying so', async () => {
    const connection = new Lossy();
    world = await (await VaultWorld.create()).approved(connection.wrap);
    const enclave = world.enclave();
    await world.session(enclave);
    const order = await enclave.order();
    await world.pumpAll();
    const first = await payloadOfA(enclave, order);
    cosigning([]);
    const older = await enclave.receipt(order);
    hideFromVault(older);
    const next = world.enclave();
    await world.session(next);
    const retried = await next.order({ round: 1 });
    connection.lost = true;
    await world.pumpAll();
    connection.lost = false;
    const sealed = (): readonly (string | undefined)[] =>
      world.state
        ?.sealings(world.study)
        .flatMap(({ order: of, payload }) => (of === retried.digest ? [payload] : [])) ?? [];
    const [begun] = sealed();
    expect(begun).not.toBe(first);
    // The coordinator shows the older receipt now: the site cosigns it, and owes its round only what it counts.
    showAll();
    await world.pumpAll();
    expect(world.said('Cosignature').map(({ receipt }) => receipt)).toEqual([older.digest]);
    expect(world.checks()).toEqual(['order-refused order-payload']);
    expect(world.said('Contribution').map(({ payload }) => payload)).toEqual([first]);
    expect(sealed()).toEqual([begun]);
    const third = await next.order({ round: 1 });
    await world.pumpAll();
    expect(await payloadOfA(next, third)).toBe(first);
  });
});
