// What the vault remembers: a clock that never runs back, and a federation whose members and releases only their own people change.
import { describe, expect, it } from 'vitest';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { type ClockMemory, VaultClock } from '../../site-agent/src/vault/clock.ts';
import { FederationBook } from '../../site-agent/src/vault/federation-book.ts';
import { type FakeFederation, foundFakeFederation, signFakePlan, signFakeRelease } from '../fakes/fake-federation.ts';

function memory(): ClockMemory {
  const values = new Map<string, string>();
  return { meta: (key) => values.get(key) ?? null, setMeta: (key, value) => void values.set(key, value) };
}

describe('the vault’s clock', () => {
  const at = (text: string): Date => new Date(`2026-11-23T${text}.000Z`);

  it('stands still where the system’s runs back a little, and refuses where it runs back far, through restarts too', () => {
    const disk = memory();
    let system = at('08:00:00');
    const clock = new VaultClock(disk, () => system);
    expect(clock.now()).toEqual(at('08:00:00'));
    system = at('07:51:00');
    expect(clock.now()).toEqual(at('08:00:00'));
    system = at('07:49:59');
    expect(() => clock.now()).toThrow(expect.objectContaining({ code: 'clock-ran-back' }));
    const restarted = new VaultClock(disk, () => system);
    expect(() => restarted.now()).toThrow(expect.objectContaining({ code: 'clock-ran-back' }));
    system = at('08:10:00');
    expect(restarted.now()).toEqual(at('08:10:00'));
  });

  it('refuses a time that is none', () => {
    const clock = new VaultClock(memory(), () => new Date(Number.NaN));
    expect(() => clock.now()).toThrow(expect.objectContaining({ code: 'clock-ran-back' }));
  });
});

async function membership(
  federation: FakeFederation,
  signers: readonly SigningKey[],
  change: Partial<DocumentOf<'Membership'>> = {},
): Promise<readonly string[]> {
  const value: DocumentOf<'Membership'> = {
    kind: 'Membership',
    version: 1,
    federation: federation.view.federation,
    predecessor: federation.view.membership,
    sequence: 1,
    issuedAt: '2026-11-20T00:00:00.000Z',
    reason: 'leaves',
    changes: [{ action: 'removeResearcher', name: 'dr.lind' }],
    ...change,
  };
  return await Promise.all(signers.map(async (key) => (await sign('Membership', value, key)).jws));
}

describe('the federation’s book', () => {
  it('changes members with a quorum’s signatures, one after the other, in whatever order they come', async () => {
    const federation = await foundFakeFederation();
    const keys = federation.sites.map(({ approval }) => approval);
    const first = await membership(federation, keys.slice(0, 3));
    const book = new FederationBook(federation.view);
    for (const jws of first.slice(0, 2)) expect(await book.add(jws)).toEqual([]);
    expect(book.newest.sequence).toBe(0);
    expect((await book.add(first[2] ?? '')).map(({ kind }) => kind)).toEqual([
      'Membership',
      'Membership',
      'Membership',
    ]);
    expect([book.newest.sequence, book.newest.researchers]).toEqual([1, []]);
    expect(book.memberships.size).toBe(2);
  });

  it('does not change for strangers’ signatures, or one site’s three times', async () => {
    const federation = await foundFakeFederation();
    const [own] = federation.sites.map(({ approval }) => approval);
    const book = new FederationBook(federation.view);
    const strangers = [generateSigningKey(), generateSigningKey(), generateSigningKey()];
    for (const jws of await membership(federation, strangers)) await book.add(jws);
    if (own !== undefined) for (const jws of await membership(federation, [own, own, own])) await book.add(jws);
    expect(book.newest).toEqual(federation.view);
  });

  it('knows a plan under a membership that it learns of later', async () => {
    const federation = await foundFakeFederation();
    const records = await membership(
      federation,
      federation.sites.map(({ approval }) => approval),
      { changes: [{ action: 'setColludingSites', colludingSites: 0 }] },
    );
    const later = new FederationBook(federation.view);
    for (const jws of records) await later.add(jws);
    const plan = await signFakePlan(federation, (fake) => ({ ...fake, membership: later.newest.membership }));
    const book = new FederationBook(federation.view);
    expect(await book.add(plan.jws)).toEqual([]);
    for (const jws of records) await book.add(jws);
    expect([...book.plans.keys()]).toEqual([plan.digest]);
  });

  it('takes a release from its releaser only, and a revocation from the same one', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    const release = await signFakeRelease(federation, 'ab'.repeat(48));
    const forged = await sign('EnclaveRelease', { ...release.value, bundle: '1'.repeat(64) }, generateSigningKey());
    const named = await sign('EnclaveRelease', { ...release.value, releaser: 'somebody' }, federation.releaser);
    const revocation: DocumentOf<'ReleaseRevocation'> = {
      kind: 'ReleaseRevocation',
      version: 1,
      release: release.digest,
      releaser: 'builder',
      revokedAt: '2026-11-20T00:00:00.000Z',
      reason: 'a hole',
    };
    const strangers = await sign('ReleaseRevocation', revocation, generateSigningKey());
    const early = await sign('ReleaseRevocation', revocation, federation.releaser);
    for (const { jws } of [strangers, early, forged, named]) expect(await book.add(jws)).toEqual([]);
    expect(book.releases.size).toBe(0);
    await book.add(release.jws);
    expect([...book.releases.keys()]).toEqual([release.digest]);
    expect(book.revocations.map(({ digest }) => digest)).toEqual([early.digest]);
  });

  it('passes over junk', async () => {
    const federation = await foundFakeFederation();
    const book = new FederationBook(federation.view);
    for (const jws of ['', 'a.b.c', federation.records[0] ?? '']) expect(await book.add(jws)).toEqual([]);
  });
});
