// One round in which every third hospital lies, each in its own way: each lie gets its exact code, and the sum is the honest ones' alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { flipBit } from '../fakes/bytes.ts';
import { generateEphemeralHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { signDocument } from '@wardround/protocol/jws';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import type { Payload } from '@wardround/protocol/payload';
import { contributionInfo } from '@wardround/protocol/seal-context';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import type { ContributionParts, FakeSite } from '../fakes/fake-site.ts';
import { World } from './world.ts';

type Order = Verified<'RoundOrder'>;
type Contribution = DocumentOf<'Contribution'>;

interface Lie {
  readonly what: string;
  readonly code: string;
  readonly tell: (site: FakeSite, order: Order) => Promise<unknown>;
}

const honest = ['honest-a', 'honest-b', 'honest-c', 'honest-d'];
const other = 'f0'.repeat(32);
/** A payload of three sealed chunks. The integers are in the first: a fault in a later one finds them already in the sum. */
const paddingBytes = 2 * 1024 * 1024 + 4096;

function changed(what: string, code: string, change: Partial<Contribution> | ((c: Contribution) => Contribution)): Lie {
  const apply = typeof change === 'function' ? change : (c: Contribution): Contribution => ({ ...c, ...change });
  return { what, code, tell: async (site, order) => await site.contribute(order, { change: apply }) };
}

function sealed(
  what: string,
  parts: ContributionParts | ((site: FakeSite, order: Order) => Promise<ContributionParts>),
): Lie {
  const tell: Lie['tell'] = async (site, order) =>
    await site.contribute(order, typeof parts === 'function' ? await parts(site, order) : parts);
  return { what, code: 'contribution-sealing', tell };
}

function tensors(what: string, change: (tensors: Contribution['tensors']) => Contribution['tensors']): Lie {
  return changed(what, 'contribution-tensors', (c) => ({ ...c, tensors: change(c.tensors) }));
}

const firstTensor =
  (change: Partial<Contribution['tensors'][number]>) =>
  (all: Contribution['tensors']): Contribution['tensors'] =>
    all.map((tensor, i) => (i === 0 ? { ...tensor, ...change } : tensor));

const flipIn =
  (index: number, bit: number) =>
  (chunks: readonly Bytes[]): readonly Bytes[] =>
    chunks.map((chunk, i) => (i === index ? flipBit(chunk, bit) : chunk));

function pick(chunks: readonly Bytes[], ...indices: readonly number[]): readonly Bytes[] {
  return indices.flatMap((index) => chunks[index] ?? []);
}

function withValues(site: FakeSite, value: number): Payload {
  const payload = site.payloadFor(1);
  return {
    ...payload,
    tensors: payload.tensors.map((t) => ({ ...t, values: new Int32Array(t.values.length).fill(value) })),
  };
}

async function copyOfAnother(site: FakeSite, order: Order): Promise<void> {
  await site.sync();
  const [victim] = site.records.of('Contribution').filter(({ value }) => value.site === 'honest-a');
  if (victim === undefined) throw new Error('the honest site has not contributed yet');
  const { encapsulation, ciphertext, payload } = victim.value;
  await site.contribute(order, { change: (c) => ({ ...c, encapsulation, ciphertext, payload }) });
}

async function manifestCutElsewhere(site: FakeSite, order: Order): Promise<void> {
  await site.contribute(order, {
    change: (c) => {
      const builder = new ManifestBuilder(1024 * 1024);
      for (let left = c.ciphertext.size; left > 0; left -= 1024 * 1024) {
        builder.addDigest(other, Math.min(left, 1024 * 1024));
      }
      const { bytes, ref } = builder.finish();
      void site.connection.chunks.put(ref.manifest, bytes);
      return { ...c, ciphertext: ref };
    },
  });
}

const lies: readonly Lie[] = [
  changed('an order of another session', 'contribution-order', { order: other }),
  changed('a contribution to another session', 'contribution-session', { session: other }),
  changed('another task', 'contribution-task', { task: 'evaluation' }),
  changed('another phase', 'contribution-task', { phase: 'maskedInput' }),
  changed('the next round', 'contribution-round', (c) => ({ ...c, round: c.round + 1 })),
  changed('another attempt', 'contribution-attempt', (c) => ({ ...c, attempt: c.attempt + 1 })),
  changed('another base model', 'contribution-base', { base: other }),
  changed('a weight it was not approved for', 'contribution-weight', (c) => ({ ...c, weight: c.weight * 2 })),
  changed('an approval that is not its own', 'contribution-approval', { approval: other }),
  {
    what: 'an approval that was withdrawn meanwhile',
    code: 'contribution-approval',
    tell: async (site, order) => {
      await site.withdraw();
      await site.contribute(order);
    },
  },
  tensors('the wrong shape', firstTensor({ shape: [4, 1] })),
  tensors('another integer type', firstTensor({ ring: 'int64' })),
  tensors('another step', firstTensor({ stepLog2: -20 })),
  tensors('its own weighting', firstTensor({ weighting: 'bySender' })),
  tensors('another name', firstTensor({ name: 'wait' })),
  tensors('a tensor less', (all) => all.slice(1)),
  tensors('tensors in another order', (all) => all.toReversed()),
  changed('another payload digest', 'contribution-payload', { payload: other }),
  {
    what: 'another size',
    code: 'contribution-size',
    tell: async (site, order) => await site.contribute(order, { paddingBytes: 4096 }),
  },
  {
    what: 'a stream without its last chunk',
    code: 'contribution-size',
    tell: async (site, order) => await site.contribute(order, { chunks: (chunks) => chunks.slice(0, -1) }),
  },
  { what: 'a manifest cut at other places', code: 'contribution-manifest', tell: manifestCutElsewhere },
  sealed('a bit flipped in the first chunk', { chunks: flipIn(0, 12_345) }),
  sealed('a bit flipped in the last chunk', { chunks: flipIn(2, 7) }),
  sealed('two chunks exchanged', { chunks: (chunks) => pick(chunks, 1, 0, 2) }),
  sealed('a chunk repeated in place of another', { chunks: (chunks) => pick(chunks, 0, 0, 2) }),
  sealed('a seal to another key', async () => ({ recipient: (await generateEphemeralHpkeKey()).publicKey })),
  sealed('a seal for another order', async (site) => {
    await Promise.resolve();
    return { info: contributionInfo({ order: other, site: site.name }) };
  }),
  sealed('padding that is not zero', { plain: (plain) => flipBit(plain, 8 * (plain.length - 1)) }),
  sealed('a header inside that is not the signed one', { plain: (plain) => flipBit(plain, 8 * 40) }),
  {
    what: 'another site’s sealed update under its own name',
    code: 'contribution-sealing',
    tell: copyOfAnother,
  },
  {
    what: 'an update beyond the norm',
    code: 'contribution-norm',
    tell: async (site, order) => await site.contribute(order, { payload: withValues(site, 2 ** 30) }),
  },
  {
    what: 'the extreme of the ring',
    code: 'contribution-norm',
    tell: async (site, order) => await site.contribute(order, { payload: withValues(site, -(2 ** 31)) }),
  },
];

const liarName = (index: number): string => `liar-${String(index).padStart(2, '0')}`;

describe('a round among liars', () => {
  let world: World;
  let order: Order;

  beforeAll(async () => {
    world = await World.approved({
      siteNames: [...honest, ...lies.map((_, i) => liarName(i))],
      plan: (plan) => ({ ...plan, rounds: 1, encoding: { ...plan.encoding, paddingBytes } }),
    });
    order = await world.playToOrder();
    for (const name of honest) await world.site(name).contribute(order);
    for (const [i, lie] of lies.entries()) await lie.tell(world.site(liarName(i)), order);
    for (const site of world.sites) site.duties = { ...site.duties, contribute: false };
    await world.settle();
    await world.advance(600_000);
    await world.play();
  }, 120_000);

  afterAll(async () => {
    await world.end();
  });

  it.each(lies.map((lie, i) => ({ ...lie, site: liarName(i) })))('refuses $what: $code', ({ code, site }) => {
    const refusals = world.published('ContributionRefusal').filter(({ value }) => value.site === site);
    expect(refusals.map(({ value }) => value.code)).toEqual([code]);
  });

  it('lets the honest sites go on: the round closes with exactly them', () => {
    const [receipt] = world.published('RoundReceipt');
    expect(receipt?.value.contributors.map(({ site }) => site)).toEqual(honest);
    const withdrawn = new Set(['no-contribution', 'contribution-refused']);
    expect(receipt?.value.absentees.every(({ code }) => withdrawn.has(code))).toBe(true);
    expect(receipt?.value.absentees).toHaveLength(lies.length);
  });

  it('leaves nothing of a refused update in the sums, to the bit', async () => {
    const alone = await World.approved({
      siteNames: [...honest, ...lies.map((_, i) => liarName(i))],
      plan: (plan) => ({ ...plan, rounds: 1, encoding: { ...plan.encoding, paddingBytes } }),
    });
    const first = await alone.playToOrder();
    for (const name of honest) await alone.site(name).contribute(first);
    for (const site of alone.sites) site.duties = { ...site.duties, contribute: false };
    await alone.settle();
    await alone.advance(600_000);
    await alone.play();
    const digest = (from: World): string | null | undefined => from.published('RoundReceipt')[0]?.value.checkpoint;
    expect(digest(world)).toBeDefined();
    expect(digest(world)).toBe(digest(alone));
    await alone.end();
  }, 120_000);

  it('says nothing of an update’s values, in no message', () => {
    const value = String(world.site('honest-a').payloadFor(1).tensors[0]?.values[0]);
    expect(value.length).toBeGreaterThan(3);
    expect(JSON.stringify(world.enclave.log)).not.toContain(value);
  });
});

describe('one honest site beside one that', () => {
  it('contributes twice: the first counts, the second is refused', async () => {
    const world = await World.approved();
    const order = await world.playToOrder();
    const [a] = world.sites;
    await a?.contribute(order);
    const second = await a?.contribute(order);
    await world.sync();
    expect(world.published('ContributionRefusal').map(({ value }) => [value.contribution, value.code])).toEqual([
      [second?.digest, 'contribution-repeated'],
    ]);
    await world.end();
  });

  it('contributes without end: one refusal for each order, and one for all that name none', async () => {
    const world = await World.approved();
    const order = await world.playToOrder();
    const [a, b, ...rest] = world.sites;
    for (const weight of [1, 2, 3, 4, 5]) {
      await a?.contribute(order, { change: (c) => ({ ...c, weight }) });
      await b?.contribute(order, { change: (c) => ({ ...c, order: String(weight).repeat(64) }) });
      await world.sync();
    }
    const refused = (): unknown[] =>
      world.published('ContributionRefusal').map(({ value }) => [value.site, value.code]);
    expect(refused()).toEqual([
      ['a', 'contribution-weight'],
      ['b', 'contribution-order'],
    ]);
    for (const site of [b, ...rest]) await site?.contribute(order);
    await world.play();
    expect(world.published('RoundReceipt')[0]?.value.contributors.map(({ site }) => site)).toEqual(['b', 'c', 'd']);
    expect(refused().filter((line) => String(line).startsWith('b'))).toHaveLength(1);
    await world.end();
  });

  it('contributes after the round closed', async () => {
    const world = await World.approved();
    const order = await world.playToOrder();
    for (const site of world.sites.slice(0, 3)) await site.contribute(order);
    await world.settle();
    await world.advance(600_000);
    await world.site('d').contribute(order);
    await world.sync();
    expect(world.published('RoundReceipt')[0]?.value.absentees).toEqual([{ site: 'd', code: 'no-contribution' }]);
    expect(world.published('ContributionRefusal').map(({ value }) => [value.site, value.code])).toEqual([
      ['d', 'contribution-late'],
    ]);
    await world.end();
  });

  it('uploads only after a while: asked again until it is there', async () => {
    const world = await World.approved();
    const order = await world.playToOrder();
    const [a, ...rest] = world.sites;
    for (const site of rest) await site.contribute(order);
    const before = new Set(world.relay.chunks.keys());
    await a?.contribute(order);
    const late = [...world.relay.chunks].filter(([digest]) => !before.has(digest));
    for (const [digest] of late) world.relay.loseChunk(digest);
    await world.sync();
    expect(world.published('RoundReceipt')).toEqual([]);
    for (const [digest, bytes] of late) await a?.connection.chunks.put(digest, bytes);
    await world.advance(5000);
    await world.sync();
    expect(world.published('RoundReceipt')[0]?.value.contributors).toHaveLength(4);
    await world.end();
  });

  it('never uploads: refused at the deadline, the others go on', async () => {
    const world = await World.approved();
    const order = await world.playToOrder();
    for (const site of world.sites) await site.contribute(order, site.name === 'b' ? { withhold: () => true } : {});
    await world.settle();
    await world.advance(600_000);
    await world.sync();
    expect(world.published('ContributionRefusal').map(({ value }) => [value.site, value.code])).toEqual([
      ['b', 'contribution-chunks'],
    ]);
    expect(world.published('RoundReceipt')[0]?.value.absentees).toEqual([{ site: 'b', code: 'contribution-refused' }]);
    await world.end();
  });
});

describe('records that nobody may publish', () => {
  it('are passed over: strangers, foreign keys, NaN', async () => {
    const world = await World.approved();
    const order = await world.playToOrder();
    const [a] = world.sites;
    if (a === undefined) throw new Error('no site');
    // Not a member at all; a member's name under a stranger's key; floats, which no schema can say, signed by hand.
    await a.contribute(order, { change: (c) => ({ ...c, site: 'stranger' }) });
    await a.contribute(order, { key: generateSigningKey() });
    const [good] = [await a.contribute(order)];
    const floats = { ...good.value, tensors: good.value.tensors.map((tensor) => ({ ...tensor, ring: 'float32' })) };
    world.relay.forge(
      world.plan.digest,
      await signDocument({ kind: 'Contribution', value: floats, key: a.keys.agent }),
    );
    world.relay.forge(world.plan.digest, 'not a record');
    await world.settle();
    const causes = world.enclave.log.filter(({ code }) => code === 'record-ignored').map(({ cause }) => String(cause));
    expect(causes.toSorted()).toEqual(['document-invalid', 'jws-format', 'jws-signer', 'record-roster']);
    await world.sync();
    expect(world.published('ContributionRefusal')).toEqual([]);
    await world.end();
  });
});
