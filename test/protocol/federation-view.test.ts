// The federation as signed records make it, attacked by a coordinator that would like other members.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import {
  applyMemberships,
  foundFederation,
  readFederation,
  requireResearcher,
  requireSite,
} from '@wardround/protocol/federation-view';
import { quorum } from '@wardround/protocol/quorum';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FakeFederation, fakeFederation, fakeSite, type FakeSite } from '../fakes/federation.ts';

let federation: FakeFederation;
beforeAll(async () => {
  federation = await fakeFederation(['a', 'b', 'c', 'd'], 1);
});

async function membership(
  change: Partial<DocumentOf<'Membership'>>,
  signers: readonly FakeSite[] = federation.sites.slice(0, 3),
): Promise<string[]> {
  const value: DocumentOf<'Membership'> = {
    kind: 'Membership',
    version: 1,
    federation: federation.view.federation,
    predecessor: federation.view.membership,
    sequence: 1,
    issuedAt: '2026-11-02T00:00:00.000Z',
    reason: 'A fifth hospital joins',
    changes: [{ action: 'addSite', site: fakeSite('e').site }],
    ...change,
  };
  return await Promise.all(signers.map(async (site) => (await sign('Membership', value, site.approval)).jws));
}

const names = (view: { sites: readonly { name: string }[] }): string[] => view.sites.map((site) => site.name);

describe('quorum', () => {
  it.each([
    [4, 1, 3],
    [3, 0, 2],
    [4, 0, 3],
    [7, 2, 5],
  ])('of %i sites with %i colluding is %i', (m, f, q) => expect(quorum(m, f)).toBe(q));

  it('makes any two quorums share more than f sites', () => {
    for (let m = 1; m <= 40; m += 1) for (let f = 0; f < m; f += 1) expect(2 * quorum(m, f) - m).toBeGreaterThan(f);
  });
});

describe('a genesis', () => {
  it("founds a federation with every founder's signature", () => {
    expect(names(federation.view)).toEqual(['a', 'b', 'c', 'd']);
    expect(federation.view.membership).toBe(federation.view.federation);
  });

  it('is incomplete without one of them, and says whose', async () => {
    await expect(foundFederation(federation.records.slice(1))).rejects.toMatchObject({
      code: 'genesis-incomplete',
      got: 'none from a',
    });
  });

  it("does not count one founder's signature twice", async () => {
    const [first = ''] = federation.records;
    await expect(foundFederation([first, first, first, first])).rejects.toMatchObject({ code: 'genesis-incomplete' });
  });

  it("does not count a founder's other keys, or a stranger's", async () => {
    const [a] = federation.sites;
    const other = await sign('Genesis', federation.genesis, a?.agent ?? fakeSite('x').agent);
    const stranger = await sign('Genesis', federation.genesis, fakeSite('a').approval);
    await expect(foundFederation([...federation.records.slice(1), other.jws, stranger.jws])).rejects.toMatchObject({
      code: 'genesis-incomplete',
    });
  });

  it('is found among junk and half-signed rivals', async () => {
    const rival = await sign(
      'Genesis',
      { ...federation.genesis, colludingSites: 0 },
      federation.sites[0]?.approval ?? fakeSite('x').approval,
    );
    const view = await foundFederation(['junk', rival.jws, ...federation.records, 'a.b.c']);
    expect(view.federation).toBe(federation.view.federation);
  });

  it('is not guessed between two complete ones', async () => {
    const other = await fakeFederation(['x', 'y']);
    const both = [...federation.records, ...other.records];
    await expect(foundFederation(both)).rejects.toMatchObject({ code: 'genesis-ambiguous' });
    expect(names(await foundFederation(both, other.view.federation))).toEqual(['x', 'y']);
  });

  it('refuses one key in two places', async () => {
    const [a, b] = federation.sites;
    if (a === undefined || b === undefined) throw new Error('no sites');
    const sites = federation.genesis.sites.map((site) =>
      site.name === 'b' ? { ...site, keys: { ...site.keys, agent: a.agent.publicKey } } : site,
    );
    await expect(sign('Genesis', { ...federation.genesis, sites }, a.approval)).rejects.toMatchObject({
      code: 'document-invalid',
    });
  });
});

describe('a membership', () => {
  it('takes effect with a quorum', async () => {
    const view = await applyMemberships(federation.view, await membership({}));
    expect(names(view)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(view.sequence).toBe(1);
    expect(view.membership).not.toBe(view.federation);
  });

  it.each([
    ['two of four signatures', async () => await membership({}, federation.sites.slice(0, 2))],
    [
      'three signatures of one site',
      async () => [
        ...(await membership({}, federation.sites.slice(0, 1))),
        ...(await membership({}, federation.sites.slice(0, 1))),
      ],
    ],
    [
      "the newcomer's own signature",
      async () => await membership({}, [...federation.sites.slice(0, 2), fakeSite('e')]),
    ],
    ['another federation', async () => await membership({ federation: 'a'.repeat(64) })],
    ['another predecessor', async () => await membership({ predecessor: 'b'.repeat(64) })],
    ['a skipped number', async () => await membership({ sequence: 2 })],
    ['the removal of nobody', async () => await membership({ changes: [{ action: 'removeSite', name: 'nobody' }] })],
    [
      'a name that is taken',
      async () => await membership({ changes: [{ action: 'addSite', site: fakeSite('a').site }] }),
    ],
    [
      'a key that is taken',
      async () =>
        await membership({
          changes: [
            {
              action: 'addSite',
              site: { ...fakeSite('e').site, keys: federation.genesis.sites[0]?.keys ?? fakeSite('e').site.keys },
            },
          ],
        }),
    ],
    [
      'a single site left',
      async () => await membership({ changes: ['a', 'b', 'c'].map((name) => ({ action: 'removeSite', name })) }),
    ],
  ])('changes nothing with %s', async (_name, records) => {
    expect(await applyMemberships(federation.view, await records())).toEqual(federation.view);
  });

  it("chains, in any order of arrival, and needs the new members' quorum", async () => {
    const first = await membership({});
    const middle = await applyMemberships(federation.view, first);
    const second = await membership(
      { predecessor: middle.membership, sequence: 2, changes: [{ action: 'removeSite', name: 'a' }] },
      federation.sites.slice(0, 4),
    );
    const view = await readFederation([...second, ...first, ...federation.records]);
    expect(names(view)).toEqual(['b', 'c', 'd', 'e']);
    // Five members and f = 1 need four signatures; three, enough before, are not enough now.
    expect(await applyMemberships(middle, second.slice(0, 3))).toEqual(middle);
  });

  it('stops where a quorum signed two successors', async () => {
    const forked = [
      ...(await membership({})),
      ...(await membership({ reason: 'Another', changes: [{ action: 'removeSite', name: 'd' }] })),
    ];
    await expect(applyMemberships(federation.view, forked)).rejects.toMatchObject({ code: 'membership-fork' });
  });
});

describe('members', () => {
  it('are found by name or named as missing', () => {
    expect(requireSite(federation.view, 'a').name).toBe('a');
    expect(() => requireSite(federation.view, 'zz')).toThrowError(
      expect.objectContaining({ code: 'member-unknown', expected: 'a, b, c, d' }),
    );
    expect(requireResearcher(federation.view, 'dr.lind').name).toBe('dr.lind');
    expect(() => requireResearcher(federation.view, 'dr.who')).toThrowError(
      expect.objectContaining({ code: 'researcher-unknown' }),
    );
  });
});
