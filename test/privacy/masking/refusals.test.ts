// One wrong field each, and the code that says so: what a site or the enclave does not take.
import { beforeAll, describe, expect, it } from 'vitest';
import { fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import { UNVERIFIED_peekDocument } from '@wardround/protocol/jws';
import { generateSigningKey } from '@wardround/protocol/keys';
import { type AttemptTerms, openAttempt } from '@wardround/privacy/masking/attempt';
import { MaskingAggregator } from '@wardround/privacy/masking/masking-aggregator';
import { MaskingSite } from '@wardround/privacy/masking/masking-site';
import {
  digestOfAll,
  hearAll,
  maskRevealSchema,
  type MaskReveal,
  type MaskShares,
  maskSharesSchema,
  say,
} from '@wardround/privacy/masking/messages';
import { maskKeysSchema, type MaskKeys, survivorSetSchema } from '@wardround/protocol/documents/round';
import { addTensors } from '@wardround/privacy/masking/ring-tensors';
import { joinShares } from '@wardround/privacy/masking/secret-sharing';
import {
  agentOf,
  aggregatorOf,
  attemptOf,
  codeOf,
  inputOf,
  must,
  place,
  type Placed,
  portsOf,
  prepare,
  type Prepared,
  restarted,
  sumOf,
} from './world.ts';

const attempt = attemptOf(4, { colluding: 1 });
let prepared: Prepared;
let other: Prepared;

beforeAll(async () => {
  prepared = await prepare(attempt);
  other = await prepare(attemptOf(4, { colluding: 1, session: '2'.repeat(64) }));
}, 60_000);

const names = attempt.members.map(({ name }) => name);
const [a, b] = [must(names[0]), must(names[1])];

async function keysOf(change: Partial<MaskKeys>, signer = a): Promise<string> {
  const value = maskKeysSchema.parse(UNVERIFIED_peekDocument(must(prepared.keys[0])).value);
  return await say('MaskKeys', { ...value, ...change }, agentOf(signer));
}

async function sharesOf(change: Partial<MaskShares>, signer = a): Promise<string> {
  const value = maskSharesSchema.parse(UNVERIFIED_peekDocument(must(prepared.shares[0])).value);
  return await say('MaskShares', { ...value, ...change }, agentOf(signer));
}

describe('an attempt', () => {
  const terms = (change: Partial<AttemptTerms>): AttemptTerms => ({ ...attempt, ...change });
  it.each<[string, Partial<AttemptTerms>]>([
    ['masking-members', { members: attempt.members.slice(0, 1) }],
    ['masking-members', { members: [...attempt.members].toReversed() }],
    ['masking-members', { members: [must(attempt.members[0]), ...attempt.members] }],
    ['masking-members', { members: attempt.members.map(({ name }) => ({ name, key: agentOf(a).publicKey })) }],
    ['masking-threshold', { threshold: 2 }],
    ['masking-threshold', { threshold: 5 }],
    ['masking-threshold', { threshold: 3.5 }],
    ['masking-minimum', { minimum: 2 }],
    ['masking-minimum', { minimum: 5 }],
  ])('%s', async (code, change) => {
    expect(await codeOf(() => openAttempt(terms(change)))).toBe(code);
  });

  it('is named by each of its terms', () => {
    const changes: Partial<AttemptTerms>[] = [
      { federation: '9'.repeat(64) },
      { study: '9'.repeat(64) },
      { session: '9'.repeat(64) },
      { order: '9'.repeat(64) },
      { round: 4 },
      { attempt: 2 },
      { threshold: 4 },
      { minimum: 4 },
    ];
    const digests = new Set([{}, ...changes].map((change) => openAttempt(terms(change)).digest));
    expect(digests.size).toBe(changes.length + 1);
  });
});

describe('mask keys that the enclave does not take', () => {
  it.each<[string, () => string | Promise<string>]>([
    ['masking-context', () => must(other.keys[0])],
    ['masking-context', () => keysOf({ federation: '9'.repeat(64) })],
    ['masking-context', () => keysOf({ study: '9'.repeat(64) })],
    ['masking-context', () => keysOf({ session: '9'.repeat(64) })],
    ['masking-context', () => keysOf({ order: '9'.repeat(64) })],
    ['masking-signer', () => keysOf({ site: b })],
    ['masking-signer', () => keysOf({ site: 'site-z' })],
    ['masking-signer', () => keysOf({}, b)],
    ['jws-signer', () => keysOf({}, 'site-l')],
    ['jws-format', () => 'unsigned'],
    ['jws-format', () => Buffer.from(JSON.stringify({ kind: 'MaskKeys' })).toString('base64url')],
    ['jws-signature', () => unsigned(must(prepared.keys[0]))],
    ['jws-typ', () => must(prepared.shares[0])],
  ])('%s', async (code, forge) => {
    const jws = await forge();
    expect(await codeOf(() => new MaskingAggregator(attempt).acceptKeys(jws))).toBe(code);
    const site = (await place(attempt, b)).site;
    expect(await codeOf(() => site.shares([jws, site.keys, ...prepared.keys.slice(2)]))).toBe(code);
  });

  it('twice, or one site with the keys of another', async () => {
    const enclave = new MaskingAggregator(attempt);
    await enclave.acceptKeys(must(prepared.keys[0]));
    expect(await codeOf(() => enclave.acceptKeys(must(prepared.keys[0])))).toBe('masking-duplicate');
    const copied = await keysOf({ site: b }, b);
    expect(await codeOf(() => enclave.acceptKeys(copied))).toBe('masking-keys-shared');
    expect(await codeOf(() => enclave.closeKeys())).toBe('masking-too-few');
    expect(await codeOf(() => enclave.acceptShares(must(prepared.shares[0])))).toBe('masking-phase');
  });
});

/** The signature is there, and is not one. */
function unsigned(jws: string): string {
  const [header, payload] = jws.split('.');
  return `${header}.${payload}.${toBase64Url(new Uint8Array(64))}`;
}

describe('keys and shares that a site does not take', () => {
  it('without its own, too few, twice, or copied', async () => {
    const { site } = await place(attempt, b);
    const [first, , third, fourth] = prepared.keys;
    const all = [must(first), site.keys, must(third), must(fourth)];
    expect(await codeOf(() => site.shares(prepared.keys))).toBe('masking-absent');
    expect(await codeOf(() => site.shares(all.slice(0, 2)))).toBe('masking-too-few');
    expect(await codeOf(() => site.shares([...all, must(first)]))).toBe('masking-duplicate');
    const copy = await keysOf({ site: must(names[2]) }, must(names[2]));
    expect(await codeOf(() => site.shares([must(first), site.keys, copy]))).toBe('masking-keys-shared');
    expect(await codeOf(() => site.receive(prepared.shares))).toBe('masking-phase');
  });

  it('shares that are another’s, of another attempt, or not what was committed to', async () => {
    const victim = must(prepared.sites[1]);
    const forget = (): MaskingSite => withoutReceived(victim);
    const value = maskSharesSchema.parse(UNVERIFIED_peekDocument(must(prepared.shares[0])).value);
    const packets = value.packets.map((packet) => (packet.site === b ? { ...packet, ...swapped(value) } : packet));
    const garbled = value.packets.map((packet) =>
      packet.site === b ? { ...packet, shares: { ...packet.shares, ciphertext: 'AAAA' } } : packet,
    );
    const seedless = value.packets.map((packet) => (packet.site === b ? { ...packet, seed: null } : packet));
    const otherSeed = value.packets.map((packet) =>
      packet.site === b ? { ...packet, seed: must(value.packets[1]).seed } : packet,
    );
    const committed = value.commitments.map((one) => (one.site === b ? { ...one, self: '0'.repeat(64) } : one));
    const cases: [string, string][] = [
      ['masking-context', must(other.shares[0])],
      ['masking-context', await sharesOf({ attempt: '9'.repeat(64) })],
      ['masking-signer', await sharesOf({}, b)],
      ['masking-keys-differ', await sharesOf({ keys: '9'.repeat(64) })],
      ['masking-share-peers', await sharesOf({ packets: value.packets.slice(1) })],
      ['masking-share-peers', await sharesOf({ commitments: value.commitments.slice(1) })],
      ['masking-share-peers', await sharesOf({ packets: seedless })],
      ['document-invalid', await sharesOf({ packets: [...value.packets, ...value.packets] })],
      ['seal-open', await sharesOf({ packets })],
      ['seal-open', await sharesOf({ packets: garbled })],
      ['seal-open', await sharesOf({ packets: otherSeed })],
      ['masking-share-wrong', await sharesOf({ commitments: committed })],
    ];
    for (const [code, jws] of cases) {
      const rest = prepared.shares.slice(1);
      expect(await codeOf(() => forget().receive([jws, ...rest]))).toBe(code);
    }
    expect(await codeOf(() => forget().receive([...prepared.shares, must(prepared.shares[2])]))).toBe(
      'masking-duplicate',
    );
    expect(await codeOf(() => forget().receive(prepared.shares.slice(0, 2)))).toBe('masking-too-few');
    expect(await codeOf(() => forget().receive(prepared.shares.filter((_, i) => i !== 1)))).toBe('masking-absent');
    expect(await codeOf(() => forget().receive(prepared.shares))).toBe('accepted');
  });
});

/** What was sealed to a third site, handed to b. */
function swapped({ packets }: MaskShares): Pick<MaskShares['packets'][number], 'shares'> {
  return { shares: must(packets[1]).shares };
}

function withoutReceived(placed: Placed): MaskingSite {
  const state = JSON.parse(Buffer.from(placed.disk.state).toString()) as Record<string, unknown>;
  const bytes = Buffer.from(JSON.stringify({ ...state, received: null }));
  return restarted(attempt, { ...placed, disk: { state: bytes } }).site;
}

describe('what a site does not mask, sign or reveal', () => {
  it('before its turn, with wrong tensors, for wrong survivors', async () => {
    const { site } = await place(attempt, b);
    expect(await codeOf(() => site.mask(inputOf(b)))).toBe('masking-phase');
    expect(await codeOf(() => site.signSurvivors(names))).toBe('masking-phase');
    expect(await codeOf(() => site.reveal([]))).toBe('masking-phase');
    const ready = restarted(attempt, must(prepared.sites[1])).site;
    expect(await codeOf(() => ready.mask([]))).toBe('masking-tensors');
    expect(await codeOf(() => ready.mask([...inputOf(b), ...inputOf(b)]))).toBe('masking-tensors');
    expect(await codeOf(() => ready.signSurvivors(names))).toBe('masking-survivors');
    await ready.mask(inputOf(b));
    expect(await codeOf(() => ready.signSurvivors([...names].toReversed()))).toBe('masking-survivors');
    expect(await codeOf(() => ready.signSurvivors([...names, 'site-z']))).toBe('masking-survivors');
    expect(await codeOf(() => ready.signSurvivors(names.slice(0, 2)))).toBe('masking-too-few');
    const refuse = (): void => {
      throw new TypeError('the peers that this site counts are too few');
    };
    const picky = restarted(attempt, must(prepared.sites[0]), { accept: refuse }).site;
    await picky.mask(inputOf(a));
    await expect(picky.signSurvivors(names)).rejects.toThrow(TypeError);
    expect(await codeOf(() => picky.reveal([]))).toBe('masking-phase');
  });

  it('after it agreed that it dropped out', async () => {
    const { site } = restarted(attempt, must(prepared.sites[3]));
    await site.signSurvivors(names.slice(0, 3));
    expect(await codeOf(() => site.mask(inputOf(must(names[3]))))).toBe('masking-phase');
  });

  it('with another site’s key, or from another attempt’s state', async () => {
    const agent = generateSigningKey();
    expect(await codeOf(() => MaskingSite.begin(portsOf(attempt, a, { agent })))).toBe('masking-signer');
    const { state } = must(prepared.sites[0]).disk;
    expect(await codeOf(() => MaskingSite.resume(portsOf(other.attempt, a), state))).toBe('masking-context');
    expect(await codeOf(() => MaskingSite.resume(portsOf(attempt, b), state))).toBe('masking-context');
    for (const length of [0, 1, state.length - 1]) {
      expect(await codeOf(() => MaskingSite.resume(portsOf(attempt, a), state.subarray(0, length)))).toBe(
        'masking-state',
      );
    }
  });
});

describe('what the enclave does not take after the inputs', () => {
  it('inputs of strangers, twice or late; survivor sets that are not its own; reveals with one thing wrong', async () => {
    const sites = prepared.sites.map((placed) => restarted(attempt, placed));
    const enclave = await aggregatorOf(prepared);
    const alive = sites.slice(0, 3);
    for (const { name, site } of alive) {
      await site.mask(inputOf(name));
      enclave.receive(name);
    }
    expect(await codeOf(() => enclave.receive('site-z'))).toBe('masking-absent');
    expect(await codeOf(() => enclave.receive(a))).toBe('masking-duplicate');
    const survivors = enclave.closeInputs();
    expect(await codeOf(() => enclave.receive(must(names[3])))).toBe('masking-phase');

    const sets = await Promise.all(alive.map(({ site }) => site.signSurvivors(survivors)));
    const signed = survivorSetSchema.parse(UNVERIFIED_peekDocument(must(sets[0])).value);
    const another = await say('SurvivorSet', { ...signed, survivors: names }, agentOf(a));
    const elsewhere = await say('SurvivorSet', { ...signed, session: '9'.repeat(64) }, agentOf(a));
    expect(await codeOf(() => enclave.acceptSurvivorSet(another))).toBe('masking-survivors-differ');
    expect(await codeOf(() => enclave.acceptSurvivorSet(elsewhere))).toBe('masking-context');
    await enclave.acceptSurvivorSet(must(sets[0]));
    expect(await codeOf(() => enclave.acceptSurvivorSet(must(sets[0])))).toBe('masking-duplicate');
    expect(await codeOf(() => enclave.survivorSets())).toBe('masking-quorum');
    for (const set of sets.slice(1)) await enclave.acceptSurvivorSet(set);

    const reveals = await Promise.all(alive.map(({ site }) => site.reveal(sets)));
    const honest = maskRevealSchema.parse(UNVERIFIED_peekDocument(must(reveals[0])).value);
    const said = async (change: Partial<MaskReveal>): Promise<string> =>
      await say('MaskReveal', { ...honest, ...change }, agentOf(a));
    const withShare = (i: number, change: Partial<MaskReveal['shares'][number]>): MaskReveal['shares'] =>
      honest.shares.map((share, j) => (i === j ? { ...share, ...change } : share));
    const bytes = fromBase64Url(must(honest.shares[1]).share);
    const flipped = Uint8Array.from(bytes, (byte, i) => (i === 7 ? byte ^ 1 : byte));
    const cases: [string, string][] = [
      ['masking-context', await said({ attempt: other.attempt.digest })],
      ['masking-survivors-differ', await said({ survivors: '9'.repeat(64) })],
      ['masking-reveal-peers', await said({ shares: honest.shares.slice(1) })],
      ['document-invalid', await said({ shares: [must(honest.shares[0]), ...honest.shares] })],
      ['masking-share-kind', await said({ shares: withShare(1, { of: 'root' }) })],
      ['masking-share-kind', await said({ shares: withShare(3, { of: 'self' }) })],
      ['masking-share-length', await said({ shares: withShare(1, { share: toBase64Url(bytes.subarray(1)) }) })],
      ['masking-share-length', await said({ shares: withShare(1, { share: '' }) })],
      ['masking-share-length', await said({ shares: withShare(1, { share: 'A' }) })],
      ['masking-share-wrong', await said({ shares: withShare(1, { share: toBase64Url(flipped) }) })],
      ['masking-share-wrong', await said({ shares: withShare(1, { share: must(honest.shares[2]).share }) })],
      ['masking-signer', await say('MaskReveal', honest, agentOf(b))],
    ];
    for (const [code, jws] of cases) expect(await codeOf(() => enclave.acceptReveal(jws))).toBe(code);

    for (const reveal of reveals.slice(0, 2)) await enclave.acceptReveal(reveal);
    expect(await codeOf(() => enclave.acceptReveal(must(reveals[0])))).toBe('masking-duplicate');
    const masked = sumOf(await Promise.all(alive.map(async ({ name }) => await remask(name))));
    expect(await codeOf(() => enclave.unmask(masked))).toBe('masking-shares-few');
    expect(enclave.ready).toBe(false);
    await enclave.acceptReveal(must(reveals[2]));
    expect(enclave.ready).toBe(true);
    expect(await enclave.unmask(masked)).toEqual(sumOf(alive.map(({ name }) => inputOf(name))));
    expect(await codeOf(() => enclave.unmask(masked))).toBe('masking-phase');
  });
});

async function remask(name: string): Promise<ReturnType<typeof inputOf>> {
  const placed = must(prepared.sites.find((one) => one.name === name));
  return await restarted(attempt, placed).site.mask(inputOf(name));
}

describe('a dealer that commits to something else than it deals', () => {
  it('is named when its seed is put together', async () => {
    const began = await Promise.all(names.map((name) => place(attempt, name)));
    const keys = began.map(({ site }) => site.keys);
    const shares = await Promise.all(began.map(({ site }) => site.shares(keys)));
    const honest = maskSharesSchema.parse(UNVERIFIED_peekDocument(must(shares[0])).value);
    const lied = await say('MaskShares', { ...honest, self: '0'.repeat(64) }, agentOf(a));
    const told = [lied, ...shares.slice(1)];
    const others = began.slice(1);
    for (const { site } of others) await site.receive(told);
    const enclave = await aggregatorOf({ attempt, sites: began, keys, shares: told });
    for (const { name, site } of others) {
      await site.mask(inputOf(name));
      enclave.receive(name);
    }
    enclave.receive(a);
    const survivors = enclave.closeInputs();
    for (const { site } of others) await enclave.acceptSurvivorSet(await site.signSurvivors(survivors));
    for (const { site } of others) await enclave.acceptReveal(await site.reveal(enclave.survivorSets()));
    await expect(enclave.unmask(inputOf(a))).rejects.toMatchObject({ code: 'masking-dealer', got: a });
  });
});

describe('shares', () => {
  it.each<[string, Uint8Array[]]>([
    ['masking-shares-few', []],
    ['masking-shares-few', [new Uint8Array(33).fill(1)]],
    ['masking-share-length', [new Uint8Array(32).fill(1), new Uint8Array(33).fill(2)]],
    ['masking-share-point', [new Uint8Array(33).fill(1), new Uint8Array(33).fill(1)]],
    ['masking-share-point', [new Uint8Array(33), new Uint8Array(33).fill(1)]],
  ])('%s', async (code, shares) => {
    expect(await codeOf(() => joinShares(shares, 2))).toBe(code);
  });
});

it('tensors of other names or lengths are not added', async () => {
  const sum = inputOf(a);
  expect(await codeOf(() => addTensors(sum, inputOf(a).toReversed()))).toBe('masking-tensors');
  expect(await codeOf(() => addTensors(sum, inputOf(a).slice(1)))).toBe('masking-tensors');
  const short = inputOf(a).map(({ name, values }) => ({ name, values: values.slice(1) }));
  expect(await codeOf(() => addTensors(sum, short))).toBe('masking-tensors');
});

it('the order in which messages come names nothing', async () => {
  const keys = await hearAll('MaskKeys', prepared.keys, attempt);
  expect(digestOfAll(keys.toReversed())).toBe(digestOfAll(keys));
});
