// A coordinator, or one site, that floods the federation's topic: what the book keeps of it is bounded, and the genuine records go through.
import { describe, expect, it, vi } from 'vitest';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign, UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { signDocument } from '@wardround/protocol/jws';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { FederationBook } from '../../site-agent/src/vault/federation-book.ts';
import { type FakeFederation, foundFakeFederation, signFakePlan, signFakeRelease } from '../fakes/fake-federation.ts';

vi.mock('@wardround/protocol/documents/signed', async (original) => {
  const module = await original<typeof import('@wardround/protocol/documents/signed')>();
  return { ...module, UNVERIFIED_kindOf: vi.fn(module.UNVERIFIED_kindOf) };
});

const stranger = generateSigningKey();

function leaves(federation: FakeFederation, predecessor: string, sequence: number): DocumentOf<'Membership'> {
  return {
    kind: 'Membership',
    version: 1,
    federation: federation.view.federation,
    predecessor,
    sequence,
    issuedAt: '2026-11-20T00:00:00.000Z',
    reason: `change ${sequence}`,
    changes: [{ action: 'setColludingSites', colludingSites: sequence % 2 }],
  };
}

/** Names a membership that nobody knows, in as many letters as asked. */
async function unknownPlan(i: number, letters = 10): Promise<string> {
  const value = { kind: 'StudyPlan', membership: i.toString(16).padStart(64, '0'), filling: 'x'.repeat(letters) };
  return await signDocument({ kind: 'StudyPlan', value, key: stranger });
}

const approvals = (federation: FakeFederation): readonly SigningKey[] =>
  federation.sites.map(({ approval }) => approval);

async function genuine(federation: FakeFederation, book: FederationBook): Promise<void> {
  const release = await signFakeRelease(federation, 'ab'.repeat(48));
  const plan = await signFakePlan(federation, (fake) => ({ ...fake, title: 'Genuine' }));
  for (const { jws } of [release, plan]) expect(await book.add(jws)).toHaveLength(1);
  const change = leaves(federation, federation.view.membership, 1);
  for (const key of approvals(federation).slice(0, 3)) await book.add((await sign('Membership', change, key)).jws);
  expect(book.newest.sequence).toBe(1);
}

describe('a flood of records that name what nobody knows', () => {
  it('is refused beyond its number, named, and starves nobody', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    for (let i = 0; i < 2000; i += 1) expect(await book.add(await unknownPlan(i))).toEqual([]);
    await expect(book.add(await unknownPlan(2000))).rejects.toMatchObject({
      code: 'record-waiting',
      expected: 'at most 2000, of 16777216 characters',
      got: expect.stringMatching(/^2001, of \d+ characters$/) as string,
    });
    await genuine(federation, book);
  });

  it('is refused beyond its characters', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    for (let i = 0; i < 6; i += 1) expect(await book.add(await unknownPlan(i, 2_000_000))).toEqual([]);
    await expect(book.add(await unknownPlan(6, 2_000_000))).rejects.toMatchObject({ code: 'record-waiting' });
    await genuine(federation, book);
  });

  it('is read once each, however many wait', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    const peeks = vi.mocked(UNVERIFIED_kindOf);
    const records = await Promise.all(Array.from({ length: 300 }, async (_, i) => await unknownPlan(i)));
    peeks.mockClear();
    for (const jws of [...records, ...records]) await book.add(jws);
    expect(peeks).toHaveBeenCalledTimes(300);
  });
});

describe('junk that can be judged at once', () => {
  it('takes no place, however much of it there is', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    const { value } = await signFakePlan(federation);
    for (let i = 0; i < 2100; i += 1) {
      const forged = await signDocument({
        kind: 'StudyPlan',
        value: { ...value, title: `forged ${i}` },
        key: stranger,
      });
      expect(await book.add(forged)).toEqual([]);
    }
    expect(await book.add(await unknownPlan(0))).toEqual([]);
    await genuine(federation, book);
  });

  it('of late signatures changes nothing', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    await genuine(federation, book);
    const change = leaves(federation, federation.view.membership, 1);
    const late = { ...change, reason: 'late' };
    for (const key of approvals(federation).slice(0, 2)) {
      expect(await book.add((await sign('Membership', late, key)).jws)).toEqual([]);
    }
    for (const key of approvals(federation)) {
      expect(await book.add((await sign('Membership', change, key)).jws)).toEqual([]);
    }
    expect(book.memberships.size).toBe(2);
  });
});

describe('one site that proposes memberships without end', () => {
  it('fills its own allowance only', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    const [hostile = stranger, ...honest] = approvals(federation);
    const change = leaves(federation, federation.view.membership, 1);
    const propose = async (i: number): Promise<unknown> =>
      await book.add((await sign('Membership', { ...change, reason: `mine ${i}` }, hostile)).jws);
    for (let i = 0; i < 256; i += 1) expect(await propose(i)).toEqual([]);
    await expect(propose(256)).rejects.toMatchObject({
      code: 'record-waiting',
      expected: 'at most 256, of 4194304 characters',
    });
    for (const key of honest) await book.add((await sign('Membership', change, key)).jws);
    expect(book.newest.sequence).toBe(1);
  });
});

describe('a chain of memberships that comes backwards', () => {
  it('is applied when its first link comes, with all that waited for it', async () => {
    const federation = await foundFakeFederation();
    const keys = approvals(federation).slice(0, 3);
    const links: string[][] = [];
    let predecessor = federation.view.membership;
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      const signed = await Promise.all(
        keys.map(async (key) => await sign('Membership', leaves(federation, predecessor, sequence), key)),
      );
      links.push(signed.map(({ jws }) => jws));
      predecessor = signed[0]?.digest ?? '';
    }
    const plan = await signFakePlan(federation, (fake) => ({ ...fake, membership: predecessor }));
    const book = new FederationBook(federation.view);
    for (const jws of [plan.jws, ...links.toReversed().flat().slice(0, -1)]) expect(await book.add(jws)).toEqual([]);
    const released = await book.add(links[0]?.[2] ?? '');
    expect(book.newest.sequence).toBe(5);
    expect(released.map(({ kind }) => kind)).toEqual([...Array.from({ length: 15 }, () => 'Membership'), 'StudyPlan']);
    expect([...book.plans.keys()]).toEqual([plan.digest]);
  });

  it('with two quorums at one link is a fork, for good', async () => {
    const federation = await foundFakeFederation();
    const keys = approvals(federation).slice(0, 3);
    const first = leaves(federation, federation.view.membership, 1);
    const signed = await Promise.all(keys.map(async (key) => await sign('Membership', first, key)));
    const second = { ...leaves(federation, signed[0]?.digest ?? '', 2) };
    const rivals: string[] = [];
    for (const reason of ['this', 'that']) {
      for (const key of keys) rivals.push((await sign('Membership', { ...second, reason }, key)).jws);
    }
    const links = signed.map(({ jws }) => jws);
    for (const records of [
      [...rivals, ...links],
      [...links, ...rivals],
    ]) {
      const book = new FederationBook(federation.view);
      for (const jws of records.slice(0, -1)) await book.add(jws);
      await expect(book.add(records.at(-1) ?? '')).rejects.toMatchObject({ code: 'membership-fork' });
      const release = await signFakeRelease(federation, 'ab'.repeat(48));
      await expect(book.add(release.jws)).rejects.toMatchObject({ code: 'membership-fork' });
    }
  });
});
